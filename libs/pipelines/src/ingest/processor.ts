// The stream processor of a source (law 6): it folds the partitions that a consumer group assigns to it into all views of the source, each
// record decoded once. All it knows is in the log, the fences and the registers: it may stop for ever between any two calls, or go on
// long after its partitions were given to somebody else.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { beginOf, inSpan, NO_TRACES } from '@tidemark/observability/tracing'
import type { Membership } from '@tidemark/ports/event-log'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { Alarm } from '../alarm.ts'
import { inTurns } from '../in-turns.ts'
import { logDecoder, type PrepareDecoder } from '../log/log-decoder.ts'
import type { SealRegister } from '../log/seal-register.ts'
import { topicOf, viewId } from '../names.ts'
import { BucketDamagedError } from './bucket-damage.ts'
import { BucketDiscards } from './bucket-discards.ts'
import type { BucketWork } from './bucket-work.ts'
import { checkPartitions, commitPositions, idleWork, tellHowFar, tellReplayed } from './check-partitions.ts'
import { fetchPartitions } from './fetch-partitions.ts'
import type { IngestContext, ProcessorPorts } from './ingest-context.ts'
import { INGEST_LIMITS, type IngestLimits } from './ingest-limits.ts'
import { INGEST_RULES, type IngestRules } from './ingest-rules.ts'
import { OwnedPartition } from './owned-partition.ts'
import { takeFetched } from './poll.ts'
import { PolledWork } from './polled-work.ts'
import { emitPolled, searchBehind } from './search-dead-letters.ts'
import { SpeedView } from './speed-view.ts'
import { takeUpLetters, takeUpPartitions } from './take-up.ts'
import { readStates, writeBucket, type WriteCounts } from './write-bucket.ts'

export interface ProcessorOptions extends ProcessorPorts {
  /** Every view of the source that is to be kept. */
  readonly views: readonly ViewPlan[]
  /** In the group `speedGroupOf(source)`. */
  readonly membership: Membership
  /**
   * Whether it says for all views of the source how far the log is read, and emits dead letters; of several in one process, each with views of its own, one
   * does. Default: true.
   */
  readonly isLeading?: boolean
  readonly rules?: IngestRules
  readonly limits?: Partial<IngestLimits>
}

/** What a step did. */
export interface StepReport extends Readonly<WriteCounts> {
  /** 'searched': for dead letters, in what is folded; 'discarded': a damaged bucket; 'idle': there was nothing to do. */
  readonly did: 'took-up' | 'checked' | 'folded' | 'searched' | 'discarded' | 'idle'
  readonly recordCount: number
  readonly deadLetterCount: number
  /** Partitions that are to be taken up again at the next step. */
  readonly rewoundCount: number
  /** From when records were there until all of them were written; 0 where none were. */
  readonly foldMs: number
}

export interface PartitionStatus {
  readonly partition: number
  /** Everything before it is folded, or held back; null: it is not taken up. */
  readonly nextOffset: number | null
  readonly stopped: Alarm | null
  /** Positions that are not folded, by the log's end as it was last seen; null: not known. */
  readonly behindCount: number | null
  /** How long ago everything that the log had was known to be folded; null: not since it was taken up. */
  readonly lagMs: number | null
  /** The same, or how long it was not so since it was assigned, whatever it was taken up again for. */
  readonly behindMs: number
}

export interface Processor {
  /**
   * One bounded piece of work; to be called again and again, not before it ended. After an error everything is taken up again.
   * Throws what the stores and the log throw.
   */
  step(signal?: AbortSignal): Promise<StepReport>
  /**
   * Folds into some buckets, each named once, what is held back of them (`heldCountMax`); not before a step ended. Where a partition cannot go on from
   * here it is taken up again by the next steps, so `status` has to be looked at afterwards. Throws what `step` throws.
   */
  foldHeld(buckets: readonly BucketKey[]): Promise<void>
  /** Other views from the next step on; those that stay must have the same plan. */
  setViews(views: readonly ViewPlan[]): void
  /** Leads from the next step on. */
  lead(): void
  status(): readonly PartitionStatus[]
  /** Buckets whose fences are known, of all views. */
  heldBucketCount(): number
  /** Events of a view, by its id, that nobody counts because a key is NULL; since it was added here. */
  nullKeyCounts(): ReadonlyMap<string, number>
}

export function createProcessor(options: ProcessorOptions): Processor {
  return new SourceProcessor(options)
}

const NO_WRITES: Readonly<WriteCounts> = { writeCount: 0, refusedCount: 0, foldedCount: 0 }

