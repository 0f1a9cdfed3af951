// The log on Kafka under the suite of its port, and what else it does.
import { randomUUID } from 'node:crypto'
import { describe, expect, it, jest } from '@jest/globals'
import type { CommittedPosition } from '@tidemark/ports/event-log'
import { eventLogContract } from '@tidemark/ports/event-log.contract'
import { appendTexts, NO_LIMITS, readTexts, recordOf, textsOf } from '@tidemark/ports/testing/log-cases'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { WAIT_STEP_MAX_MS } from './fetch-desk.ts'
import { KafkaCluster } from './kafka-cluster.ts'
import { openKafkaEventLog } from './kafka-event-log.ts'
import { kafkaLogHarness, makeTopic, testOptions, transactionIdOf } from './testing/kafka-clients.ts'
import { FencedError, TransactionWriter, type TransactionPart } from './transaction-writer.ts'

jest.setTimeout(120_000)

eventLogContract('kafka', async () => kafkaLogHarness((await sharedServers('kafka')).kafka.brokers))

const brokers = async (): Promise<readonly string[]> => (await sharedServers('kafka')).kafka.brokers

describe('fetches', () => {
  it('that wait hold up no others, in whatever number and order they begin', async () => {
    await using log = openKafkaEventLog(testOptions(await brokers()))
    await log.ensureTopic('t', 12)
    await appendTexts(log, 't', 0, ...Array.from({ length: 40 }, (_, i) => `${i}`))
    const home = new AbortController()
    const waiting: Promise<unknown>[] = []
    for (let partition = 1; partition < 6; partition++) {
      waiting.push(log.fetch('t', partition, 0, { ...NO_LIMITS, waitMaxMs: 60_000 }, home.signal))
      await log.extent('t', 0)
    }
    const fromMs = performance.now()
    // From different positions, so that nothing comes from what was read ahead.
    for (let from = 39; from >= 0; from--) expect(textsOf(await log.fetch('t', 0, from, { ...NO_LIMITS, countMax: 1 }))).toEqual([`${from}`])
    // One behind those that wait would have come a step later, each time.
    expect(performance.now() - fromMs).toBeLessThan((40 * WAIT_STEP_MAX_MS) / 4)
    home.abort()
    await Promise.all(waiting)
  })

  it('of many partitions at once each get what is theirs', async () => {
    await using log = openKafkaEventLog(testOptions(await brokers()))
    await log.ensureTopic('t', 12)
    await log.ensureTopic('u', 12)
    const places = Array.from({ length: 24 }, (_, i) => ({ topic: i % 2 ? 't' : 'u', partition: i >> 1 }))
    const fetched = places.map(({ topic, partition }) => log.fetch(topic, partition, 0, { ...NO_LIMITS, waitMaxMs: 60_000 }))
    await log.append(places.map(({ topic, partition }) => ({ topic, partition, records: [recordOf(`${topic}${partition}`)] })))
    expect((await Promise.all(fetched)).map(textsOf)).toEqual(places.map(({ topic, partition }) => [`${topic}${partition}`]))
  })

  it('of one partition from two positions are both answered, and read on', async () => {
    await using log = openKafkaEventLog(testOptions(await brokers()))
    await log.ensureTopic('t', 1)
    await appendTexts(log, 't', 0, ...Array.from({ length: 30 }, (_, i) => `${i}`))
    const all = await Promise.all([0, 10, 20, 10].map((from) => readTexts(log, 't', 0, from, 3)))
    expect(all.map((texts) => [texts[0], texts.length])).toEqual([['0', 30], ['10', 20], ['20', 10], ['10', 20]])
  })
})

describe('a transaction', () => {
  const part = (text: string): TransactionPart => ({ topic: 't', partition: 0, batches: [[recordOf(text)]] })
  const position = (offset: number): CommittedPosition => ({ group: 'g', topic: 't', partition: 0, offset })

  it('of a holder that was fenced leaves nothing, whatever it had sent', async () => {
    const options = testOptions(await brokers())
    await using log = openKafkaEventLog(options)
    await using cluster = new KafkaCluster(options)
    await log.ensureTopic('t', 1)
    const id = randomUUID()
    const earlier = new TransactionWriter(cluster, id)
    const later = new TransactionWriter(cluster, id)
    await earlier.run([part('earlier, before')], position(1))
    await later.begin()
    await expect(earlier.run([part('earlier, after')], position(9))).rejects.toThrow(FencedError)
    await later.run([part('later')], position(2))
    expect(await readTexts(log, 't', 0)).toEqual(['earlier, before', 'later'])
    expect(await log.committed('g', 't', 0)).toBe(2)
    await earlier.run([part('earlier, anew')], position(3))
    expect(await readTexts(log, 't', 0)).toEqual(['earlier, before', 'later', 'earlier, anew'])
  })

  it('is fenced by who takes its place over, and by nobody who only asks for the position', async () => {
    const options = testOptions(await brokers())
    await using log = openKafkaEventLog(options)
    await using cluster = new KafkaCluster(options)
    await log.ensureTopic('t', 1)
    const earlier = new TransactionWriter(cluster, 'g/t/0')
    await earlier.begin()
    expect(await log.committed('g', 't', 0)).toBeNull()
    await earlier.run([part('before')], position(1))
    expect(await log.committed('g', 't', 0, true)).toBe(1)
    await expect(earlier.run([part('after')], position(9))).rejects.toThrow(FencedError)
    expect(await readTexts(log, 't', 0)).toEqual(['before'])
  })

  it('that fails is ended, and keeps nobody from reading what comes after it', async () => {
    const options = testOptions(await brokers())
    await using log = openKafkaEventLog(options)
    await using cluster = new KafkaCluster(options)
    await makeTopic(cluster, 't', { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '1000' })
    await cluster.retrying('t', () => cluster.partitionsOf('t'), { isWorthwhile: () => true })
    const writer = new TransactionWriter(cluster, randomUUID())
    await expect(writer.run([{ ...part(''), batches: [[recordOf('small')], [recordOf('x'.repeat(2_000))]] }], null)).rejects.toThrow()
    await appendTexts(log, 't', 0, 'after')
    expect(await readTexts(log, 't', 0)).toEqual(['after'])
  })

  it('of an append is begun again where it is fenced, as where the brokers gave it up', async () => {
    const options = testOptions(await brokers())
    await using log = openKafkaEventLog(options)
    await using cluster = new KafkaCluster(options)
    await log.ensureTopic('t', 2)
    const append = (text: string): Promise<unknown> => log.append([0, 1].map((partition) => ({ topic: 't', partition, records: [recordOf(text)] })))
    await append('a')
    await new TransactionWriter(cluster, await transactionIdOf(cluster, 'append/')).begin()
    await append('b')
    for (const partition of [0, 1]) expect(await readTexts(log, 't', partition)).toEqual(['a', 'b'])
  })
})
