// Consumer groups on Kafka under the suite of their port.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, jest } from '@jest/globals'
import type { Problem } from '@tidemark/feature-schema/errors'
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

describe('a member that comes again under its name', () => {
  it('takes nothing from others, not even for a while, and the one before is told of', async () => {
    const options = { ...testOptions((await sharedServers('kafka')).kafka.brokers), sessionTimeoutMs: SESSION_TIMEOUT_MS }
    await using log = openKafkaEventLog(options)
    const notices: Problem[] = []
    await using groups = openKafkaConsumerGroups({ ...options, onNotice: (notice) => notices.push(notice) })
    await log.ensureTopic('t', 4)
    await using _before = await groups.join('g', 't', 'a')
    await using other = await groups.join('g', 't', 'b')
    expect(await other.assigned()).toEqual([1, 3])
    const seen = new Set<string>()
    let isOver = false
    const watching = (async () => {
      for (; !isOver; await sleep(5)) seen.add((await other.assigned()).join())
    })()
    try {
      await using after = await groups.join('g', 't', 'a')
      expect(await after.assigned()).toEqual([0, 2])
      await sleep(SESSION_TIMEOUT_MS)
    } finally {
      isOver = true
      await watching
    }
    expect([...seen]).toEqual(['1,3'])
    expect(notices).toEqual([expect.objectContaining({ code: 'STORE_SETTINGS', message: expect.stringContaining('joined as member a,'), where: expect.stringContaining('group') })])
  })
})