class SourceProcessor implements Processor {
  private readonly context: IngestContext
  private readonly membership: Membership
  private readonly prepareDecoder: PrepareDecoder
  private readonly polled = new PolledWork()
  private readonly discards: BucketDiscards
  private readonly owned = new Map<number, OwnedPartition>()
  private views: readonly SpeedView[] = []
  /** Of the next step: the one under way ends with what it began with. null: the same. */
  private nextViews: readonly SpeedView[] | null = null
  private isLeading: boolean
  private isToLead = false
  private register: SealRegister | null = null
  /** By the steady clock, as all that is done now and then: a clock that is set back must not silence it. */
  private checkAtMs = -Infinity

  constructor({ membership, views, isLeading = true, rules = INGEST_RULES, limits, ...ports }: ProcessorOptions) {
    this.context = { ...ports, topic: topicOf(ports.source), rules, limits: { ...INGEST_LIMITS, ...limits } }
    this.membership = membership
    this.isLeading = isLeading
    this.discards = new BucketDiscards(this.context)
    this.prepareDecoder = logDecoder(ports)
    this.setViews(views)
  }

  setViews(plans: readonly ViewPlan[]): void {
    const cacheSizeMaxBytes = this.context.limits.cacheSizeMaxBytes / Math.max(1, plans.length)
    this.nextViews = plans.map((plan) => {
      const known = this.views.find(({ id }) => id === viewId(plan.view))
      if (known !== undefined && known.plan.layoutId !== plan.layoutId) throw new Error(`View ${known.id} has another layout than before: it needs a new version.`)
      return known ?? new SpeedView(plan, cacheSizeMaxBytes)
    })
  }

  lead(): void {
    this.isToLead = !this.isLeading
  }

  async step(signal?: AbortSignal): Promise<StepReport> {
    signal?.throwIfAborted()
    return (await this.orTakeUpAgain(() => this.stepOn(signal))) ?? this.report('discarded')
  }

  async foldHeld(buckets: readonly BucketKey[]): Promise<void> {
    await this.orTakeUpAgain(async () => {
      await this.fold(this.polled.take(buckets))
    })
  }

  private async fold(works: readonly BucketWork[]): Promise<void> {
    await readStates(this.context, works)
    await this.write(works)
  }

