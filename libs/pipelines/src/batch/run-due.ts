// The scheduler: a job for each view and cut that is due, in a queue of the view's that gives out one job at a time: two runs on one view would
// void each other. The job's id is the view and the cut, so that two schedulers add it once, and a generation that its gate blocked, or that
// was rolled back, is not made again and again: the next sealed epoch makes another job. What a worker does without the job's lease is
// harmless (generation-run.ts); the lease only saves work.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { inSpan, NO_TRACES, type Tracer } from '@tidemark/observability/tracing'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { JobQueue, QueueDepth, TakenJob } from '@tidemark/ports/job-queue'
import { readSealRegister } from '../log/change-seal-register.ts'
import { viewId } from '../names.ts'
import { cutOf, readPointer, type Pointer } from '../pointer.ts'
import type { RunStage } from './batch-rules.ts'
import type { BatchProgress } from './batch-run.ts'
import { runGeneration, type BatchStores, type GenerationRunOptions, type RunResult } from './generation-run.ts'

/** How long a worker may be silent before its job is given to another one. */
export const JOB_LEASE_MS = 60_000

/** Attempts after which a job is left alone, and the longest pause between two. */
const ATTEMPTS_MAX = 8
const RETRY_FIRST_MS = 1_000
const RETRY_MAX_MS = 60_000

/** Finished jobs that are kept to be looked at; of each view the newest must be among them. */
const KEPT_JOB_COUNT = 1_000

export interface RunDueOptions {
  readonly stores: BatchStores
  readonly queue: JobQueue
  readonly clock: WaitingClock
  /** Views of one source. */
  readonly plans: readonly ViewPlan[]
  /** Of each run, beside what the stores and the view's plan are. */
  readonly run?: Omit<GenerationRunOptions, 'stores' | 'plan' | 'isTakingOver' | 'throughEpoch' | 'onProgress' | 'onStage' | 'trace'>
  readonly onProgress?: (view: string, progress: BatchProgress) => void
  readonly onEvent?: (event: DueEvent) => void
  readonly observer?: DueObserver | undefined
  /** Each run is a trace, with a span for each stage. Default: none is recorded. */
  readonly tracer?: Tracer | undefined
  readonly leaseMs?: number
}

/** Hears what is measured, and of what nobody has to be told. */
export interface DueObserver {
  /** Each round. `sealedThrough` null: nothing is sealed. */
  readonly onLook: (plan: ViewPlan, pointer: Pointer, sealedThrough: number | null) => void
  /** Each round and after each job, and whenever a lease is renewed. */
  readonly onDepth: (view: string, depth: QueueDepth) => void
  readonly onRun: (view: string, isRunning: boolean) => void
  readonly onStage: (view: string, stage: RunStage, durationMs: number) => void
}

/** What is told while it happens. 'waiting': rows of a generation that was rolled back past are removed once no reader may have it pinned. */
export type DueEvent = DueOutcome | { readonly view: string; readonly kind: 'waiting'; readonly untilMs: number }

export type DueOutcome =
  | { readonly view: string; readonly attempt: number; readonly kind: 'done'; readonly result: RunResult }
  /** `retryAtMs` null: not again for this cut. */
  | { readonly view: string; readonly attempt: number; readonly kind: 'failed'; readonly error: TidemarkError; readonly retryAtMs: number | null }
  /** Another worker has the job. */
  | { readonly view: string; readonly attempt: number; readonly kind: 'lost' }

/** By the view's id. */
export function jobQueueOf(view: string): string {
  return `batch/${view}`
}

/** What the ids of a view's jobs begin with, before the cut. */
function jobsOf(view: string): string {
  return `${view}/`
}

/** Adds a job where the view's generation lacks a sealed epoch, unless there is one. Its id; null: nothing is due. */
async function enqueueDue({ stores: { registers }, queue, observer }: RunDueOptions, plan: ViewPlan): Promise<string | null> {
  const { register: { sealedThrough: cut } } = await readSealRegister(registers, plan.source)
  const view = viewId(plan.view)
  const { pointer } = await readPointer(registers, view)
  observer?.onLook(plan, pointer, cut)
  if (cut === null || cut <= cutOf(pointer, pointer.n)) return null
  const id = `${jobsOf(view)}${cut}`
  await queue.add({ queue: jobQueueOf(view), id, data: null })
  return id
}

/**
 * Adds what is due now and works until no such job is left to it: what another worker is at, what is to be tried again later and epochs that are
 * sealed meanwhile are somebody's next round. What became of each job; bugs are thrown.
 */
