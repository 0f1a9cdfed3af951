// A run that makes one generation, as steps: plan → compute → gate → record the write-set → read the pointer again → purge → load →
// confirm → publish. Between any two calls of a port it may stop for ever, or go on much later when others have planned, voided and
// published: it then loses, and what it leaves is void and is purged by the next run that publishes (law 5).

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { ArchiveInput } from '@tidemark/ports/archive-format'
import type { Tracer } from '@tidemark/observability/tracing'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { readSealRegister } from '../log/change-seal-register.ts'
import { viewId } from '../names.ts'
import { isVoid, KEPT_GENERATION_COUNT, PIN_LEASE_MS, readPointer, replacePointer, type Pointer, type ReadPointer } from '../pointer.ts'
import { BATCH_RULES, type BatchRules, type RunStage } from './batch-rules.ts'
import { runBatch, type BatchProgress } from './batch-run.ts'
import { FigureSink } from './generation-figures.ts'
import { confirmRows, loadRows, purgeRows, type LoadedSample, type Pause, type RowStores } from './generation-rows.ts'
import { StageSpans } from './stage-spans.ts'
import { planGeneration, withBlocked, withPublished, type GenerationPlan } from './plan-generation.ts'
import { DEFAULT_GATE, gateClosed, judgeGeneration, type GateOptions } from './quality-gate.ts'
import { readWriteSet, recordWriteSet, StagingSink, WRITE_SET_VERSION, type GenerationFigures, type WriteSet } from './staged-generation.ts'

/** Events of a range of epochs, and how many records these have: the rejected ones are not among the events. */
export interface EpochsInput extends ArchiveInput {
  readonly recordCount: number
  readonly rejectedCount: number
}

/** Opens the epochs after `afterCut` (-Infinity: from the first one) and up to `cut`, which is sealed. */
export type EpochOpener = (plan: ViewPlan, afterCut: number, cut: number) => Promise<EpochsInput>

export interface BatchStores extends RowStores {
  readonly registers: RegisterStore
  readonly engine: BatchEngine
  readonly openEpochs: EpochOpener
}

export interface GenerationRunOptions {
  readonly stores: BatchStores
  readonly plan: ViewPlan
  readonly gate?: Partial<GateOptions>
  /** Generations back along the lineage that the pointer may still go; 2 where nothing is said. */
  readonly keptCount?: number
  /** How long a reader may use a pointer. */
  readonly leaseMs?: number
  /** Takes over a run that was planned on the generation pointed at and has recorded its write-set, instead of voiding it. */
  readonly isTakingOver?: boolean
  /** The epoch that it is for: a run up to an earlier one is not taken over. */
  readonly throughEpoch?: number
  readonly partSizeMaxBytes?: number
  readonly onProgress?: (progress: BatchProgress) => void
  /** Hears of each step of a stage how long it took. */
  readonly onStage?: ((stage: RunStage, durationMs: number) => void) | undefined
  /** A span for each stage, in another one. */
  readonly trace?: { readonly tracer: Tracer; readonly parent: string } | undefined
  readonly rules?: BatchRules
}

export type RunResult =
  /** No epoch is sealed that the pointer's generation does not contain. */
  | { readonly kind: 'nothing-due'; readonly pointer: Pointer }
  | { readonly kind: 'published'; readonly pointer: Pointer; readonly n: number; readonly base: number; readonly cut: number; readonly figures: GenerationFigures }

export type RunStep =
  | { readonly kind: 'working'; readonly stage: RunStage }
  /** Nothing to do before then, by the steady clock. */
  | { readonly kind: 'waiting'; readonly stage: RunStage; readonly untilMs: number }
  | { readonly kind: 'over'; readonly result: RunResult }

export interface GenerationRun {
  /**
   * One bounded piece of work; after the last one, the result again. A step that throws ends the run: GATE_CLOSED (the generation is
   * blocked), POINTER_MOVED (somebody else planned, published or rolled back), or trouble of a store or the engine.
   */
  step(signal?: AbortSignal): Promise<RunStep>
}

export function createGenerationRun(options: GenerationRunOptions): GenerationRun {
  const steps = new Steps(options)
  const all = steps.all()
  let result: RunResult | null = null
  return {
    async step(signal) {
      signal?.throwIfAborted()
      steps.signal = signal
      const { done, value } = result === null ? await all.next() : { done: true, value: result }
      if (!done) return value as RunStep
      if (value === undefined) throw new Error('This run ended with an error.')
      return { kind: 'over', result: (result = value as RunResult) }
    },
  }
}

