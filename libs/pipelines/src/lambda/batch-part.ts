// The part of a source's way that makes generations: the batch runs that are due, and a cleaner for each view. Driven step by step, or run until
// a signal.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { openEpochs } from '../archive/open-epochs.ts'
import { createCleaner, type Cleaner } from '../batch/clean-up.ts'
import type { BatchStores, GenerationRunOptions } from '../batch/generation-run.ts'
import { runDue, type DueOutcome, type RunDueOptions } from '../batch/run-due.ts'
import { viewId } from '../names.ts'
import type { LambdaPorts } from './lambda-ports.ts'
import { every, type Loop } from './run-together.ts'

/** How often it is looked whether a batch run is due, where nothing else is said, and whether something is to be cleaned up. */
export const BATCH_CHECK_DEFAULT_MS = 1_000
const CLEAN_UP_PAUSE_MS = 10_000

export type BatchPorts = Pick<LambdaPorts, 'registers' | 'objects' | 'format' | 'schemas' | 'engine' | 'batchViews' | 'jobs' | 'clock'>

export interface BatchPartOptions {
  /** Of one source's views. */
  readonly plans: readonly ViewPlan[]
  readonly ports: BatchPorts
  /** Of each batch run: its gate, how many generations are kept. */
  readonly batch?: Pick<GenerationRunOptions, 'gate' | 'keptCount' | 'leaseMs'>
  /** How often generations that are due are made; default: each second, so that a sealed epoch soon has its own. */
  readonly batchEveryMs?: number
  /** How long a worker may be silent before its run is another's; default: JOB_LEASE_MS. */
  readonly jobLeaseMs?: number
  readonly onBatch?: RunDueOptions['onEvent']
  readonly observer?: RunDueOptions['observer']
  readonly tracer?: RunDueOptions['tracer']
}

export class BatchPart {
  readonly loops: readonly Loop[]
  private readonly options: BatchPartOptions
  private readonly stores: BatchStores
  private plans: readonly ViewPlan[]
  private cleaners: readonly Cleaner[]

  constructor(options: BatchPartOptions) {
    const { plans, ports, batchEveryMs = BATCH_CHECK_DEFAULT_MS } = options
    const { registers, objects, format, schemas, engine, batchViews: views, clock } = ports
    this.options = options
    this.stores = { registers, objects, engine, views, clock, openEpochs: (plan, afterCut, cut) => openEpochs({ objects, registers, format, schemas }, plan.source, afterCut, cut) }
    this.plans = plans
    this.cleaners = this.cleanersOf(plans)
    this.loops = [
      every(batchEveryMs, clock, (signal) => this.runDue(signal)),
      every(CLEAN_UP_PAUSE_MS, clock, (signal) => this.cleanUp(signal)),
    ]
  }

  setViews(plans: readonly ViewPlan[]): void {
    this.plans = plans
    this.cleaners = this.cleanersOf(plans)
  }

  /** Makes a generation of each view that lacks a sealed epoch. */
  runDue(signal?: AbortSignal): Promise<DueOutcome[]> {
    const { ports: { jobs: queue, clock }, batch: run = {}, jobLeaseMs: leaseMs, onBatch, observer, tracer } = this.options
    return runDue({ stores: this.stores, queue, clock, plans: this.plans, run, observer, tracer, ...(leaseMs !== undefined && { leaseMs }), ...(onBatch && { onEvent: onBatch }) }, signal)
  }

  /** A round of each view's cleaner, as far as nothing has to be waited for. */
  private async cleanUp(signal: AbortSignal): Promise<void> {
    for (const cleaner of this.cleaners) {
      for (let step = await cleaner.step(); step.kind === 'working' && !signal.aborted; ) step = await cleaner.step()
    }
  }

  private cleanersOf(plans: readonly ViewPlan[]): Cleaner[] {
    return plans.map(({ view }) => createCleaner({ stores: this.stores, view: viewId(view) }))
  }
}
