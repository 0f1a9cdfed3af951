// One schedule for each rule of generations: the shortest history in which it matters. Each says what is wrong at its end; with the rules as
// they are, nothing is.

import { seededRandom } from '@tidemark/aggregation/testing/random'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { BATCH_RULES, type RunStage } from '@tidemark/pipelines/batch/batch-rules'
import { createCleaner } from '@tidemark/pipelines/batch/clean-up'
import { createGenerationRun, type GenerationRun, type GenerationRunOptions, type RunResult } from '@tidemark/pipelines/batch/generation-run'
import { rollBack } from '@tidemark/pipelines/batch/move-pointer'
import { cutOf, readPointer, type Pointer } from '@tidemark/pipelines/pointer'
import type { GenerationBug } from './generation-bugs.ts'
import { createWorld, type World } from './generation-world.ts'
import { rotatingHistory } from './histories.ts'

export const LEASE_MS = 100

/** A world and what can be done in it, by the rules or by broken ones. */
export class Stage {
  readonly world: World
  private readonly bug: GenerationBug

  constructor(bug: GenerationBug = {}) {
    this.bug = bug
    this.world = createWorld(rotatingHistory(6), seededRandom(1), bug.changeViews)
  }

  get pointer(): Promise<Pointer> {
    return readPointer(this.world.stores.registers, this.world.view).then(({ pointer }) => pointer)
  }

  /** A run; of nonsense, where the upstream is broken and the gate misses it. */
  run(upstream: 'sound' | 'nonsense' = 'sound', more: Partial<GenerationRunOptions> = {}): GenerationRun {
    const { stores, plan, openNonsense } = this.world
    return createGenerationRun({
      plan, keptCount: 1, leaseMs: LEASE_MS, partSizeMaxBytes: 400, rules: { ...BATCH_RULES, ...this.bug.rules },
      stores: { ...stores, openEpochs: upstream === 'sound' ? stores.openEpochs : openNonsense },
      ...more,
    })
  }

  /** Steps until a stage is done. */
  async through(run: GenerationRun, stage: RunStage): Promise<void> {
    for (;;) {
      const step = await run.step()
      if (step.kind === 'over') throw new Error(`It was over before ${stage}.`)
      if (step.stage === stage) return
    }
  }

  /** Steps to the end; what is waited for comes. */
  async finish(run: GenerationRun): Promise<RunResult> {
    for (;;) {
      const step = await run.step()
      if (step.kind === 'over') return step.result
      if (step.kind === 'waiting') this.world.clock.step(Math.max(0, step.untilMs - this.world.clock.steadyMs()))
    }
  }

  /** Seals an epoch and publishes it. */
  async publish(upstream: 'sound' | 'nonsense' = 'sound'): Promise<RunResult> {
    await this.world.seal()
    return this.finish(this.run(upstream))
  }

  rollBack(n: number): Promise<Pointer> {
    return rollBack(this.world.stores.registers, this.world.view, n)
  }

  /** Works until a clean-up has nothing to do, or waits. */
  async cleanAtOnce(): Promise<void> {
    const { stores, view } = this.world
    const cleaner = createCleaner({ stores, view, leaseMs: LEASE_MS, rules: { ...BATCH_RULES, ...this.bug.rules } })
    while ((await cleaner.step()).kind === 'working');
  }

  /** What is wrong with the reads of a pinned pointer. */
  async judge(pin: Pointer): Promise<string | null> {
    const { stores, view, entities, judge } = this.world
    const cut = cutOf(pin, pin.n)
    const rows = await stores.views.readNewest(view, pin.n, entities)
    const found = entities.map((entity, i) => judge(entity, cut, rows[i]?.blob ?? null)).find((wrong) => wrong !== null)
    return found === undefined ? null : `at generation ${pin.n}, cut ${cut}: ${found}`
  }
}

/** What a run that is too late does: it ends with the code, or loads what it has. */
async function losing(work: Promise<unknown>, code: ErrorCode = 'POINTER_MOVED'): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof TidemarkError) || error.code !== code) throw error
  })
}

