// The part of a source's way that folds its log as it comes: one member of the source's consumer group, and a sweeper for each view. Driven step by step, or
// run until a signal. Views that come while others are folded have the log behind them to read first: they get a processor of their own, which reads the same
// partitions beside the one that was there, so that nobody who is served waits for them.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Membership } from '@tidemark/ports/event-log'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { OnAlarm } from '../alarm.ts'
import { speedGroupOf } from '../ingest/group-names.ts'
import { INGEST_LIMITS, type IngestLimits } from '../ingest/ingest-limits.ts'
import { createProcessor, type PartitionStatus, type Processor, type ProcessorOptions, type StepReport } from '../ingest/processor.ts'
import { runProcessor } from '../ingest/run-processor.ts'
import { createSweeper, type Sweeper } from '../ingest/sweeper.ts'
import { topicOf, viewId } from '../names.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { every, LoopGroups, type Loop, type LoopGroup } from './run-together.ts'

const SWEEP_PAUSE_MS = 10_000

export type StreamPorts = Pick<LambdaPorts, 'log' | 'groups' | 'registers' | 'objects' | 'schemas' | 'speedViews' | 'clock' | 'newRevision'>

export interface StreamPartOptions {
  /** Its topics are there, that of its dead letters too. */
  readonly source: SourceDefinition
  readonly plans: readonly ViewPlan[]
  readonly ports: StreamPorts
  /** This process, among the members of the source's consumer group. */
  readonly member: string
  readonly onAlarm: OnAlarm
  readonly onStep?: ((report: StepReport) => void) | undefined
  readonly onFolded?: ProcessorOptions['onFolded']
  readonly tracer?: ProcessorOptions['tracer']
  /** Of the stream processor, where they are others than INGEST_LIMITS. */
  readonly ingestLimits?: Partial<IngestLimits>
}

/** Views that began together, and what folds them. */
interface Cohort {
  readonly processor: Processor
  plans: readonly ViewPlan[]
  readonly group: LoopGroup
}

/** What entities of views that come later may have in memory, beside the first ones'. */
const LATER_CACHE_SHARE = 1 / 4

export class StreamPart implements AsyncDisposable {
  readonly loops: readonly Loop[]
  private readonly options: StreamPartOptions
  private readonly membership: Membership
  private readonly groups: LoopGroups
  /** The first one leads. */
  private cohorts: Cohort[] = []
  private sweepers: readonly Sweeper[] = []

  private constructor(options: StreamPartOptions, membership: Membership) {
    const { plans, ports: { clock }, onAlarm } = options
    this.options = options
    this.membership = membership
    this.groups = new LoopGroups({ clock, onAlarm })
    this.loops = [this.groups.loop, every(SWEEP_PAUSE_MS, clock, (signal) => this.sweep(signal))]
    this.begin(plans)
    this.sweepers = this.sweepersOf(plans)
  }

  /** Joins the consumer group. */
  static async start(options: StreamPartOptions): Promise<StreamPart> {
    const { source, ports, member } = options
    return new StreamPart(options, await ports.groups.join(speedGroupOf(source), topicOf(source), member))
  }

  /** That of the views that came first, which tells how far the log is read. */
  get processor(): Processor {
    return this.cohorts[0]!.processor
  }

  /** Those that stay have the same plan, and go on without a break. */
  setViews(plans: readonly ViewPlan[]): void {
    const added = plans.filter((plan) => !this.cohorts.some((cohort) => has(cohort.plans, plan)))
    for (const cohort of this.cohorts) {
      const staying = cohort.plans.filter((plan) => has(plans, plan))
      if (staying.length < cohort.plans.length) cohort.processor.setViews(staying)
      cohort.plans = staying
    }
    const first = this.endEmpty()
    if (first.plans.length === 0) {
      first.plans = added
      first.processor.setViews(added)
    } else if (added.length > 0) {
      this.begin(added)
    }
    this.sweepers = this.sweepersOf(plans)
  }

  /** One step of each processor. */
  async step(signal?: AbortSignal): Promise<void> {
    for (const { processor } of [...this.cohorts]) await processor.step(signal)
  }

