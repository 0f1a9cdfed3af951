// Reading from a position: asks the partition's leader, waits at the end, and keeps what came and did not fit the caller's limits for
// when he reads on, which is soon.

import { setMaxListeners } from 'node:events'
import { protocolErrorsCodesById, ProtocolError } from '@platformatic/kafka'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { externalName, type FetchLimits, type LogBatch, type LogExtent } from '@tidemark/ports/event-log'
import { ExtentDesk } from './extent-desk.ts'
import { FetchDesk, WAIT_STEP_MAX_MS, type FetchAnswer } from './fetch-desk.ts'
import { placeOf, type KafkaCluster } from './kafka-cluster.ts'
import { damaged, problem } from './kafka-errors.ts'
import type { KafkaTopics } from './kafka-topics.ts'
import { FetchedRecords } from './record-batches.ts'

const FETCH_SIZE_MIN_BYTES = 65_536
/** Of one partition in one request; a batch comes whole, whatever its size. */
const FETCH_SIZE_MAX_BYTES = 8 * 1_048_576
/** So much is asked for where only a few records are wanted. */
const RECORD_SIZE_GUESS_BYTES = 16_384
/** What was read ahead is of use for so long; a log that was cut short may have other records at its offsets. */
const KEPT_AGE_MAX_MS = 2_000
const KEPT_SIZE_MAX_BYTES = 64 * 1_048_576
const OFFSET_OUT_OF_RANGE = 'OFFSET_OUT_OF_RANGE'

interface Kept {
  readonly fetched: FetchedRecords
  readonly atMs: number
}

export class PartitionReader implements AsyncDisposable {
  private readonly cluster: KafkaCluster
  private readonly topics: KafkaTopics
  private readonly desks = new Map<number, FetchDesk>()
  /** By node and topic. */
  private readonly extents = new Map<string, ExtentDesk>()
  private readonly kept = new Map<string, Kept>()
  private keptSizeBytes = 0
  private readonly closing = new AbortController()

  constructor(cluster: KafkaCluster, topics: KafkaTopics) {
    this.cluster = cluster
    this.topics = topics
    setMaxListeners(0, this.closing.signal)
  }

  async fetch(topic: string, partition: number, from: number, limits: FetchLimits, signal?: AbortSignal): Promise<LogBatch> {
    const kept = this.takeKept(topic, partition, from)
    if (kept !== undefined) {
      const batch = kept.fetched.take(limits)
      this.keep(topic, partition, kept)
      // The last of it is fetched again, together with what has come since.
      if (!kept.fetched.isExhausted || batch.records.length === limits.countMax) return batch
    }
    try {
      if (externalName(topic) === null) await this.topics.settingsOf(topic)
      return await this.fetchFromLeader(topic, partition, from, limits, signal === undefined ? this.closing.signal : AbortSignal.any([signal, this.closing.signal]))
    } catch (error) {
      if (this.closing.signal.aborted) return emptyAt(from, false)
      throw error
    }
  }

  private async fetchFromLeader(topic: string, partition: number, from: number, limits: FetchLimits, home: AbortSignal): Promise<LogBatch> {
    for (const untilMs = performance.now() + limits.waitMaxMs; ; ) {
      const waitMs = home.aborted ? 0 : Math.min(WAIT_STEP_MAX_MS, Math.max(0, untilMs - performance.now()))
      const answer = await this.askOrGoHome(topic, partition, from, limits, waitMs, home)
      if (answer === null) return emptyAt(from, false)
      if (answer.bytes.length > 0) {
        const fetched = new FetchedRecords({ bytes: answer.bytes, aborted: answer.aborted, from, isExternal: externalName(topic) !== null, where: this.cluster.where(placeOf(topic, partition)) })
        const batch = fetched.take(limits)
        if (batch.next === from) throw damaged(this.cluster.where(`${placeOf(topic, partition)}, offset ${from}`), 'What the broker gives is before the position.')
        this.keep(topic, partition, { fetched, atMs: performance.now() })
        return batch
      }
      // Nothing came because others' records filled the answer.
      if (from < answer.lastStableOffset) continue
      if (home.aborted || performance.now() >= untilMs) return emptyAt(from, from === answer.highWatermark)
    }
  }

