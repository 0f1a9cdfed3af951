// The log on Kafka. An append to one partition that fits a batch is that batch; any other is a transaction. `appendAndCommit` is a
// transaction whose id is of the group's place, begun before the position is read: of two that try at once, the later fences the earlier,
// or finds the position moved. A plain `commit` of the same group and partition knows of no fence: do not mix them.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { offsetCommitV8, offsetFetchV8 } from '@platformatic/kafka'
import { createTurns, NoTurnError, type TakeTurn, type TurnLoad } from '@tidemark/call-turns/call-turns'
import { externalName, type AppendedAt, type CommittedPosition, type EventLog, type FetchLimits, type LogAppend, type LogBatch, type LogExtent } from '@tidemark/ports/event-log'
import { appendedAt, planAppends, type AppendPlan } from './append-plan.ts'
import { KafkaCluster, placeOf } from './kafka-cluster.ts'
import { problem, unavailable } from './kafka-errors.ts'
import type { KafkaOptions } from './kafka-options.ts'
import { KafkaTopics } from './kafka-topics.ts'
import { PartitionReader } from './partition-reader.ts'
import { PartitionWriter } from './partition-writer.ts'
import { FencedError, TransactionWriter, type TransactionPart } from './transaction-writer.ts'

/** Appends to several partitions that are on their way at once. */
const TRANSACTIONS_MAX = 4
/** Beside those, and for each place of a group. */
const TRANSACTIONS_WAITING_MAX = 1_000
/** Who was fenced tries again this much later, at random: two that fence each other in turn come to nothing. */
const FENCED_DELAY_MAX_MS = 100
const NO_GENERATION = -1
const NO_MEMBER = ''
const NO_OFFSET = -1n

export interface KafkaEventLog extends EventLog {
  /** Of transactions: how many wait for a turn. */
  load(): TurnLoad
  /** TOPIC_SETTINGS where the topic does not stamp what it takes, UNKNOWN_NAME where there is none. Each first use of a topic checks it too. */
  checkTopic(topic: string): Promise<void>
}

/** Connects when it is first asked for something. */
export function openKafkaEventLog(options: KafkaOptions): KafkaEventLog {
  return new ClusterEventLog(new KafkaCluster(options))
}

class ClusterEventLog implements KafkaEventLog {
  private readonly cluster: KafkaCluster
  private readonly reader: PartitionReader
  private readonly known: KafkaTopics
  private readonly writers = new Map<string, PartitionWriter>()
  private readonly takeTransaction: TakeTurn
  /** Those of no transaction that is on its way. */
  private readonly freeWriters: TransactionWriter[] = []
  /** By the place of a group: the writer whose id fences others, one transaction at a time. */
  private readonly places = new Map<string, { readonly writer: TransactionWriter; readonly take: TakeTurn }>()

  constructor(cluster: KafkaCluster) {
    this.cluster = cluster
    this.takeTransaction = this.turns(TRANSACTIONS_MAX)
    this.known = new KafkaTopics(cluster)
    this.reader = new PartitionReader(cluster, this.known)
  }

  ensureTopic(topic: string, partitionCount: number): Promise<void> {
    return this.known.ensure(topic, partitionCount)
  }

  async checkTopic(topic: string): Promise<void> {
    await this.known.settingsOf(topic)
  }

  async partitionCount(topic: string): Promise<number> {
    return (await this.cluster.partitionsOf(topic)).leaders.length
  }

  topics(): Promise<string[]> {
    return this.cluster.topicNames()
  }

  async append(appends: readonly LogAppend[]): Promise<readonly AppendedAt[]> {
    const plan = await this.plan(appends)
    const filled = plan.parts.filter(({ batches }) => batches.length > 0)
    const [first] = filled
    if (first === undefined || (filled.length === 1 && first.batches.length === 1)) {
      const appended = await Promise.all(plan.parts.map(async ({ topic, partition, batches: [records], sizeBytes }) => (records === undefined ? [] : [await this.writerOf(topic, partition).append(records, sizeBytes)])))
      return appendedAt(plan, appended, await this.endsOf(plan))
    }
    const appended = await this.inTransaction((writer) => this.appendTogether(writer, filled))
    return appendedAt(plan, inPlan(plan, appended), await this.endsOf(plan))
  }