/** Runs a generation to its end. Throws what its steps throw. `onWait` is told once for each time that is waited for, as the time of day. */
export async function runGeneration(options: GenerationRunOptions, clock: WaitingClock, signal?: AbortSignal, onWait?: (stage: RunStage, untilMs: number) => void): Promise<RunResult> {
  const run = createGenerationRun(options)
  const spans = options.trace === undefined ? null : new StageSpans(options.trace)
  let toldMs = -Infinity
  for (;;) {
    const fromMs = clock.steadyMs()
    const step = await (spans === null ? run.step(signal) : spans.within(() => run.step(signal)))
    if (step.kind === 'over') return step.result
    options.onStage?.(step.stage, clock.steadyMs() - fromMs)
    if (step.kind !== 'waiting') continue
    const leftMs = Math.max(1, step.untilMs - clock.steadyMs())
    if (step.untilMs !== toldMs) onWait?.(step.stage, clock.nowMs() + leftMs)
    toldMs = step.untilMs
    await clock.wait(leftMs, signal)
  }
}

/** What a run holds once it is planned. */
interface Planned extends Omit<GenerationPlan, 'pointer'> {
  /** The pointer as it was after the plan. */
  readonly read: ReadPointer
  /** A time after that, by the steady clock. */
  readonly plannedAtMs: number
}

class Steps {
  signal: AbortSignal | undefined
  private readonly options: GenerationRunOptions
  private readonly stores: BatchStores
  private readonly rules: BatchRules
  private readonly view: string
  private readonly leaseMs: number
  private planned!: Planned
  private writeSet!: WriteSet
  private readonly samples: LoadedSample[] = []
  private published: Pointer | null = null

  constructor(options: GenerationRunOptions) {
    this.options = options
    this.stores = options.stores
    this.rules = options.rules ?? BATCH_RULES
    this.view = viewId(options.plan.view)
    this.leaseMs = options.leaseMs ?? PIN_LEASE_MS
  }

  async *all(): AsyncGenerator<RunStep, RunResult> {
    let pointer: Pointer | 'again' | 'planned' = 'again'
    while (pointer === 'again') {
      pointer = await this.plan()
      yield { kind: 'working', stage: 'plan' }
    }
    if (pointer !== 'planned') return { kind: 'nothing-due', pointer }
    // A write-set that was taken over has passed its gate, and is recorded.
    const stages: readonly Exclude<RunStage, 'plan'>[] = this.writeSet === undefined ? ['compute', 'gate', ...this.rules.stages] : this.rules.stages.filter((stage) => stage !== 'record')
    for (const stage of stages) yield* this.stepsOf(stage)
    const { n, base, cut, figures } = this.writeSet
    return { kind: 'published', pointer: this.published!, n, base, cut, figures }
  }

  private async *stepsOf(stage: Exclude<RunStage, 'plan'>): AsyncGenerator<RunStep> {
    const pauses = this.pausesOf(stage)
    if (pauses === null) {
      await this[stage as 'compute' | 'gate' | 'record' | 'check' | 'publish']()
      yield { kind: 'working', stage }
      return
    }
    for await (const { untilMs } of pauses) {
      // Rows that do not show may have been purged.
      if (stage === 'confirm' && untilMs !== null) await this.check()
      yield untilMs === null ? { kind: 'working', stage } : { kind: 'waiting', stage, untilMs }
    }
  }

  /** The stages that take many steps; null: this one takes one. */
  private pausesOf(stage: RunStage): AsyncIterable<Pause> | null {
    const { stores, view, planned, leaseMs, rules } = this
    if (stage === 'purge') return purgeRows(stores, view, { numbers: planned.purge, knownVoidAtMs: planned.plannedAtMs, leaseMs }, rules)
    if (stage === 'load') return loadRows(stores, view, planned.n, this.writeSet.parts, this.samples)
    return stage === 'confirm' ? confirmRows(stores, view, planned.n, this.samples) : null
  }

  /** Plans by compare-and-set: 'again' where somebody was faster; a pointer where nothing is due on it. */
  private async plan(): Promise<'again' | 'planned' | Pointer> {
    const { registers, clock } = this.stores
    const { register } = await readSealRegister(registers, this.options.plan.source)
    const read = await readPointer(registers, this.view)
    if (await this.takeOver(read)) return 'planned'
    const plan = planGeneration(read.pointer, register.sealedThrough, clock.nowMs(), this.rules)
    if (plan === null) return read.pointer
    const { pointer, ...planned } = plan
    const replaced = await replacePointer(registers, read.revision, pointer)
    if (replaced === null) return 'again'
    this.planned = { ...planned, read: replaced, plannedAtMs: clock.steadyMs() }
    return 'planned'
  }

