// One source's way of the data, from its topic to its views: an archiver, a processor, a cleaner and a sweeper for each view, and the batch runs
// that are due. Driven step by step, or run until a signal.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Membership } from '@tidemark/ports/event-log'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { OnAlarm } from '../alarm.ts'
import { createArchiver, type Archiver } from '../archive/archiver.ts'
import { openEpochs } from '../archive/open-epochs.ts'
import { runArchiver } from '../archive/run-archiver.ts'
import { createCleaner } from '../batch/clean-up.ts'
import type { GenerationRunOptions } from '../batch/generation-run.ts'
import { runDue, type DueOutcome, type RunDueOptions } from '../batch/run-due.ts'
import { speedGroupOf } from '../ingest/group-names.ts'
import type { IngestLimits } from '../ingest/ingest-limits.ts'
import { createProcessor, type Processor } from '../ingest/processor.ts'
import { runProcessor } from '../ingest/run-processor.ts'
import { createSweeper } from '../ingest/sweeper.ts'
import { topicOf, viewId } from '../names.ts'
import { keepRunning } from './keep-running.ts'
import type { LambdaPorts } from './lambda-ports.ts'

/** How often it is looked whether a batch run is due, where nothing else is said, and whether something is to be cleaned up. */
const BATCH_CHECK_DEFAULT_MS = 1_000
const CLEAN_UP_PAUSE_MS = 10_000

export interface SourcePipelineOptions {
  readonly source: SourceDefinition
  readonly plans: readonly ViewPlan[]
  readonly ports: LambdaPorts
  /** This process, among the members of the source's consumer group. */
  readonly member: string
  readonly onAlarm: OnAlarm
  /** Of each batch run: its gate, how many generations are kept. */
  readonly batch?: Pick<GenerationRunOptions, 'gate' | 'keptCount' | 'leaseMs'>
  /** Of the stream processor, where they are others than INGEST_LIMITS. */
  readonly ingestLimits?: Partial<IngestLimits>
  /** How often generations that are due are made; default: each second, so that a sealed epoch soon has its own. */
  readonly batchEveryMs?: number
  readonly onBatch?: RunDueOptions['onEvent']
}

export class SourcePipeline implements AsyncDisposable {
  readonly source: SourceDefinition
  readonly archiver: Archiver
  readonly processor: Processor
  private plans: readonly ViewPlan[]
  private readonly options: SourcePipelineOptions
  private readonly membership: Membership

  private constructor(options: SourcePipelineOptions, membership: Membership) {
    const { source, plans, ports, onAlarm, ingestLimits: limits } = options
    const { log, registers, objects, format, speedViews: store, clock, newRevision } = ports
    this.source = source
    this.plans = plans
    this.options = options
    this.membership = membership
    this.archiver = (ports.createArchiver ?? createArchiver)({ source, log, registers, objects, format, clock, onAlarm })
    this.processor = createProcessor({ source, views: plans, log, membership, registers, objects, store, clock, newRevision, onAlarm, ...(limits && { limits }) })
  }

  /** Joins the consumer group of a source whose topic is there. */
  static async start(options: SourcePipelineOptions): Promise<SourcePipeline> {
    const { source, ports, member } = options
    return new SourcePipeline(options, await ports.groups.join(speedGroupOf(source), topicOf(source), member))
  }

  setViews(plans: readonly ViewPlan[]): void {
    this.plans = plans
    this.processor.setViews(plans)
    // A view that comes back may have another plan.
    const kept = new Set(plans.map(({ view }) => viewId(view)))
    for (const view of this.made.keys()) if (!kept.has(view)) this.made.delete(view)
  }

  /**
   * Folds everything that the log has by now; where the processor may hold some back (`heldCountMax`), at least what is of some buckets, each named once.
   * Where a partition stands still, its records stay.
   */
  async drainStream(signal?: AbortSignal, buckets: readonly BucketKey[] = []): Promise<void> {
    const { log } = this.options.ports
    const topic = topicOf(this.source)
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

  /** Archives everything that the log has by now, and seals what can be sealed. */
  async drainArchive(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const { did } = await this.archiver.step(signal)
      if (did === 'idle' || did === 'stopped') return
    }
  }

  /** Makes a generation of each view that lacks a sealed epoch. */
  runBatches(signal?: AbortSignal): Promise<DueOutcome[]> {
    return runDue(this.dueOptions(), signal)
  }

  /**
   * Runs all of it until the signal is aborted; where a part fails for good, the others end too, and that is thrown. Nothing is at work any
   * more when it ends.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { archiver, processor, options: { ports: { clock }, onAlarm, batchEveryMs = BATCH_CHECK_DEFAULT_MS } } = this
    const failed = new AbortController()
    const ended = AbortSignal.any([signal, failed.signal])
    const loops = [
      () => runArchiver(archiver, clock, ended),
      () => runProcessor({ processor, clock, signal: ended, onAlarm }),
      () => this.runEvery(batchEveryMs, ended, () => this.runBatches(ended)),
      () => this.runEvery(CLEAN_UP_PAUSE_MS, ended, () => this.cleanUp(ended)),
    ]
    await Promise.all(loops.map((loop) => keepRunning(loop, clock, ended, onAlarm).catch((error: unknown) => failed.abort(error))))
    if (failed.signal.aborted) throw failed.signal.reason
  }

  private async runEvery(pauseMs: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
    while (!signal.aborted) {
      await work()
      await this.options.ports.clock.wait(pauseMs, signal)
    }
  }

  /** A round of each view's cleaner and sweeper, as far as nothing has to be waited for. */
  private async cleanUp(signal: AbortSignal): Promise<void> {
    for (const { cleaner, sweeper } of this.cleaners()) {
      for (let step = await cleaner.step(); step.kind === 'working' && !signal.aborted; ) step = await cleaner.step()
      for (let report = await sweeper.step(); report.did === 'swept' && !signal.aborted; ) report = await sweeper.step()
    }
  }

  private readonly made = new Map<string, { readonly cleaner: ReturnType<typeof createCleaner>; readonly sweeper: ReturnType<typeof createSweeper> }>()

  private cleaners(): { readonly cleaner: ReturnType<typeof createCleaner>; readonly sweeper: ReturnType<typeof createSweeper> }[] {
    const { registers, objects, batchViews, speedViews, clock } = this.options.ports
    return this.plans.map((plan) => {
      const view = viewId(plan.view)
      let made = this.made.get(view)
      if (made === undefined) {
        made = {
          cleaner: createCleaner({ stores: { views: batchViews, objects, clock, registers }, view }),
          sweeper: createSweeper({ view: plan, store: speedViews, registers, clock, onAlarm: this.options.onAlarm }),
        }
        this.made.set(view, made)
      }
      return made
    })
  }

  private dueOptions(): RunDueOptions {
    const { ports, batch = {}, onBatch } = this.options
    const { registers, objects, batchViews, clock, engine, jobs, format } = ports
    return {
      stores: {
        views: batchViews, objects, clock, registers, engine,
        openEpochs: (plan, afterCut, cut) => openEpochs({ objects, registers, format }, plan.source, afterCut, cut),
      },
      queue: jobs,
      clock,
      plans: this.plans,
      run: batch,
      ...(onBatch && { onEvent: onBatch }),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.membership[Symbol.asyncDispose]()
  }
}