  /** What takes too long is given up by the brokers, and then nothing of it is done: it is begun again for as long as a call may last. */
  private async appendTogether(writer: TransactionWriter, parts: readonly TransactionPart[]): Promise<AppendedAt[][]> {
    for (const untilMs = performance.now() + this.cluster.settings.callTimeoutMs; ; ) {
      try {
        return await writer.run(parts, null)
      } catch (error) {
        if (!(error instanceof FencedError) || performance.now() > untilMs) throw error
      }
    }
  }

  async appendAndCommit(appends: readonly LogAppend[], commit: CommittedPosition, expected: number | null): Promise<readonly AppendedAt[] | null> {
    await this.checkPlace(commit.topic, commit.partition)
    this.refuseCircle(appends, commit)
    const plan = await this.plan(appends)
    // Most of those that come too late see it without fencing anybody.
    if ((await this.committed(commit.group, commit.topic, commit.partition)) !== expected) return null
    const { writer, take } = this.placeOf(commit)
    const appended = await take(() => this.commitFenced(writer, plan, commit, expected)).catch((error: unknown) => this.throwCoded(error))
    return appended && appendedAt(plan, inPlan(plan, appended), await this.endsOf(plan))
  }

  private async commitFenced(writer: TransactionWriter, plan: AppendPlan, commit: CommittedPosition, expected: number | null): Promise<AppendedAt[][] | null> {
    for (const untilMs = performance.now() + this.cluster.settings.callTimeoutMs; ; ) {
      try {
        // Read after the fence: whoever commits after this read has begun later, and our own commit is refused.
        await writer.begin()
        if ((await this.committed(commit.group, commit.topic, commit.partition)) !== expected) return null
        return await writer.run(plan.parts.filter(({ batches }) => batches.length > 0), commit)
      } catch (error) {
        if (!(error instanceof FencedError)) throw error
        if (performance.now() > untilMs) throw unavailable(this.cluster.where(`group ${commit.group}, ${placeOf(commit.topic, commit.partition)}`), 'Others begin the same again and again; nothing is done.', { cause: error })
        await sleep(Math.random() * FENCED_DELAY_MAX_MS)
      }
    }
  }

  fetch(topic: string, partition: number, from: number, limits: FetchLimits, signal?: AbortSignal): Promise<LogBatch> {
    return this.reader.fetch(topic, partition, from, limits, signal)
  }

  extent(topic: string, partition: number): Promise<LogExtent> {
    return this.reader.extent(topic, partition)
  }

  async commit({ group, topic, partition, offset }: CommittedPosition): Promise<void> {
    await this.checkPlace(topic, partition)
    const groupId = this.cluster.named(group)
    const topics = [{ name: this.cluster.topicNamed(topic), partitions: [{ partitionIndex: partition, committedOffset: BigInt(offset), committedLeaderEpoch: -1, committedMetadata: '' }] }]
    await this.cluster.retrying(`group ${group}, ${placeOf(topic, partition)}`, async (attemptCount) =>
      offsetCommitV8.api.async(await this.cluster.coordinator('group', groupId, attemptCount), groupId, NO_GENERATION, NO_MEMBER, null, topics))
  }

  async committed(group: string, topic: string, partition: number, isTakenOver = false): Promise<number | null> {
    if (isTakenOver) await this.fence({ group, topic, partition })
    const groupId = this.cluster.named(group)
    const asked = [{ groupId, memberEpoch: -1, topics: [{ name: this.cluster.topicNamed(topic), partitionIndexes: [partition] }] }]
    // A position that a transaction is about to move is waited for.
    const { groups } = await this.cluster.retrying(`group ${group}, ${placeOf(topic, partition)}`, async (attemptCount) =>
      offsetFetchV8.api.async(await this.cluster.coordinator('group', groupId, attemptCount), asked, true))
    const offset = groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? NO_OFFSET
    return offset === NO_OFFSET ? null : Number(offset)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reader[Symbol.asyncDispose]()
    await this.cluster[Symbol.asyncDispose]()
  }

  // ---- What they are made of -------------------------------------------------------------------------------------------------