  /** By partition, of the processor that is worst off; of those that read what was there before them, only where they stand still. */
  status(): PartitionStatus[] {
    const later = this.cohorts.slice(1).flatMap(({ processor }) => processor.status()).filter(({ lagMs, stopped }) => lagMs !== null || stopped !== null)
    return this.processor.status().map((first) => later.filter(({ partition }) => partition === first.partition).reduce(worse, first))
  }

  heldBucketCount(): number {
    return this.cohorts.reduce((sum, { processor }) => sum + processor.heldBucketCount(), 0)
  }

  /**
   * Folds everything that the log has by now; where the processor may hold some back (`heldCountMax`), at least what is of some buckets, each named once.
   * Where a partition stands still, its records stay.
   */
  async drain(signal?: AbortSignal, buckets: readonly BucketKey[] = []): Promise<void> {
    const { source, ports: { log } } = this.options
    const topic = topicOf(source)
    const ends = await Promise.all(Array.from({ length: await log.partitionCount(topic) }, async (_, partition) => (await log.extent(topic, partition)).end))
    for (const { processor } of [...this.cohorts]) {
      const isFolded = (): boolean => {
        const status = new Map(processor.status().map((each) => [each.partition, each]))
        return ends.every((end, partition) => (status.get(partition)?.nextOffset ?? 0) >= end || (status.get(partition)?.stopped ?? null) !== null)
      }
      do {
        while (!isFolded()) await processor.step(signal)
        await processor.foldHeld(buckets)
      } while (!isFolded())
    }
  }

  private begin(plans: readonly ViewPlan[]): void {
    const { source, ports, onAlarm, onStep, onFolded, tracer, ingestLimits } = this.options
    const { log, registers, objects, schemas, speedViews: store, clock, newRevision } = ports
    const isLeading = this.cohorts.length === 0
    const limits = isLeading ? ingestLimits : { ...ingestLimits, cacheSizeMaxBytes: (ingestLimits?.cacheSizeMaxBytes ?? INGEST_LIMITS.cacheSizeMaxBytes) * LATER_CACHE_SHARE }
    const processor = createProcessor({
      source, views: plans, isLeading, log, membership: this.membership, registers, objects, schemas, store, clock, newRevision, onAlarm, onFolded, tracer, ...(limits && { limits }),
    })
    const group = this.groups.add([(signal) => runProcessor({ processor, clock, signal, onAlarm, ...(onStep && { onStep }) })])
    this.cohorts.push({ processor, plans, group })
  }

  /** Ends processors that have no view left; the first one that has leads, and where none has, the first one stays. */
  private endEmpty(): Cohort {
    const first = this.cohorts.find(({ plans }) => plans.length > 0) ?? this.cohorts[0]!
    const isKept = (cohort: Cohort): boolean => cohort === first || cohort.plans.length > 0
    for (const cohort of this.cohorts) if (!isKept(cohort)) void cohort.group.end(new Error('its views are no more'))
    this.cohorts = this.cohorts.filter(isKept)
    first.processor.lead()
    return first
  }

  /** A round of each view's sweeper, as far as nothing has to be waited for. */
  private async sweep(signal: AbortSignal): Promise<void> {
    for (const sweeper of this.sweepers) {
      for (let report = await sweeper.step(); report.did === 'swept' && !signal.aborted; ) report = await sweeper.step()
    }
  }

  private sweepersOf(plans: readonly ViewPlan[]): Sweeper[] {
    const { ports: { speedViews: store, registers, clock }, onAlarm } = this.options
    return plans.map((view) => createSweeper({ view, store, registers, clock, onAlarm }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.membership[Symbol.asyncDispose]()
  }
}

function has(plans: readonly ViewPlan[], { view }: ViewPlan): boolean {
  return plans.some((plan) => viewId(plan.view) === viewId(view))
}

function worse(one: PartitionStatus, other: PartitionStatus): PartitionStatus {
  if ((one.stopped === null) !== (other.stopped === null)) return one.stopped === null ? other : one
  return (other.behindCount ?? Infinity) > (one.behindCount ?? Infinity) ? other : one
}