  /** null: the caller has gone home while it waited. */
  private async askOrGoHome(topic: string, partition: number, from: number, limits: FetchLimits, waitMs: number, home: AbortSignal): Promise<FetchAnswer | null> {
    if (waitMs === 0) return this.ask(topic, partition, from, limits, waitMs, NEVER)
    const goneHome = Promise.withResolvers<null>()
    const goHome = (): void => goneHome.resolve(null)
    home.addEventListener('abort', goHome, { once: true })
    try {
      const asking = this.ask(topic, partition, from, limits, waitMs, home)
      asking.catch(() => undefined)
      return await Promise.race([asking, goneHome.promise])
    } finally {
      home.removeEventListener('abort', goHome)
    }
  }

  private ask(topic: string, partition: number, from: number, { countMax, sizeMaxBytes }: FetchLimits, waitMs: number, signal: AbortSignal): Promise<FetchAnswer> {
    const guessBytes = Math.min(sizeMaxBytes, countMax * RECORD_SIZE_GUESS_BYTES)
    const askedBytes = Math.max(FETCH_SIZE_MIN_BYTES, Math.min(FETCH_SIZE_MAX_BYTES, guessBytes))
    return this.cluster.retrying(placeOf(topic, partition), async () => {
      const { leader, topicId } = await this.cluster.leaderOf(topic, partition)
      // The protocol has no offset below 0, and none is before the start.
      const answer = await this.desk(leader).ask({ topicId, partition, from: Math.max(-1, from), sizeMaxBytes: askedBytes, waitMs, signal })
      if (answer.errorCode === 0) return answer
      const name = protocolErrorsCodesById[answer.errorCode as keyof typeof protocolErrorsCodesById]
      if (name !== OFFSET_OUT_OF_RANGE) throw new ProtocolError(answer.errorCode)
      const extent = await this.readExtent(topic, partition)
      // A leader that has just been elected does not know its end yet.
      if (from >= extent.start && from <= extent.appendedEnd) throw new ProtocolError('OFFSET_NOT_AVAILABLE')
      throw gone(this.cluster.where(`${placeOf(topic, partition)}, offset ${from}`), extent)
    })
  }

  private desk(node: number): FetchDesk {
    const desk = this.desks.get(node) ?? new FetchDesk({
      open: () => this.cluster.openPool(this.cluster.settings.requestTimeoutMs + WAIT_STEP_MAX_MS),
      connect: (line) => this.cluster.node(node, line),
    })
    this.desks.set(node, desk)
    return desk
  }

  extent(topic: string, partition: number): Promise<LogExtent> {
    return this.cluster.retrying(placeOf(topic, partition), () => this.readExtent(topic, partition))
  }

  private async readExtent(topic: string, partition: number): Promise<LogExtent> {
    const { leader } = await this.cluster.leaderOf(topic, partition)
    const key = `${leader} ${topic}`
    const desk = this.extents.get(key) ?? new ExtentDesk({ topicName: this.cluster.topicNamed(topic), connect: () => this.cluster.node(leader) })
    this.extents.set(key, desk)
    return desk.ask(partition)
  }

  // ---- What was read ahead ---------------------------------------------------------------------------------------------------

  private takeKept(topic: string, partition: number, from: number): Kept | undefined {
    const key = keptKey(topic, partition, from)
    const found = this.kept.get(key)
    if (found === undefined) return undefined
    this.drop(key, found)
    return isYoung(found) ? found : undefined
  }

  /** By position: several may read the same partition. */
  private keep(topic: string, partition: number, one: Kept): void {
    if (one.fetched.isExhausted) return
    const key = keptKey(topic, partition, one.fetched.next)
    const before = this.kept.get(key)
    if (before !== undefined) this.drop(key, before)
    this.kept.set(key, one)
    this.keptSizeBytes += one.fetched.sizeBytes
    for (const [oldest, other] of this.kept) {
      if (this.keptSizeBytes <= KEPT_SIZE_MAX_BYTES && isYoung(other)) return
      this.drop(oldest, other)
    }
  }

  private drop(key: string, { fetched }: Kept): void {
    this.kept.delete(key)
    this.keptSizeBytes -= fetched.sizeBytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort()
    this.kept.clear()
  }
}

function keptKey(topic: string, partition: number, next: number): string {
  return `${next} ${placeOf(topic, partition)}`
}

function isYoung({ atMs }: Kept): boolean {
  return performance.now() - atMs <= KEPT_AGE_MAX_MS
}

const NEVER = new AbortController().signal

function emptyAt(from: number, isAtEnd: boolean): LogBatch {
  return { from, next: from, records: [], isAtEnd }
}

function gone(where: string, { start, end }: LogExtent): TidemarkError {
  return problem('LOG_OFFSET_GONE', where, `The partition has the offsets from ${start} to before ${end}.`, 'Find out what happened to the log before reading elsewhere.')
}
