// Appends to one partition, each a single batch of an idempotent producer: all of its records or none, and once, however often it had to
// be sent. What waits while a batch is on its way goes together in the next one. Each partition has a producer identity of its own, so
// that a batch whose fate is unknown leaves no other partition's sequence in doubt: its identity is given up, and what comes after it
// begins another.

import { initProducerIdV4, produceV9, NumericMap, ProduceAcks, type MessageRecord } from '@platformatic/kafka'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import type { AppendedAt, LogAppend } from '@tidemark/ports/event-log'
import { placeOf, type KafkaCluster } from './kafka-cluster.ts'
import { asTidemarkError, isOutcomeUnknown, isPassing, isSequenceLost, unavailable } from './kafka-errors.ts'

/** What waits for a partition; beyond it an append is refused, and nothing of it is done. */
const WAITING_SIZE_MAX_BYTES = 64 * 1_048_576
/** Small appends go together up to here. */
const BATCH_SIZE_MAX_BYTES = 1_048_576
const SEQUENCE_MASK = 0x7f_ff_ff_ff

export type LogAppendRecords = LogAppend['records']

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

interface WaitingAppend {
  readonly records: LogAppendRecords
  readonly sizeBytes: number
  /** When it is sent no more: those before it may take as long as a call may. */
  readonly untilMs: number
  resolve(appended: AppendedAt): void
  reject(error: unknown): void
}

export class PartitionWriter {
  private readonly cluster: KafkaCluster
  private readonly topic: string
  private readonly partition: number
  private identity: (ProducerIdentity & { sequence: number }) | null = null
  private waiting: WaitingAppend[] = []
  private waitingSizeBytes = 0
  private isSending = false

  constructor(cluster: KafkaCluster, topic: string, partition: number) {
    this.cluster = cluster
    this.topic = topic
    this.partition = partition
  }

  /** At least one record, and no more than fits a batch of the topic. */
  append(records: LogAppendRecords, sizeBytes: number): Promise<AppendedAt> {
    if (this.waitingSizeBytes > 0 && this.waitingSizeBytes + sizeBytes > WAITING_SIZE_MAX_BYTES) {
      throw this.unsent(`${this.waitingSizeBytes} bytes wait to be appended`)
    }
    const untilMs = performance.now() + this.cluster.settings.callTimeoutMs
    return new Promise((resolve, reject) => {
      this.waiting.push({ records, sizeBytes, untilMs, resolve, reject })
      this.waitingSizeBytes += sizeBytes
      if (!this.isSending) void this.sendAll()
    })
  }

  private async sendAll(): Promise<void> {
    this.isSending = true
    for (;;) {
      this.refuseLate()
      const together = this.takeTogether()
      if (together.length === 0) break
      try {
        const { firstOffset, appendTimeMs } = await this.send(together.flatMap(({ records }) => records))
        let offset = firstOffset
        for (const { records, resolve } of together) {
          resolve({ firstOffset: offset, appendTimeMs })
          offset += records.length
        }
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
    }
    this.isSending = false
  }

  private refuseLate(): void {
    const nowMs = performance.now()
    while (this.waiting.length > 0 && this.waiting[0]!.untilMs < nowMs) {
      const { sizeBytes, reject } = this.waiting.shift()!
      this.waitingSizeBytes -= sizeBytes
      reject(this.unsent(`Others were appended first for ${this.cluster.settings.callTimeoutMs} ms`))
    }
  }

  private unsent(reason: string): TidemarkError {
    return unavailable(this.cluster.where(placeOf(this.topic, this.partition)), `${reason}; nothing of this append was done.`)
  }

  private takeTogether(): WaitingAppend[] {
    let count = 0
    let sizeBytes = 0
    for (const { sizeBytes: next } of this.waiting) {
      if (count > 0 && sizeBytes + next > BATCH_SIZE_MAX_BYTES) break
      sizeBytes += next
      count++
    }
    this.waitingSizeBytes -= sizeBytes
    return this.waiting.splice(0, count)
  }

  private async send(records: LogAppendRecords): Promise<AppendedAt> {
    const place = placeOf(this.topic, this.partition)
    let mayBeThere = false
    let isOnItsWay = false
    try {
      return await this.cluster.retrying(place, async (attemptCount) => {
        const identity = (this.identity ??= { ...(await initProducer(this.cluster, attemptCount)), sequence: 0 })
        const send = await prepareBatch(this.cluster, this.topic, this.partition)
        try {
          isOnItsWay = true
          const appended = await send(records, identity, identity.sequence, null)
          identity.sequence = afterSequence(identity.sequence, records.length)
          return appended
        } catch (error) {
          isOnItsWay = false
          if (isSequenceLost(error)) this.identity = null
          else mayBeThere ||= isOutcomeUnknown(error)
          throw error
        }
      }, { isWorthwhile: (error) => isPassing(error) || (isSequenceLost(error) && !mayBeThere) })
    } catch (error) {
      if (!mayBeThere && !isOnItsWay) throw error
      this.identity = null
      throw asUnknownOutcome(error, this.cluster.where(place))
    }
  }
}

export function afterSequence(sequence: number, count: number): number {
  return (sequence + count) & SEQUENCE_MASK
}

async function initProducer(cluster: KafkaCluster, attemptCount: number): Promise<ProducerIdentity> {
  return initProducerIdV4.api.async(await cluster.anyBroker(attemptCount), null, 0)
}

type SendBatch = (records: LogAppendRecords, identity: ProducerIdentity, sequence: number, transactionalId: string | null) => Promise<AppendedAt>

/** A connection to the partition's leader first: what fails before there is one was not sent. */
export async function prepareBatch(cluster: KafkaCluster, topic: string, partition: number): Promise<SendBatch> {
  const { compression, requestTimeoutMs } = cluster.settings
  const name = cluster.topicNamed(topic)
  const { leader } = await cluster.leaderOf(topic, partition)
  const connection = await cluster.node(leader, cluster.producePool)
  return async (records, { producerId, producerEpoch }, sequence, transactionalId) => {
    const messages = records.map((record) => messageOf(record, name, partition))
    const sequences = new NumericMap([[`${name}:${partition}`, sequence]])
    const response = (await produceV9.api.async(connection, ProduceAcks.ALL, requestTimeoutMs, messages, { producerId, producerEpoch, sequences, transactionalId, compression })) as produceV9.ProduceResponse
    const { baseOffset, logAppendTimeMs } = response.responses[0]!.partitionResponses[0]!
    return { firstOffset: Number(baseOffset), appendTimeMs: Number(logAppendTimeMs) }
  }
}

function messageOf({ key, value, headers }: LogAppendRecords[number], topic: string, partition: number): MessageRecord {
  const message = { topic, partition, key: key && bufferOf(key), value: value && bufferOf(value), ...(headers !== undefined && { headers: headersOf(headers) }) }
  // The client's types know no null, which its encoder writes as Kafka's.
  return message as MessageRecord
}

function headersOf(headers: Readonly<Record<string, Uint8Array>>): Map<Buffer, Buffer> {
  return new Map(Object.entries(headers).map(([name, bytes]) => [Buffer.from(name), bufferOf(bytes)]))
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function asUnknownOutcome(error: unknown, where: string): unknown {
  const coded = asTidemarkError(error, where)
  return unavailable(where, `The brokers did not say in time whether they took what was sent; it may be there (${(coded as Error).message}).`, { cause: error })
}
