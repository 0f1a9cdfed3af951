// A producers' topic that is deleted and made anew, with more records than were relayed of the one before: Kafka forgets its positions with it, so the
// relay stands still, whether it was running meanwhile or comes later.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { openKafkaEventLog } from '@tidemark/adapter-kafka/kafka-event-log'
import { testOptions } from '@tidemark/adapter-kafka/testing/kafka-clients'
import { Producers } from '@tidemark/adapter-kafka/testing/producers'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { eventSource, timestamp } from '@tidemark/feature-schema/dsl'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { createRelay, type Relay } from '@tidemark/pipelines/relay/relay'
import type { EventLog } from '@tidemark/ports/event-log'
import { sharedServers } from '@tidemark/servers/shared-servers'

const TEST_MAX_MS = 120_000
const RECORDS = Array.from({ length: 3 }, (_, i) => ({ key: null, value: Buffer.from(`before ${i}`), headers: {} }))
const OTHERS = Array.from({ length: 10 }, (_, i) => ({ key: null, value: Buffer.from(`after ${i}`), headers: {} }))

it('is not gone on with where the one before was left', async () => {
  const options = testOptions((await sharedServers('kafka')).kafka.brokers)
  const name = `others-${randomUUID()}`
  await using log = openKafkaEventLog(options)
  const { definition: source } = eventSource('orders', { fields: { at: timestamp() }, eventTime: 'at', relayFrom: name })
  const alarms: Alarm[] = []
  const relayOf = (own: EventLog): Relay => createRelay({ source, log: own, membership: { assigned: async () => [0], [Symbol.asyncDispose]: async () => undefined }, clock: createSystemClock(), onAlarm: (alarm) => alarms.push(alarm) })
  const running = relayOf(log)
  {
    await using producers = await Producers.open(options, name, 1)
    await producers.append(0, RECORDS)
    for (let count = 0; count < RECORDS.length; ) count += (await running.step()).recordCount
    await producers.removeTopic()
  }
  await using producers = await Producers.open(options, name, 1)
  await producers.append(0, OTHERS)

  await stands(running)
  await using later = openKafkaEventLog({ ...options, clientId: 'tidemark-tests-later' })
  await stands(relayOf(later))
  expect(alarms.map(({ code }) => code)).toEqual(['LOG_OFFSET_GONE', 'LOG_OFFSET_GONE'])
  const { records } = await log.fetch('orders', 0, 0, { countMax: 100, sizeMaxBytes: 1e6, waitMaxMs: 0 })
  expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(RECORDS.map(({ value }) => value.toString()))

  async function stands(relay: Relay): Promise<void> {
    for (;;) {
      // A broker may not know the new topic yet.
      const { did, stopped } = await relay.step().catch(() => ({ did: 'idle', stopped: [] }))
      expect(did).toBe('idle')
      if (stopped.length > 0) return
      await sleep(20)
    }
  }
}, TEST_MAX_MS)
