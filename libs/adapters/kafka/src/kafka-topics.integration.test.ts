// Topics and their settings, credentials, and what brokers make of batches.
import { randomUUID } from 'node:crypto'
import { describe, expect, it, jest } from '@jest/globals'
import { incrementalAlterConfigsV1 } from '@platformatic/kafka'
import { externalTopic, type EventLog } from '@tidemark/ports/event-log'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { KafkaCluster } from './kafka-cluster.ts'
import { openKafkaConsumerGroups } from './kafka-consumer-groups.ts'
import { openKafkaEventLog } from './kafka-event-log.ts'
import type { KafkaOptions } from './kafka-options.ts'
import { appendAborted, beginTransaction, makeTopic, testOptions } from './testing/kafka-clients.ts'
import { Producers } from './testing/producers.ts'

jest.setTimeout(120_000)

const NO_LIMITS = { countMax: 1_000_000, sizeMaxBytes: 1_000_000_000, waitMaxMs: 0 }
const TOPIC_RESOURCE = 2
const SET = 0
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

interface Opened extends AsyncDisposable {
  readonly options: KafkaOptions
  readonly log: EventLog & { checkTopic(topic: string): Promise<void> }
  readonly cluster: KafkaCluster
}

async function open(more: Partial<KafkaOptions> = {}): Promise<Opened> {
  const options = { ...testOptions((await sharedServers('kafka')).kafka.brokers), ...more }
  const log = openKafkaEventLog(options)
  const cluster = new KafkaCluster(options)
  return {
    options,
    log,
    cluster,
    async [Symbol.asyncDispose]() {
      await log[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
}

async function valuesOf(log: EventLog, topic: string): Promise<string[]> {
  const values: string[] = []
  for (let from = 0; ; ) {
    const { next, records } = await log.fetch(topic, 0, from, NO_LIMITS)
    values.push(...records.map(({ value }) => Buffer.from(value!).toString()))
    if (next === from) return values
    from = next
  }
}

const appendOf = (...values: string[]): Parameters<EventLog['append']>[0] => [{ topic: 't', partition: 0, records: values.map((value) => ({ key: null, value: Buffer.from(value) })) }]

describe('a topic that keeps its producers\' times', () => {
  it('is refused wherever it is used, with the command that mends it, and is taken once it has been', async () => {
    await using opened = await open()
    const { log, cluster, options } = opened
    await makeTopic(cluster, 't', { 'message.timestamp.type': 'CreateTime' })
    const refusals = [() => log.checkTopic('t'), () => log.append(appendOf('a')), () => log.ensureTopic('t', 1), () => log.fetch('t', 0, 0, NO_LIMITS)]
    for (const refusal of refusals) await expect(refusal()).rejects.toThrow(code('TOPIC_SETTINGS'))
    const command = `kafka-configs.sh --bootstrap-server ${options.brokers[0]} --entity-type topics --entity-name ${options.namePrefix}t --alter --add-config message.timestamp.type=LogAppendTime`
    await expect(log.checkTopic('t')).rejects.toThrow(command)
    const configs = [{ name: 'message.timestamp.type', configOperation: SET, value: 'LogAppendTime' }] as const
    await incrementalAlterConfigsV1.api.async(await cluster.anyBroker(0), [{ resourceType: TOPIC_RESOURCE, resourceName: cluster.named('t'), configs: [...configs] }], false)
    await cluster.retrying('t', () => log.checkTopic('t'), { isWorthwhile: () => true })
    await log.append(appendOf('b'))
    expect(await valuesOf(log, 't')).toEqual(['b'])
  })

  it('is refused at the records from before the change', async () => {
    await using opened = await open()
    const { log, cluster } = opened
    await log.ensureTopic('t', 1)
    await log.append(appendOf('stamped'))
    const configs = [{ name: 'message.timestamp.type', configOperation: SET, value: 'CreateTime' }] as const
    await incrementalAlterConfigsV1.api.async(await cluster.anyBroker(0), [{ resourceType: TOPIC_RESOURCE, resourceName: cluster.named('t'), configs: [...configs] }], false)
    await using late = openKafkaEventLog(opened.options)
    await cluster.retrying('t', async () => {
      await expect(late.checkTopic('t')).rejects.toThrow(code('TOPIC_SETTINGS'))
    }, { isWorthwhile: () => true })
    // This client has looked before.
    await log.append(appendOf('not stamped'))
    expect((await log.fetch('t', 0, 0, { ...NO_LIMITS, countMax: 1 })).next).toBe(1)
    await expect(log.fetch('t', 0, 1, NO_LIMITS)).rejects.toThrow(code('TOPIC_SETTINGS'))
  })
})

describe('a topic of others', () => {
  it('is read by their name for it, whatever stamps it, and its positions are committed together with appends elsewhere', async () => {
    await using opened = await open()
    const { log, options } = opened
    const name = `others-${randomUUID()}`
    await using producers = await Producers.open(options, name, 2)
    const records = [{ key: Buffer.from([0, 1]), value: Buffer.from([0xff]), headers: { trace: Buffer.from([7]) } }, { key: null, value: null, headers: {} }]
    await producers.append(1, records)
    const topic = externalTopic(name)
    expect(await log.partitionCount(topic)).toBe(2)
    expect(await log.topics()).toEqual([])
    const batch = await log.fetch(topic, 1, 0, NO_LIMITS)
    expect(batch).toMatchObject({ from: 0, next: 2, records })
    await log.ensureTopic('t', 2)
    expect(await log.appendAndCommit([{ topic: 't', partition: 1, records: batch.records }], { group: 'g', topic, partition: 1, offset: 2 }, null)).toHaveLength(1)
    expect(await log.committed('g', topic, 1)).toBe(2)
    expect((await log.fetch('t', 1, 0, NO_LIMITS)).records).toMatchObject(records)
    expect(await log.appendAndCommit([], { group: 'g', topic, partition: 1, offset: 2 }, null)).toBeNull()
    await using groups = openKafkaConsumerGroups(options)
    await using member = await groups.join('g', topic, 'a')
    expect(await member.assigned()).toEqual([0, 1])
  })

  it('is neither made nor appended to, and not relayed into itself', async () => {
    await using opened = await open()
    const { log, options } = opened
    await log.ensureTopic('t', 1)
    const own = externalTopic(`${options.namePrefix}t`)
    await expect(log.ensureTopic(externalTopic('o'), 1)).rejects.toThrow("its owners' to make")
    await expect(log.append([{ topic: own, partition: 0, records: [{ key: null, value: Buffer.from('a') }] }])).rejects.toThrow("its owners' to append to")
    await expect(log.appendAndCommit(appendOf('a'), { group: 'g', topic: own, partition: 0, offset: 1 }, null)).rejects.toThrow(code('TOPIC_SETTINGS'))
    await expect(log.partitionCount(externalTopic(`none-${randomUUID()}`))).rejects.toThrow(code('UNKNOWN_NAME'))
  })
})

describe('a name that Kafka does not allow', () => {
  it('is no topic\'s', async () => {
    await using opened = await open()
    await expect(opened.log.ensureTopic('é', 1)).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(opened.log.partitionCount('a b')).rejects.toThrow(code('UNKNOWN_NAME'))
  })
})

describe('two systems in one cluster', () => {
  it('see their own topics and positions alone', async () => {
    await using one = await open()
    await using two = await open()
    await one.log.ensureTopic('t', 1)
    await two.log.ensureTopic('u', 2)
    expect([await one.log.topics(), await two.log.topics()]).toEqual([['t'], ['u']])
    await two.log.ensureTopic('t', 1)
    await one.log.commit({ group: 'g', topic: 't', partition: 0, offset: 7 })
    expect(await two.log.committed('g', 't', 0)).toBeNull()
  })
})

describe('records', () => {
  const values = Array.from({ length: 500 }, (_, i) => `value ${i} ${'.'.repeat(i % 50)}`)

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('are read that this client compressed with %s', async (compression) => {
    await using opened = await open({ compression })
    await opened.log.ensureTopic('t', 1)
    await opened.log.append(appendOf(...values))
    expect(await valuesOf(opened.log, 't')).toEqual(values)
  })

  it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('are read that the broker compressed with %s', async (compression) => {
    await using opened = await open()
    await makeTopic(opened.cluster, 't', { 'message.timestamp.type': 'LogAppendTime', 'compression.type': compression })
    await opened.cluster.retrying('t', () => opened.cluster.partitionsOf('t'), { isWorthwhile: () => true })
    await opened.log.append(appendOf(...values))
    expect(await valuesOf(opened.log, 't')).toEqual(values)
  })

  it('of aborted transactions are not seen, however long these are and whatever comes between', async () => {
    await using opened = await open()
    const { log, cluster } = opened
    await log.ensureTopic('t', 1)
    await log.append(appendOf('a'))
    await appendAborted(cluster, 't', 0, 3)
    await log.append(appendOf('b'))
    await appendAborted(cluster, 't', 0, 5_000)
    await log.append(appendOf('c'))
    expect(await valuesOf(log, 't')).toEqual(['a', 'b', 'c'])
    for (let from = 1; from < 5; from++) expect((await log.fetch('t', 0, from, { ...NO_LIMITS, countMax: 1 })).records.map(({ value }) => `${value}`)).toEqual(['b'])
  })

  it('of a transaction that is not decided cannot be read, and are in the extent as appended', async () => {
    await using opened = await open()
    const { log, cluster } = opened
    await log.ensureTopic('t', 1)
    await log.append(appendOf('a'))
    const transaction = await beginTransaction(cluster, 't', 0, 2)
    await log.append(appendOf('b'))
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 1, appendedEnd: 4 })
    expect(await log.fetch('t', 0, 1, NO_LIMITS)).toEqual({ from: 1, next: 1, records: [], isAtEnd: false })
    expect(await valuesOf(log, 't')).toEqual(['a'])
    await transaction.end(true)
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 5, appendedEnd: 5 })
    expect(await log.fetch('t', 0, 5, NO_LIMITS)).toEqual({ from: 5, next: 5, records: [], isAtEnd: true })
    expect(await valuesOf(log, 't')).toEqual(['a', 'in a transaction 0', 'in a transaction 1', 'b'])
  })

  it('larger than the topic takes are refused', async () => {
    await using opened = await open()
    await makeTopic(opened.cluster, 't', { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '1000' })
    await opened.cluster.retrying('t', () => opened.cluster.partitionsOf('t'), { isWorthwhile: () => true })
    await expect(opened.log.append(appendOf('x'.repeat(1_000)))).rejects.toThrow(code('EVENT_TOO_LARGE'))
    await opened.log.append(appendOf(...Array.from({ length: 100 }, () => 'x'.repeat(100))))
    expect(await valuesOf(opened.log, 't')).toHaveLength(100)
  })
})

describe('credentials', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256'] as const)('let in by %s, and wrong ones do not', async (mechanism) => {
    const { kafka: { saslBrokers: brokers, username, password } } = await sharedServers('kafka')
    await using opened = await open({ brokers, sasl: { mechanism, username, password } })
    await opened.log.ensureTopic('t', 1)
    await opened.log.append(appendOf('a'))
    expect(await valuesOf(opened.log, 't')).toEqual(['a'])
    await using strange = await open({ brokers, sasl: { mechanism, username, password: 'wrong secret' } })
    for (const attempt of [() => strange.log.topics(), () => strange.log.append(appendOf('a')), () => strange.log.fetch('t', 0, 0, NO_LIMITS)]) {
      const refused = await attempt().then(() => null, (error: unknown) => error)
      expect(refused).toMatchObject({ code: 'STORE_REFUSED' })
      expect((refused as Error).message).not.toContain('wrong secret')
    }
    await using groups = openKafkaConsumerGroups(strange.options)
    await expect(groups.join('g', 't', 'a')).rejects.toThrow(code('STORE_REFUSED'))
  })
})