  /**
   * Goes on with somebody else's run from its write-set. Since that run was planned the pointer may have been rolled back; where it is
   * on the base now, it is what it was after the plan, because all else that changes a pointer replaces or ends what is planned.
   */
  private async takeOver(read: ReadPointer): Promise<boolean> {
    const { pointer } = read
    const { planned } = pointer
    const { isTakingOver = false, throughEpoch = -Infinity } = this.options
    if (!isTakingOver || planned === null || planned.base !== pointer.n || planned.cut < throughEpoch) return false
    const writeSet = await readWriteSet(this.stores.objects, this.view, planned.n)
    if (writeSet === null) return false
    this.planned = { ...planned, baseCut: NaN, purge: pointer.purge, read, plannedAtMs: this.stores.clock.steadyMs() }
    this.writeSet = writeSet
    return true
  }

  /** Computes the blobs of the entities that changed, and stages them: nothing of it can be read yet. */
  private async compute(): Promise<void> {
    const { stores, view, planned, options } = this
    const { n, base, cut, baseCut } = planned
    const asked = this.rules.epochsOf(baseCut, cut)
    await using epochs = await stores.openEpochs(options.plan, asked.afterCut, asked.cut)
    const staging = new StagingSink(stores.objects, view, n, options.partSizeMaxBytes)
    const sink = new FigureSink(staging, options.plan, cut)
    let newEntityCount = 0
    const read = async (entities: readonly Uint8Array[]): Promise<(Uint8Array | null)[]> => {
      const rows = await stores.views.readNewest(view, base, entities)
      return rows.map((row) => {
        if (row === null) newEntityCount++
        return row?.blob ?? null
      })
    }
    const result = await runBatch({
      engine: stores.engine, plan: options.plan, input: epochs.input, sink, throughEpoch: cut, isInputExact: true,
      ...(base > 0 && { base: { cut: baseCut, read } }),
      ...(options.onProgress && { onProgress: options.onProgress }),
      ...(this.signal && { signal: this.signal }),
    })
    const parts = await staging.finish()
    const { entityCount, eventCount } = result
    this.writeSet = {
      formatVersion: WRITE_SET_VERSION, view, n, base, cut, parts,
      figures: {
        recordCount: epochs.recordCount, rejectedCount: epochs.rejectedCount, eventCount, entityCount,
        newEntityCount: base > 0 ? newEntityCount : entityCount, sampledCount: sink.sampledCount, nullShares: sink.nullShares(),
      },
    }
  }

  /** Blocks a generation that does not pass. Throws GATE_CLOSED. */
  private async gate(): Promise<void> {
    const { objects, registers, clock } = this.stores
    const { view, n, base, cut, figures } = this.writeSet
    const baseFigures = base === 0 ? null : ((await readWriteSet(objects, view, base))?.figures ?? null)
    const generation = { view, n, base, cut, figures, baseFigures }
    const [first, ...others] = await judgeGeneration({ ...DEFAULT_GATE, ...this.options.gate }, generation)
    if (first === undefined) return
    // Where the pointer has moved, this number is void already, or will be by the next plan: either way it is never loaded.
    const { pointer, revision } = this.planned.read
    await replacePointer(registers, revision, withBlocked(pointer, n, clock.nowMs(), this.rules))
    throw gateClosed(generation, [first, ...others])
  }

  private async record(): Promise<void> {
    await recordWriteSet(this.stores.objects, this.writeSet)
  }

  /** Reads the pointer again now that the write-set can be found by whoever voids this run. Throws POINTER_MOVED. */
  private async check(): Promise<void> {
    const { pointer, revision } = await readPointer(this.stores.registers, this.view)
    if (isVoid(pointer, this.planned.n) || revision !== this.planned.read.revision) throw this.pointerMoved(pointer)
  }

  private async publish(): Promise<void> {
    const { registers, clock } = this.stores
    const on = await this.rules.publishOn(this.planned.read, () => readPointer(registers, this.view))
    const next = withPublished(on.pointer, this.planned, clock.nowMs(), this.options.keptCount ?? KEPT_GENERATION_COUNT, this.rules)
    if ((await replacePointer(registers, on.revision, next)) !== null) {
      this.published = next
      return
    }
    // Published by who worked on the same write-set, or by a call of ours whose answer was lost.
    const { pointer } = await readPointer(registers, this.view)
    if (isVoid(pointer, this.planned.n) || pointer.planned?.n === this.planned.n) throw this.pointerMoved(pointer)
    this.published = pointer
  }

  private pointerMoved({ n, planned }: Pointer): TidemarkError {
    const now = planned === null ? `it reads generation ${n}` : `it reads generation ${n}, and generation ${planned.n} is planned`
    return new TidemarkError([{
      code: 'POINTER_MOVED', message: `The pointer moved since generation ${this.planned.n} was planned: ${now}.`, where: `view ${this.view}`,
      action: 'Nothing was published. Run again if epochs are still missing; the next run voids this one.',
    }])
  }
}
