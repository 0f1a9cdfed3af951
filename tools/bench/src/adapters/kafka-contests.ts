// The log on Kafka beside the client's own producer and consumer.

import { randomUUID } from 'node:crypto'
import { openKafkaEventLog } from '@tidemark/adapter-kafka/kafka-event-log'
import { Consumer, MessagesStreamModes, ProduceAcks, Producer } from '@platformatic/kafka'
import type { LogAppend } from '@tidemark/ports/event-log'
import type { Addresses } from '@tidemark/servers/addresses'
import type { Contests } from './contest.ts'

const PARTITIONS = 4
const RECORDS_PER_APPEND = 500
const APPENDS_PER_PARTITION = 25
const RECORD_COUNT = PARTITIONS * RECORDS_PER_APPEND * APPENDS_PER_PARTITION
const VALUE_BYTES = 200
const FETCHED_MAX = 5_000
const FETCH_MAX_BYTES = 8 * 1_048_576
const WAIT_MAX_MS = 500

export async function openKafkaContests({ kafka: { brokers } }: Addresses): Promise<Contests> {
  await using opened = new AsyncDisposableStack()
  const namePrefix = `bench-${randomUUID()}.`
  const log = opened.use(openKafkaEventLog({ brokers, clientId: 'tidemark-bench', namePrefix }))
  for (const topic of ['ours', 'bare']) await log.ensureTopic(topic, PARTITIONS)
  const producer = opened.adopt(new Producer<Buffer, Buffer, Buffer, Buffer>({ clientId: 'bare', bootstrapBrokers: [...brokers] }), (client) => client.close())
  const consumer = opened.adopt(new Consumer<Buffer, Buffer, Buffer, Buffer>({ clientId: 'bare', groupId: `${namePrefix}bare`, bootstrapBrokers: [...brokers] }), (client) => client.close())

  const records = Array.from({ length: RECORDS_PER_APPEND }, (_, i) => ({ key: Buffer.from(`user-${i % 97}`), value: Buffer.alloc(VALUE_BYTES, 0x20 + (i % 64)) }))
  const appends = Array.from({ length: PARTITIONS }, (_, partition): LogAppend => ({ topic: 'ours', partition, records }))
  const messages = Array.from({ length: PARTITIONS }, (_, partition) => records.map(({ key, value }) => ({ topic: `${namePrefix}bare`, partition, key, value })))
  const onEach = async (append: (partition: number) => Promise<unknown>): Promise<void> => {
    await Promise.all(Array.from({ length: PARTITIONS }, async (_, partition) => {
      for (let i = 0; i < APPENDS_PER_PARTITION; i++) await append(partition)
    }))
  }

  const produceOurs = (): Promise<void> => onEach((partition) => log.append([appends[partition]!]))
  const consumeOurs = async (): Promise<void> => {
    const counts = await Promise.all(Array.from({ length: PARTITIONS }, async (_, partition) => {
      let count = 0
      for (let from = 0; count < RECORD_COUNT / PARTITIONS;) {
        const batch = await log.fetch('ours', partition, from, { countMax: FETCHED_MAX, sizeMaxBytes: FETCH_MAX_BYTES, waitMaxMs: WAIT_MAX_MS })
        for (const { value } of batch.records) if (value!.length === VALUE_BYTES) count++
        from = batch.next
      }
      return count
    }))
    if (counts.reduce((sum, count) => sum + count, 0) < RECORD_COUNT) throw new Error('Records are missing.')
  }
  const consumeBare = async (): Promise<void> => {
    const offsets = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: `${namePrefix}bare`, partition, offset: 0n }))
    const stream = await consumer.consume({ topics: [`${namePrefix}bare`], mode: MessagesStreamModes.MANUAL, offsets, autocommit: false, maxWaitTime: WAIT_MAX_MS, maxBytes: FETCH_MAX_BYTES, maxBytesPerPartition: FETCH_MAX_BYTES, highWaterMark: FETCHED_MAX })
    let count = 0
    for await (const { value } of stream) if (value.length === VALUE_BYTES && ++count >= RECORD_COUNT) break
    await stream.close()
  }
  await produceOurs()
  const produceBare = (): Promise<void> => onEach((partition) => producer.send({ messages: messages[partition]!, acks: ProduceAcks.ALL, idempotent: true }))
  await produceBare()
  const owned = opened.move()
  return {
    contests: [
      { name: `kafka: produce a record of ${VALUE_BYTES} bytes, ${RECORDS_PER_APPEND} at a time`, bareName: "the client's producer", operationCount: RECORD_COUNT, ours: produceOurs, bare: produceBare },
      { name: `kafka: consume a record of ${VALUE_BYTES} bytes`, bareName: "the client's consumer", operationCount: RECORD_COUNT, ours: consumeOurs, bare: consumeBare },
    ],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
