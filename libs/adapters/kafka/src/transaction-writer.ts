// Transactions of one transactional id: batches to any partitions and the position of a group, all or nothing. The id is a fence. Whoever
// begins an identity under it (a new epoch) ends what every earlier holder had open, and from then on these can commit nothing. A commit
// that was answered is waited for until its markers are written, so that whoever reads next sees what was appended.

import { addOffsetsToTxnV3, addPartitionsToTxnV3, describeTransactionsV0, endTxnV3, initProducerIdV4, ProtocolError, txnOffsetCommitV3, type Connection } from '@platformatic/kafka'
import type { AppendedAt, CommittedPosition } from '@tidemark/ports/event-log'
import { placeOf, type KafkaCluster } from './kafka-cluster.ts'
import { isFenced, isOutcomeUnknown, isPassing, isSequenceLost, unavailable } from './kafka-errors.ts'
import { afterSequence, asUnknownOutcome, prepareBatch, type LogAppendRecords, type ProducerIdentity } from './partition-writer.ts'

/** The brokers give up a transaction whose holder is gone after this long, and look for such each ten seconds: readers wait for it. */
export const TRANSACTION_TIMEOUT_MS = 15_000
/** Of a simple commit: no member of the group makes it. */
const NO_GENERATION = -1
const NO_MEMBER = ''
const STILL_ENDING: ReadonlySet<string> = new Set(['PrepareCommit', 'PrepareAbort'])

/** Batches that go to one partition, in order. */
export interface TransactionPart {
  readonly topic: string
  readonly partition: number
  readonly batches: readonly LogAppendRecords[]
}

interface Identity extends ProducerIdentity {
  /** The next number of each partition. */
  readonly sequences: Map<string, number>
}

/** Nothing of the transaction is there: another holder of its id has begun, or the brokers gave it up. */
export class FencedError extends Error {}

export class TransactionWriter {
  private readonly cluster: KafkaCluster
  private readonly id: string
  private identity: Identity | null = null

  constructor(cluster: KafkaCluster, id: string) {
    this.cluster = cluster
    this.id = cluster.named(id)
  }

  /** Fences every earlier holder of the id, once what they had open is ended. */
  async begin(): Promise<void> {
    if (this.identity !== null) return
    const { producerId, producerEpoch } = await this.ask('beginning', (connection) => initProducerIdV4.api.async(connection, this.id, TRANSACTION_TIMEOUT_MS))
    this.identity = { producerId, producerEpoch, sequences: new Map() }
  }

  /**
   * Where each batch of each part begins. One at a time. Throws FencedError: nothing is done; STORE_UNAVAILABLE whose message says that
   * all may be there; any other error: nothing is done.
   */
  async run(parts: readonly TransactionPart[], position: CommittedPosition | null): Promise<AppendedAt[][]> {
    await this.begin()
    const identity = this.identity!
    try {
      await this.addPartitions(identity, parts)
      const appended = await allOrFirstError(parts.map((part) => this.sendPart(identity, part)))
      if (position !== null) await this.addPosition(identity, position)
      await this.commit(identity)
      return appended
    } catch (error) {
      this.identity = null
      if (error instanceof UndecidedError) throw error.cause
      if (isFenced(error)) throw new FencedError('fenced', { cause: error })
      await this.abort()
      throw error
    }
  }

  private async addPartitions({ producerId, producerEpoch }: Identity, parts: readonly TransactionPart[]): Promise<void> {
    if (parts.length === 0) return
    const topics = [...Map.groupBy(parts, ({ topic }) => topic)].map(([topic, ofTopic]) => ({ name: this.cluster.topicNamed(topic), partitions: ofTopic.map(({ partition }) => partition) }))
    await this.ask('adding partitions', (connection) => addPartitionsToTxnV3.api.async(connection, [{ transactionalId: this.id, producerId, producerEpoch, verifyOnly: false, topics }]))
  }

  private async sendPart(identity: Identity, { topic, partition, batches }: TransactionPart): Promise<AppendedAt[]> {
    const place = placeOf(topic, partition)
    const appended: AppendedAt[] = []
    for (const records of batches) {
      const sequence = identity.sequences.get(place) ?? 0
      appended.push(await this.cluster.retrying(place, async () => {
        const send = await prepareBatch(this.cluster, topic, partition)
        return send(records, identity, sequence, this.id)
      }, { isWorthwhile: (error) => isPassing(error) && !isSequenceLost(error) }))
      identity.sequences.set(place, afterSequence(sequence, records.length))
    }
    return appended
  }

  private async addPosition({ producerId, producerEpoch }: Identity, { group, topic, partition, offset }: CommittedPosition): Promise<void> {
    const groupId = this.cluster.named(group)
    await this.ask('adding a group', (connection) => addOffsetsToTxnV3.api.async(connection, this.id, producerId, producerEpoch, groupId))
    const topics = [{ name: this.cluster.topicNamed(topic), partitions: [{ partitionIndex: partition, committedOffset: BigInt(offset), committedLeaderEpoch: -1, committedMetadata: '' }] }]
    await this.cluster.retrying(`group ${group}`, async (attemptCount) =>
      txnOffsetCommitV3.api.async(await this.cluster.coordinator('group', groupId, attemptCount), this.id, groupId, producerId, producerEpoch, NO_GENERATION, NO_MEMBER, null, topics))
  }

  /** Saying it again is safe: a transaction that is committed stays so. */
  private async commit({ producerId, producerEpoch }: Identity): Promise<void> {
    let mayBeThere = false
    let isOnItsWay = false
    try {
      await this.cluster.retrying(`transaction ${this.id}, committing`, async (attemptCount) => {
        const connection = await this.cluster.coordinator('transaction', this.id, attemptCount)
        try {
          isOnItsWay = true
          await endTxnV3.api.async(connection, this.id, producerId, producerEpoch, true)
        } catch (error) {
          isOnItsWay = false
          mayBeThere ||= isOutcomeUnknown(error)
          throw error
        }
      })
    } catch (error) {
      if (mayBeThere || isOnItsWay) throw new UndecidedError('undecided', { cause: asUnknownOutcome(error, this.cluster.where(`transaction ${this.id}`)) })
      throw error
    }
    await this.waitUntilEnded()
  }

  /** What is committed is durable already; only that nobody may see it yet. */
  private async waitUntilEnded(): Promise<void> {
    await this.ask('waiting for its markers', async (connection) => {
      const { transactionStates: [found] } = await describeTransactionsV0.api.async(connection, [this.id])
      if (STILL_ENDING.has(found!.transactionState)) throw new ProtocolError('CONCURRENT_TRANSACTIONS')
    }).catch((error: unknown) => {
      throw new UndecidedError('undecided', { cause: unavailable(this.cluster.where(`transaction ${this.id}`), 'It is committed, but readers may not see it yet.', { cause: error }) })
    })
  }

  /** By a new epoch, and not by an end of this one: what is still on its way under this one comes to nothing too. */
  private async abort(): Promise<void> {
    try {
      await this.begin()
    } catch {
      // Whoever holds the id next ends it, or the brokers do once its time is over.
    }
  }

  private ask<T>(what: string, send: (connection: Connection) => Promise<T>): Promise<T> {
    return this.cluster.retrying(`transaction ${this.id}, ${what}`, async (attemptCount) => send(await this.cluster.coordinator('transaction', this.id, attemptCount)))
  }
}

/** Carries the error of a commit whose fate is not known, or not yet seen. */
class UndecidedError extends Error {}

/** Waits for all, so that nothing is sent any more. */
async function allOrFirstError<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
