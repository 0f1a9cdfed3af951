// The part of a source's way that folds its log as it comes: a processor, one member of the source's consumer group, and a sweeper for each view.
// Driven step by step, or run until a signal.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Membership } from '@tidemark/ports/event-log'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { OnAlarm } from '../alarm.ts'
import { speedGroupOf } from '../ingest/group-names.ts'
import type { IngestLimits } from '../ingest/ingest-limits.ts'
import { createProcessor, type Processor, type ProcessorOptions, type StepReport } from '../ingest/processor.ts'
import { runProcessor } from '../ingest/run-processor.ts'
import { createSweeper, type Sweeper } from '../ingest/sweeper.ts'
import { topicOf } from '../names.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { every, type Loop } from './run-together.ts'

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

export class StreamPart implements AsyncDisposable {
  readonly processor: Processor
  readonly loops: readonly Loop[]
  private readonly options: StreamPartOptions
  private readonly membership: Membership
  private sweepers: readonly Sweeper[]

  private constructor(options: StreamPartOptions, membership: Membership) {
    const { source, plans, ports, onAlarm, onStep, onFolded, tracer, ingestLimits: limits } = options
    const { log, registers, objects, schemas, speedViews: store, clock, newRevision } = ports
    this.options = options
    this.membership = membership
    this.processor = createProcessor({ source, views: plans, log, membership, registers, objects, schemas, store, clock, newRevision, onAlarm, onFolded, tracer, ...(limits && { limits }) })
    this.sweepers = this.sweepersOf(plans)
    this.loops = [
      (signal) => runProcessor({ processor: this.processor, clock, signal, onAlarm, ...(onStep && { onStep }) }),
      every(SWEEP_PAUSE_MS, clock, (signal) => this.sweep(signal)),
    ]
  }

  /** Joins the consumer group. */
  static async start(options: StreamPartOptions): Promise<StreamPart> {
    const { source, ports, member } = options
    return new StreamPart(options, await ports.groups.join(speedGroupOf(source), topicOf(source), member))
  }

  setViews(plans: readonly ViewPlan[]): void {
    this.processor.setViews(plans)
    this.sweepers = this.sweepersOf(plans)
  }

  /**
   * Folds everything that the log has by now; where the processor may hold some back (`heldCountMax`), at least what is of some buckets, each named once.
   * Where a partition stands still, its records stay.
   */
  async drain(signal?: AbortSignal, buckets: readonly BucketKey[] = []): Promise<void> {
    const { source, ports: { log } } = this.options
    const topic = topicOf(source)
    const ends = await Promise.all(Array.from({ length: await log.partitionCount(topic) }, async (_, partition) => (await log.extent(topic, partition)).end))
    const isFolded = (): boolean => {
      const status = new Map(this.processor.status().map((each) => [each.partition, each]))
      return ends.every((end, partition) => (status.get(partition)?.nextOffset ?? 0) >= end || (status.get(partition)?.stopped ?? null) !== null)
    }
    do {
      while (!isFolded()) await this.processor.step(signal)
      await this.processor.foldHeld(buckets)
    } while (!isFolded())
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