export const SCHEDULES: Readonly<Record<string, (bug: GenerationBug) => Promise<string | null>>> = {
  async 'cut-off-by-one'(bug) {
    const stage = new Stage(bug)
    for (let i = 0; i < 3; i++) await stage.publish()
    return stage.judge(await stage.pointer)
  },

  async 'floor-may-fall'(bug) {
    const stage = new Stage(bug)
    for (let i = 0; i < 3; i++) await stage.publish()
    const cleaner = createCleaner({ stores: stage.world.stores, view: stage.world.view, leaseMs: LEASE_MS })
    for (let step = await cleaner.step(); step.kind !== 'idle'; step = await cleaner.step()) stage.world.clock.step(LEASE_MS)
    await stage.rollBack(2)
    // One back from the new one is 2; were the floor counted without what it was before, and one more were kept, it would be 1.
    await stage.world.seal()
    await stage.finish(stage.run('sound', { keptCount: 2 }))
    await losing(stage.rollBack(1), 'ROLLBACK_REFUSED')
    return stage.judge(await stage.pointer)
  },

  /** The generation that was rolled back from wrote entities that the next one does not. */
  async 'no-void'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.publish('nonsense')
    await stage.rollBack(1)
    await stage.publish()
    return stage.judge(await stage.pointer)
  },

  /** A generation whose rows are purged can still be gone to. */
  async 'void-without-cas'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.publish()
    await stage.rollBack(1)
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'plan')
    stage.world.clock.step(LEASE_MS + 1)
    await stage.through(run, 'load')
    await losing(stage.rollBack(2), 'ROLLBACK_REFUSED')
    return stage.judge(await stage.pointer)
  },

  /** A run is killed after some of its rows. */
  async 'write-set-late'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.world.seal()
    const run = stage.run('nonsense')
    await stage.through(run, 'load')
    await stage.finish(stage.run())
    return stage.judge(await stage.pointer)
  },

  /** A run sleeps after its gate; it is voided and purged before anybody could know what it will write. */
  async 'void-unread'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.world.seal()
    const zombie = stage.run('nonsense')
    await stage.through(zombie, 'gate')
    await stage.finish(stage.run())
    await losing(stage.finish(zombie))
    return stage.judge(await stage.pointer)
  },

  /** A run sleeps before it loads; it is purged, and then it loads. */
  async 'late-rows-live'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.world.seal()
    const zombie = stage.run('nonsense')
    await stage.through(zombie, 'check')
    await stage.finish(stage.run())
    await losing(stage.finish(zombie))
    return stage.judge(await stage.pointer)
  },

  /** A reader pinned a generation right before it was rolled back from and voided. */
  async 'purge-without-lease'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.publish()
    const pin = await stage.pointer
    await stage.rollBack(1)
    await stage.world.seal()
    const run = stage.run()
    for (let i = 0; i < 20; i++) await run.step()
    return stage.judge(pin)
  },

  /** A reader pinned a generation that is two behind, a moment later. */
  async 'clean-without-lease'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    const pin = await stage.pointer
    await stage.publish()
    await stage.publish()
    await stage.cleanAtOnce()
    return stage.judge(pin)
  },

  /** Two runs work side by side; the one that was voided comes to its end last. */
  async 'publish-without-cas'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.world.seal()
    const zombie = stage.run()
    await stage.through(zombie, 'confirm')
    await stage.finish(stage.run())
    await losing(stage.finish(zombie))
    return stage.judge(await stage.pointer)
  },

  /** A run of nonsense is killed half-way; the next one takes its number. */
  async 'number-used-twice'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.world.seal()
    await stage.through(stage.run('nonsense'), 'load')
    await stage.finish(stage.run())
    return stage.judge(await stage.pointer)
  },

  /** An operator goes back from nonsense while a run is at work on it. */
  async 'base-read-at-publish'(bug) {
    const stage = new Stage(bug)
    await stage.publish()
    await stage.publish('nonsense')
    await stage.world.seal()
    const run = stage.run()
    await stage.through(run, 'confirm')
    await stage.rollBack(1)
    await losing(stage.finish(run))
    return stage.judge(await stage.pointer)
  },
}
