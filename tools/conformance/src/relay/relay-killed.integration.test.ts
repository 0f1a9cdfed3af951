// A relay on a real Kafka, in processes that are killed while they relay: each record is in the source's own topic once, in its order and as it was.
// TIDEMARK_SEED replays when they are killed.

import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { openKafkaEventLog } from '@tidemark/adapter-kafka/kafka-event-log'
import { testOptions } from '@tidemark/adapter-kafka/testing/kafka-clients'
import { Producers } from '@tidemark/adapter-kafka/testing/producers'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { eventSource, timestamp } from '@tidemark/feature-schema/dsl'
import { readRelayLag } from '@tidemark/pipelines/relay/run-relay'
import { externalTopic, type EventLog } from '@tidemark/ports/event-log'
import { sharedServers } from '@tidemark/servers/shared-servers'
import type { RelayChild } from './relay-child.ts'

const KILLS = 8
const PARTITIONS = 2
const TEST_MAX_MS = 300_000
const seed = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 100_000)
const random = seededRandom(seed)

/** One that relays, once it has relayed something. */
async function startChild(child: RelayChild): Promise<ChildProcess> {
  const started = spawn(process.execPath, [join(import.meta.dirname, 'relay-child.ts'), JSON.stringify(child)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(started, 'exit').then(([code]) => Promise.reject(new Error(`It ended with ${code}.`)))
  ended.catch(() => undefined)
  await Promise.race([once(started.stdout!, 'data'), ended])
  return started
}

async function contentsOf(log: EventLog, topic: string): Promise<string[][]> {
  return Promise.all(Array.from({ length: PARTITIONS }, async (_, partition) => {
    const found: string[] = []
    for (let from = 0; ; ) {
      const { records, next } = await log.fetch(topic, partition, from, { countMax: 10_000, sizeMaxBytes: 1e8, waitMaxMs: 0 })
      for (const { key, value, headers } of records) found.push(JSON.stringify([key, value, headers].map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part))))
      if (next === from) return found
      from = next
    }
  }))
}

it(`a relay that is killed ${KILLS} times loses nothing and repeats nothing (TIDEMARK_SEED=${seed})`, async () => {
  const { kafka: { brokers } } = await sharedServers('kafka')
  const options = testOptions(brokers)
  const name = `others-${randomUUID()}`
  await using producers = await Producers.open(options, name, PARTITIONS)
  await using log = openKafkaEventLog(options)
  const source: SourceDefinition = eventSource('orders', { fields: { at: timestamp() }, eventTime: 'at', relayFrom: name }).definition
  await log.ensureTopic('orders', 1)
  let sentCount = 0
  let isSending = true
  const sending = (async () => {
    for (; isSending || sentCount < 2_000; ) {
      const records = Array.from({ length: 1 + random.below(40) }, () => ({ key: Buffer.from([random.below(256)]), value: Buffer.from([0, 0xff, ...String(sentCount++)].map(Number)), headers: { n: Buffer.from([sentCount % 256]) } }))
      await producers.append(random.below(PARTITIONS), records)
      await sleep(5)
    }
  })()
  const children: ChildProcess[] = []
  try {
    for (let i = 0; i < KILLS; i++) {
      // Two of a name fence each other; of two names, the second waits for its turn.
      const child = await startChild({ source, options, member: `member ${i % 2}` })
      children.push(child)
      await sleep(random.below(1_500))
      child.kill('SIGKILL')
    }
    const last = await startChild({ source, options, member: 'last' })
    children.push(last)
    isSending = false
    await sending
    for (const endMs = performance.now() + TEST_MAX_MS / 2; (await readRelayLag(log, source)).some(({ lagCount }) => lagCount > 0); await sleep(50)) {
      if (performance.now() > endMs) throw new Error(`It is still behind: ${JSON.stringify(await readRelayLag(log, source))}`)
    }
  } finally {
    isSending = false
    for (const child of children) child.kill('SIGKILL')
    await sending
  }
  const [sent, relayed] = [await contentsOf(log, externalTopic(name)), await contentsOf(log, 'orders')]
  expect(sent.flat()).toHaveLength(sentCount)
  expect(relayed.map(({ length }) => length)).toEqual(sent.map(({ length }) => length))
  expect(relayed).toEqual(sent)
}, TEST_MAX_MS)