export async function runDue(options: RunDueOptions, signal?: AbortSignal): Promise<DueOutcome[]> {
  const { queue, plans, leaseMs = JOB_LEASE_MS, onEvent } = options
  const due = new Map<ViewPlan, string | null>()
  for (const plan of plans) due.set(plan, await enqueueDue(options, plan))
  const outcomes: DueOutcome[] = []
  const add = (outcome: DueOutcome): void => {
    outcomes.push(outcome)
    onEvent?.(outcome)
  }
  for (const [plan, id] of due) {
    const view = viewId(plan.view)
    const name = jobQueueOf(view)
    for (;;) {
      signal?.throwIfAborted()
      await tellDepth(options, view)
      const job = await queue.take(name, leaseMs, 1)
      if (job === null) break
      add(await work(options, plan, job, signal))
    }
    if (id !== null && outcomes.at(-1)?.view !== view) {
      const held = (await queue.list(name)).find(({ state }) => state === 'active')
      // No news: it is so each round until the other one is done.
      if (held !== undefined) outcomes.push({ view, attempt: held.attempt, kind: 'lost' })
    }
    await queue.trim(name, KEPT_JOB_COUNT)
  }
  return outcomes
}

async function tellDepth({ queue, observer }: RunDueOptions, view: string): Promise<void> {
  observer?.onDepth(view, await queue.depth(jobQueueOf(view)))
}

/** Does one job while its lease is renewed. */
async function work(options: RunDueOptions, plan: ViewPlan, job: TakenJob, signal?: AbortSignal): Promise<DueOutcome> {
  const view = viewId(plan.view)
  const about = { view, attempt: job.attempt }
  options.observer?.onRun(view, true)
  try {
    const { tracer = NO_TRACES } = options
    const span = tracer.begin('batch run', { isAlways: true, attributes: { view, attempt: job.attempt } })
    const result = await inSpan(tracer, span, () => withLease(options, view, job, signal, (leased) =>
      runGeneration({
        ...options.run, stores: options.stores, plan,
        // Who had the job before may have come far; or may still be at it, and then both load the same rows.
        isTakingOver: job.attempt > 1,
        // There is no other job for the cut: what another one began with less is not all that this one is to make.
        throughEpoch: Number(job.id.slice(jobsOf(view).length)),
        ...(span && { trace: { tracer, parent: span.traceparent } }),
        onStage: (stage, durationMs) => options.observer?.onStage(view, stage, durationMs),
        ...(options.onProgress && { onProgress: (progress) => options.onProgress!(view, progress) }),
      }, options.clock, leased, (stage, untilMs) => {
        if (stage === 'purge') options.onEvent?.({ view, kind: 'waiting', untilMs })
      }),
    ))
    const { kind, pointer: { n } } = result
    return (await job.complete({ kind, n })) ? { ...about, kind: 'done', result } : { ...about, kind: 'lost' }
  } catch (error) {
    if (error instanceof LeaseLost) return { ...about, kind: 'lost' }
    if (!(error instanceof TidemarkError)) {
      // What was told to end is not a failure of the job's: another worker may have it at once.
      await job.fail(String(error), signal?.aborted === true ? options.clock.nowMs() : null)
      throw error
    }
    const retryAtMs = retryTime(error, job.attempt, options.clock.nowMs())
    return (await job.fail(error.message, retryAtMs)) ? { ...about, kind: 'failed', error, retryAtMs } : { ...about, kind: 'lost' }
  } finally {
    options.observer?.onRun(view, false)
  }
}

/** A blocked generation is not tried again, nor is what only a person can mend; a store may be back. */
function retryTime({ code }: TidemarkError, attempt: number, nowMs: number): number | null {
  const isPassing = code === 'POINTER_MOVED' || code === 'STORE_UNAVAILABLE' || code === 'STORE_FULL' || code === 'OUTPUT_FAILED'
  return isPassing && attempt < ATTEMPTS_MAX ? nowMs + Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (attempt - 1)) : null
}

class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

/** Runs work while the lease is renewed, three times as often as needed; once it is lost, the work is told to end. */
async function withLease<T>(options: RunDueOptions, view: string, job: TakenJob, outer: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, leaseMs = JOB_LEASE_MS } = options
  const over = new AbortController()
  const lost = new AbortController()
  const renew = async (): Promise<void> => {
    for (;;) {
      await clock.wait(Math.ceil(leaseMs / 3), over.signal)
      if (over.signal.aborted) return
      if (!(await job.renew())) return lost.abort(new LeaseLost())
      await tellDepth(options, view)
    }
  }
  const signal = outer === undefined ? lost.signal : AbortSignal.any([outer, lost.signal])
  const renewing = renew().catch((error: unknown) => lost.abort(error))
  try {
    return await run(signal)
  } catch (error) {
    // Work that is told to end may fail of that in any way.
    signal.throwIfAborted()
    throw error
  } finally {
    over.abort()
    await renewing
  }
}
