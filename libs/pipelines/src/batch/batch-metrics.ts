// What the batch layer tells of itself: of each view its generation, and what came of runs.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Metrics } from '@tidemark/observability/metrics'
import type { DueEvent, DueObserver } from './run-due.ts'
import { viewId } from '../names.ts'
import { cutOf, type Pointer } from '../pointer.ts'
import type { QueueDepth } from '@tidemark/ports/job-queue'
import type { Clock } from '@tidemark/ports/clock'

interface KnownView {
  readonly epochLengthMs: number
  /** As it was read last, or published by this process. */
  readonly pointer: Pointer
  readonly sealedThrough: number | null
}

export class BatchMetrics implements DueObserver {
  private readonly metrics: Metrics
  /** By view. */
  private readonly known = new Map<string, KnownView>()
  private readonly depths = new Map<string, QueueDepth>()
  private readonly running = new Map<string, boolean>()
  private readonly gateClosed = new Map<string, boolean>()

  constructor(metrics: Metrics, clock: Clock) {
    this.metrics = metrics
    metrics.whenRead((tell) => {
      for (const [view, { epochLengthMs, pointer, sealedThrough }] of this.known) {
        const cut = cutOf(pointer, pointer.n)
        const cutMs = (cut + 1) * epochLengthMs
        tell('tidemark_batch_generation', { view }, pointer.n)
        tell('tidemark_batch_cut_seconds', { view }, cutMs / 1_000)
        tell('tidemark_batch_cut_age_seconds', { view }, (clock.nowMs() - cutMs) / 1_000)
        // Before the first generation nobody knows where epochs begin.
        tell('tidemark_batch_epochs_behind', { view }, sealedThrough === null ? null : Math.max(0, sealedThrough - cut))
        const depth = this.depths.get(view)
        tell('tidemark_batch_jobs', { view, state: 'waiting' }, depth?.waitingCount ?? null)
        tell('tidemark_batch_jobs', { view, state: 'active' }, depth?.activeCount ?? null)
        tell('tidemark_batch_running', { view }, this.running.get(view) === true ? 1 : 0)
        tell('tidemark_batch_gate_closed', { view }, this.gateClosed.get(view) === true ? 1 : 0)
      }
    })
  }

  readonly onLook: DueObserver['onLook'] = ({ view, source: { epochLengthMs } }, pointer, sealedThrough) => {
    this.known.set(viewId(view), { epochLengthMs, pointer, sealedThrough })
  }

  /** Of views that are gone nothing is told any more. */
  keep(plans: readonly ViewPlan[]): void {
    const kept = new Set(plans.map(({ view }) => viewId(view)))
    for (const view of this.known.keys()) if (!kept.has(view)) this.known.delete(view)
  }

  readonly onDepth: DueObserver['onDepth'] = (view, depth) => void this.depths.set(view, depth)

  readonly onRun: DueObserver['onRun'] = (view, isRunning) => void this.running.set(view, isRunning)

  readonly onStage: DueObserver['onStage'] = (view, step, durationMs) => this.metrics.histogram('tidemark_batch_step_seconds', { view, step }).record(durationMs / 1_000)

  count(event: DueEvent): void {
    if (event.kind === 'waiting') return
    const { view } = event
    const result = event.kind === 'failed' ? event.error.code : event.kind === 'done' ? event.result.kind : event.kind
    const known = this.known.get(view)
    if (event.kind === 'done' && known !== undefined) this.known.set(view, { ...known, pointer: event.result.pointer })
    if (event.kind !== 'lost') this.gateClosed.set(view, result === 'GATE_CLOSED')
    this.metrics.counter('tidemark_batch_runs_total', { view, result }).value++
  }
}
