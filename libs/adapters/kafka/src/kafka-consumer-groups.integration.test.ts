// Consumer groups on Kafka under the suite of their port.
import { setTimeout as sleep } from 'node:timers/promises'
import { jest } from '@jest/globals'
import { consumerGroupsContract } from '@tidemark/ports/consumer-groups.contract'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { openKafkaConsumerGroups } from './kafka-consumer-groups.ts'
import { openKafkaEventLog } from './kafka-event-log.ts'
import { testOptions } from './testing/kafka-clients.ts'

jest.setTimeout(120_000)

const SESSION_TIMEOUT_MS = 2_000
/** A change shows with the next heartbeat of each member; one that is silent is given up a session later. */
const SETTLE_MAX_MS = 3 * SESSION_TIMEOUT_MS

consumerGroupsContract('kafka', async () => {
  const options = { ...testOptions((await sharedServers('kafka')).kafka.brokers), sessionTimeoutMs: SESSION_TIMEOUT_MS }
  const log = openKafkaEventLog(options)
  const groups = openKafkaConsumerGroups(options)
  const other = openKafkaConsumerGroups(options)
  return {
    log,
    groups,
    other,
    step: (byMs) => sleep(Math.max(0, byMs)),
    hasServerClock: true,
    settleMaxMs: SETTLE_MAX_MS,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    async [Symbol.asyncDispose]() {
      for (const client of [groups, other, log]) await client[Symbol.asyncDispose]()
    },
  }
})