  /** A topic of others may be one of this system's under another name. */
  private refuseCircle(appends: readonly LogAppend[], { topic }: CommittedPosition): void {
    const name = this.cluster.topicNamed(topic)
    if (externalName(topic) === null || appends.every((append) => this.cluster.topicNamed(append.topic) !== name)) return
    throw problem('TOPIC_SETTINGS', this.cluster.where(`topic ${topic}`), 'What is read of it would be appended to it again, without an end.', 'Name the topic of the producers, which is another than the source\'s own.')
  }

  /** Everything that can be refused is refused here, before anything is sent. */
  private async plan(appends: readonly LogAppend[]): Promise<AppendPlan> {
    const limits = new Map<string, { recordSizeMaxBytes: number; batchSizeMaxBytes: number }>()
    for (const { topic, partition } of appends) {
      if (externalName(topic) !== null) throw new Error(`Topic ${topic} is its owners' to append to.`)
      await this.checkPlace(topic, partition)
      const { batchSizeMaxBytes } = await this.known.settingsOf(topic)
      limits.set(topic, { recordSizeMaxBytes: this.cluster.settings.recordSizeMaxBytes, batchSizeMaxBytes })
    }
    const plan = planAppends(appends, (topic) => limits.get(topic)!)
    if ('parts' in plan) return plan
    const { topic, partition, sizeBytes, limitBytes } = plan
    throw problem('EVENT_TOO_LARGE', this.cluster.where(placeOf(topic, partition)), `A record has ${sizeBytes} bytes, at most ${limitBytes} are possible.`, 'Send less in one event, or raise max.message.bytes of the topic.')
  }

  private async checkPlace(topic: string, partition: number): Promise<void> {
    await this.cluster.retrying(placeOf(topic, partition), () => this.cluster.leaderOf(topic, partition))
  }

  /** Of the parts that get no record: where the next one would be. */
  private endsOf({ parts }: AppendPlan): Promise<(AppendedAt | null)[]> {
    return Promise.all(parts.map(async ({ topic, partition, batches }) => (batches.length > 0 ? null : { firstOffset: (await this.extent(topic, partition)).end, appendTimeMs: Date.now() })))
  }

  private writerOf(topic: string, partition: number): PartitionWriter {
    const place = placeOf(topic, partition)
    const writer = this.writers.get(place) ?? new PartitionWriter(this.cluster, topic, partition)
    this.writers.set(place, writer)
    return writer
  }

  /** Ends what others have open there, unless this process holds the place already. */
  private async fence(position: Omit<CommittedPosition, 'offset'>): Promise<void> {
    const { writer, take } = this.placeOf(position)
    await take(() => writer.begin()).catch((error: unknown) => this.throwCoded(error))
  }

  private placeOf({ group, topic, partition }: Omit<CommittedPosition, 'offset'>): { readonly writer: TransactionWriter; readonly take: TakeTurn } {
    const id = `${group}/${topic}/${partition}`
    const place = this.places.get(id) ?? { writer: new TransactionWriter(this.cluster, id), take: this.turns(1) }
    this.places.set(id, place)
    return place
  }

  /** How many transactions wait for a turn. */
  load(): TurnLoad {
    return this.takeTransaction.load()
  }

  private turns(atOnceMax: number): TakeTurn {
    return createTurns({ atOnceMax, waitingMax: TRANSACTIONS_WAITING_MAX, stallMaxMs: this.cluster.settings.callTimeoutMs })
  }

  private inTransaction<T>(run: (writer: TransactionWriter) => Promise<T>): Promise<T> {
    return this.takeTransaction(async () => {
      const writer = this.freeWriters.pop() ?? new TransactionWriter(this.cluster, `append/${randomUUID()}`)
      try {
        return await run(writer)
      } finally {
        this.freeWriters.push(writer)
      }
    }).catch((error: unknown) => this.throwCoded(error))
  }

  private throwCoded(error: unknown): never {
    const where = this.cluster.where('append')
    if (error instanceof FencedError) throw unavailable(where, 'The brokers gave the transaction up, because it took too long; nothing of it is done.', { cause: error })
    if (error instanceof NoTurnError) throw unavailable(where, `${error.message.replace(/\.$/, '')}; nothing of this append was done.`, { cause: error })
    throw error
  }
}

/** What was appended of the parts that have records, by the plan's parts. */
function inPlan({ parts }: AppendPlan, appended: readonly AppendedAt[][]): AppendedAt[][] {
  const left = appended.values()
  return parts.map(({ batches }) => (batches.length > 0 ? left.next().value! : []))
}