  /** After an error everything is taken up again; null: a damaged bucket was discarded. */
  private async orTakeUpAgain<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work()
    } catch (error) {
      this.polled.drop()
      for (const owned of this.owned.values()) owned.rewind()
      if (!(error instanceof BucketDamagedError)) throw error
      await this.discard(error)
      return null
    }
  }

  status(): PartitionStatus[] {
    const steadyMs = this.context.clock.steadyMs()
    return [...this.owned.values()].map(({ partition, reader, stopped, logEnd, lastNext, caughtUpAt, lastCaughtUpAtMs }) => ({
      partition, stopped,
      nextOffset: this.nextViews === null ? (reader?.next ?? null) : null,
      behindCount: Number.isNaN(logEnd) ? null : Math.max(0, logEnd - lastNext),
      lagMs: caughtUpAt === null ? null : steadyMs - caughtUpAt.steadyMs,
      behindMs: steadyMs - lastCaughtUpAtMs,
    }))
  }

  heldBucketCount(): number {
    let count = 0
    for (const { buckets } of this.views) for (const { lanes } of buckets) if (lanes.some((lane) => lane !== undefined)) count++
    return count
  }

  nullKeyCounts(): Map<string, number> {
    return new Map(this.views.map(({ id, nullKeyCount }) => [id, nullKeyCount]))
  }

  private async stepOn(signal: AbortSignal | undefined): Promise<StepReport> {
    this.takeUpViews()
    const { context, views } = this
    await this.follow()
    if (views.length === 0) return this.report('idle')
    const owned = [...this.owned.values()]
    await this.takeLead(owned)
    const steadyMs = context.clock.steadyMs()
    const toTakeUp = owned.filter(({ reader, stopped, lookAgainAtMs }) => (reader === null ? stopped === null || steadyMs >= lookAgainAtMs : stopped === null && steadyMs >= lookAgainAtMs))
    if (toTakeUp.length > 0) {
      this.polled.drop()
      this.register = await takeUpPartitions(context, views, toTakeUp)
      return this.report('took-up')
    }
    if (steadyMs >= this.checkAtMs) {
      this.checkAtMs = steadyMs + context.limits.checkEveryMs
      await this.fold(this.polled.takeAll())
      this.foldedAll()
      await checkPartitions(context, views, owned)
      const counts = await this.write(idleWork(context, views, owned))
      await tellReplayed(context, views, owned)
      if (this.register !== null) await tellHowFar(context, views, owned, this.register)
      if (this.isLeading) await commitPositions(context, owned)
      return { ...this.report('checked', counts), deadLetterCount: (await this.searchBehind(owned)) ?? 0 }
    }
    return this.pollAndFold(owned, steadyMs, signal)
  }

  private async discard(damage: BucketDamagedError): Promise<void> {
    const halt = await this.discards.discard(damage)
    for (const view of this.views) if (view.id === damage.bucket.view) view.halt = halt
  }

  private takeUpViews(): void {
    if (this.nextViews === null) return
    const isAnyAdded = this.nextViews.some((view) => !this.views.includes(view))
    this.views = this.nextViews
    this.nextViews = null
    this.polled.drop()
    // Where views only went, those that stay go on, but for what stood still because of one that went.
    for (const owned of this.owned.values()) if (isAnyAdded || owned.lookAgainAtMs !== Infinity) owned.lookAgain()
  }

  /** Another one may have looked for dead letters since the partitions were taken up. */
  private async takeLead(owned: readonly OwnedPartition[]): Promise<void> {
    if (!this.isToLead) return
    await Promise.all(owned.map((one) => takeUpLetters(this.context, one)))
    this.isLeading = true
    this.isToLead = false
  }

  /** Takes up which partitions are assigned. */
  private async follow(): Promise<void> {
    const assigned = await this.membership.assigned()
    for (const partition of this.owned.keys()) {
      if (assigned.includes(partition)) continue
      this.polled.drop()
      this.owned.delete(partition)
      for (const view of this.views) view.release(partition)
    }
    for (const partition of assigned) if (!this.owned.has(partition)) this.owned.set(partition, new OwnedPartition(partition, this.context.clock.steadyMs()))
  }

  private async pollAndFold(owned: readonly OwnedPartition[], steadyMs: number, signal: AbortSignal | undefined): Promise<StepReport> {
    const { context, polled: { poll }, prepareDecoder } = this
    const isReady = ({ reader, stopped, lookAgainAtMs }: OwnedPartition): boolean => reader !== null && (stopped === null || steadyMs >= lookAgainAtMs)
    const fetched = await fetchPartitions(context, owned.filter(isReady), this.checkAtMs - steadyMs, signal)
    if (fetched.length === 0) return this.search(owned)
    const fetchedAtMs = context.clock.steadyMs()
    const before = poll.records.length
    this.register = await takeFetched(context, prepareDecoder, poll, this.views, fetched, this.register!)
    const recordCount = poll.records.length - before
    const { tracer = NO_TRACES, source } = context
    const span = beginOf(tracer, 'fold', poll.records, { from: before, attributes: { source: source.name, 'records.count': recordCount } })
    return inSpan(tracer, span, () => this.foldPolled(recordCount, fetchedAtMs))
  }

  private async foldPolled(recordCount: number, fetchedAtMs: number): Promise<StepReport> {
    const { context, polled, views } = this
    polled.gather(context.rules, views)
    const isHeld = polled.mayWait(context.limits) && !views.some(({ entities }) => entities.isFull)
    const works = isHeld ? [] : polled.takeAll()
    const [deadLetterCount] = await Promise.all([this.isLeading ? emitPolled(context, polled.poll) : 0, readStates(context, works)])
    const counts = await this.write(works)
    if (!isHeld) this.foldedAll()
    return { ...this.report('folded', counts), recordCount, deadLetterCount, foldMs: context.clock.steadyMs() - fetchedAtMs }
  }

  private foldedAll(): void {
    const { onFolded, clock } = this.context
    const { appendTimes } = this.polled.poll
    // What views that come read of what was there before is not late.
    if (onFolded !== undefined && this.isLeading && appendTimes.length > 0) onFolded(appendTimes, clock.nowMs())
    this.polled.clear()
    // Not while an entity's work is held back, which would then have two states.
    for (const { entities } of this.views) entities.trim()
  }

  /** Where there is nothing to fold: what was rejected before a view's start is looked for. */
  private async search(owned: readonly OwnedPartition[]): Promise<StepReport> {
    const deadLetterCount = await this.searchBehind(owned)
    return deadLetterCount === null ? this.report('idle') : { ...this.report('searched'), deadLetterCount }
  }

  private async searchBehind(owned: readonly OwnedPartition[]): Promise<number | null> {
    return this.isLeading ? searchBehind(this.context, this.prepareDecoder, owned) : null
  }

  /** Several buckets at a time, never one twice. */
  private async write(works: readonly BucketWork[]): Promise<WriteCounts> {
    const counts = { writeCount: 0, refusedCount: 0, foldedCount: 0 }
    await inTurns(works, this.context.limits.writesInFlightMax, (work) => writeBucket(this.context, this.polled.poll, work, counts))
    return counts
  }

  private report(did: StepReport['did'], counts: WriteCounts = NO_WRITES): StepReport {
    const rewoundCount = [...this.owned.values()].filter(({ reader }) => reader === null).length
    return { did, ...counts, recordCount: 0, deadLetterCount: 0, rewoundCount, foldMs: 0 }
  }
}
