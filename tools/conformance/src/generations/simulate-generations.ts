// A random history of a view's generations: runs that are slow, killed or go on as zombies, blocked and broken generations, rollbacks,
// clean-ups and readers with pins, interleaved at every call of a port. Every read is judged by brute force.

import type { Random } from '@tidemark/aggregation/testing/random'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { BATCH_RULES, type BatchRules } from '@tidemark/pipelines/batch/batch-rules'
import { createCleaner } from '@tidemark/pipelines/batch/clean-up'
import { createGenerationRun, runGeneration } from '@tidemark/pipelines/batch/generation-run'
import { rollBack } from '@tidemark/pipelines/batch/move-pointer'
import { stagedNumber, stagedPrefix } from '@tidemark/pipelines/batch/staged-generation'
import { cutOf, readPointer, type Pointer } from '@tidemark/pipelines/pointer'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import { Scheduler, type Actor } from '../scheduler.ts'
import { createWorld, type World, type WorldHistory } from './generation-world.ts'

export interface SimulationOptions {
  readonly history: (random: Random) => WorldHistory
  readonly rules?: Partial<BatchRules>
  readonly changeViews?: (views: BatchViewStore) => BatchViewStore
  /** Turns before the calm end. */
  readonly turnCount?: number
}

export interface Wrong {
  readonly turn: number | 'end'
  readonly wrong: string
}

/** How much happened, so that a suite can see that it is not idle. */
export interface Tally {
  readCount: number
  publishedCount: number
  lostCount: number
  blockedCount: number
  rollbackCount: number
  killedCount: number
  purgedCount: number
  cleanedCount: number
}

export function emptyTally(): Tally {
  return { readCount: 0, publishedCount: 0, lostCount: 0, blockedCount: 0, rollbackCount: 0, killedCount: 0, purgedCount: 0, cleanedCount: 0 }
}

/** What went wrong first; null: nothing. */
export async function simulateGenerations(seed: number, options: SimulationOptions, tally: Tally = emptyTally()): Promise<Wrong | null> {
  const simulation = new Simulation(seededRandom(seed), options, tally)
  return (await simulation.wild(options.turnCount ?? 400)) ?? (await simulation.calmEnd())
}

class Simulation {
  private readonly random: Random
  private readonly scheduler: Scheduler
  private readonly world: World
  private readonly rules: BatchRules
  private readonly tally: Tally
  private readonly leaseMs: number
  private readonly keptCount: number
  private readonly hasZombies: boolean
  private readonly lostShare: number
  private turn = 0
  private wrong: string | null = null
  private runs: Actor[] = []
  private zombies: Actor[] = []
  private others: Actor[] = []
  private startedCount = 0
  /** Generations that a broken upstream made, which their gate missed. */
  private readonly nonsense = new Set<number>()
  /** Generation → what it was built on. */
  private readonly bases = new Map<number, number>()
  /** Generation → the turn at which an operator rolled back from it, because it is nonsense. */
  private readonly condemned = new Map<number, number>()

  constructor(random: Random, { history, rules, changeViews }: SimulationOptions, tally: Tally) {
    this.random = random
    this.scheduler = new Scheduler(random)
    this.tally = tally
    this.rules = { ...BATCH_RULES, ...rules }
    this.leaseMs = random.between(5, random.pick([60, 250]))
    this.keptCount = random.between(1, 2)
    this.hasZombies = random.chance(0.6)
    this.lostShare = random.pick([0, 0, 0.02])
    this.world = createWorld(history(random), random, changeViews)
  }

  async wild(turnCount: number): Promise<Wrong | null> {
    const { random } = this
    for (let i = 0; i < 2; i++) this.others.push(await this.spawn('reader', 0, (actor) => this.read(actor)))
    this.others.push(await this.spawn('cleaner', this.lostShare, (actor) => this.clean(actor)))
    for (this.turn = 0; this.turn < turnCount && this.wrong === null; this.turn++) {
      this.world.clock.step(random.below(3))
      const dice = random.next()
      if (dice < 0.06) await this.world.seal()
      else if (dice < 0.5) await this.goRun()
      else if (dice < 0.53) this.others.push(await this.spawn('operator', this.lostShare, (actor) => this.operate(actor)))
      else await this.scheduler.go(random.pick(this.others))
      this.collect()
    }
    return this.wrong === null ? null : { turn: this.turn, wrong: this.wrong }
  }

  private spawn(name: string, lostShare: number, live: (actor: Actor) => Promise<void>): Promise<Actor> {
    return this.scheduler.start({ name, lostShare }, live)
  }

  /** Forgets who is over; what they threw must be coded, except where it is a bug. */
  private collect(): void {
    for (const { error, name } of this.scheduler.takeEnded()) {
      if (error instanceof TidemarkError) {
        if (error.code === 'POINTER_MOVED') this.tally.lostCount++
        else if (error.code === 'GATE_CLOSED') this.tally.blockedCount++
        // A call was lost; or a zombie's staged parts were cleaned up under it.
        else if (!['STORE_UNAVAILABLE', 'ROLLBACK_REFUSED', 'OBJECT_MISSING'].includes(error.code)) this.wrong ??= `${name}: ${error.message}`
      } else if (error !== null) this.wrong ??= `${name}: ${(error as Error).stack ?? String(error)}`
    }
    const isAlive = ({ fate }: Actor): boolean => fate === 'alive'
    this.runs = this.runs.filter(isAlive)
    this.zombies = this.zombies.filter(isAlive)
    this.others = this.others.filter(isAlive)
  }

  private async goRun(): Promise<void> {
    const { random } = this
    if (this.runs.length > 0 && random.chance(0.02)) {
      const victim = this.runs.splice(random.below(this.runs.length), 1)[0]!
      this.tally.killedCount++
      if (this.hasZombies && random.chance(0.7)) this.zombies.push(victim)
    }
    if (this.runs.length === 0 || (this.hasZombies && this.runs.length < 2 && random.chance(0.05))) {
      this.runs.push(await this.spawn(`run ${++this.startedCount}`, this.lostShare, (actor) => this.runOnce(actor)))
    }
    await this.scheduler.go(this.zombies.length > 0 && random.chance(0.04) ? random.pick(this.zombies) : random.pick(this.runs))
  }

  private async runOnce(actor: Actor): Promise<void> {
    const { world: { stores, plan, openNonsense }, world, random } = this
    const isNonsense = random.chance(0.12)
    const isMissed = random.chance(0.6)
    const registers = actor.guard(stores.registers)
    const run = createGenerationRun({
      plan, rules: this.rules, leaseMs: this.leaseMs, keptCount: this.keptCount, partSizeMaxBytes: 400,
      isTakingOver: random.chance(0.2),
      stores: {
        ...stores, registers, views: actor.guard(stores.views), objects: actor.guard(stores.objects),
        openEpochs: (...asked) => (isNonsense ? openNonsense : stores.openEpochs)(...asked),
      },
      gate: {
        isEmptyAllowed: true,
        check: ({ n, base }) => {
          this.bases.set(n, base)
          if (isNonsense && isMissed) this.nonsense.add(n)
          return isNonsense && !isMissed ? [{ rule: 'nonsense', message: 'Every event is there twice.' }] : random.chance(0.05) ? [{ rule: 'mood', message: 'Not today.' }] : []
        },
      },
    })
    for (;;) {
      const step = await run.step()
      if (step.kind === 'over') {
        if (step.result.kind === 'published') this.tally.publishedCount++
        return
      }
      if (step.stage === 'purge') this.tally.purgedCount++
      if (step.kind === 'waiting') await actor.pause(() => world.clock.steadyMs() >= step.untilMs)
    }
  }

  private async clean(actor: Actor): Promise<void> {
    const { stores, view, clock } = this.world
    const guarded = { registers: actor.guard(stores.registers), views: actor.guard(stores.views), objects: actor.guard(stores.objects), clock }
    const cleaner = createCleaner({ stores: guarded, view, leaseMs: this.leaseMs, rules: this.rules })
    for (;;) {
      const step = await cleaner.step().catch((error: unknown) => {
        if (error instanceof TidemarkError && error.code === 'STORE_UNAVAILABLE') return null
        throw error
      })
      if (step?.kind === 'working') this.tally.cleanedCount++
      else await actor.pause(() => true)
    }
  }

  /** Away from nonsense where that is what is read; now and then to any generation that is not. */
  private async operate(actor: Actor): Promise<void> {
    const registers = actor.guard(this.world.stores.registers)
    const { pointer: { n, published } } = await readPointer(registers, this.world.view)
    const sane = published.filter((generation) => !this.isTainted(generation.n)).map((generation) => generation.n)
    const isAlarmed = this.isTainted(n)
    const to = isAlarmed ? sane.filter((one) => one < n).at(-1) : sane.length > 0 ? this.random.pick(sane) : undefined
    if (to === undefined || to === n) return
    await rollBack(registers, this.world.view, to)
    this.tally.rollbackCount++
    if (isAlarmed) for (const { n: one } of published) if (one > to && this.nonsense.has(one)) this.condemned.set(one, this.turn)
  }

  /** The generation, then what it was built on, and so on. */
  private *lineageOf(n: number): Generator<number> {
    for (let at = n; at > 0; at = this.bases.get(at) ?? 0) yield at
  }

  private isTainted(n: number): boolean {
    return [...this.lineageOf(n)].some((one) => this.nonsense.has(one))
  }

  /** Nonsense is judged once an operator has gone back from it: nothing built on it may come up again. */
  private isJudged(n: number, pinnedAtTurn: number): boolean {
    return !this.isTainted(n) || [...this.lineageOf(n)].some((one) => (this.condemned.get(one) ?? Infinity) < pinnedAtTurn)
  }

  /** Pins the pointer, reads with it for at most the lease, and pins it again. */
  private async read(actor: Actor): Promise<void> {
    const { world: { stores, view, clock, entities }, random } = this
    const registers = actor.guard(stores.registers)
    const views = actor.guard(stores.views)
    for (;;) {
      const sinceMs = clock.steadyMs()
      const { pointer } = await readPointer(registers, view)
      const pinnedAtTurn = this.turn
      for (let left = random.between(1, 12); left > 0 && this.wrong === null; left--) {
        const entity = random.pick(entities)
        const [row] = await views.readNewest(view, pointer.n, [entity])
        if (clock.steadyMs() > sinceMs + this.leaseMs) break
        if (this.isJudged(pointer.n, pinnedAtTurn)) this.judge(entity, pointer, row?.blob ?? null)
      }
    }
  }

  private judge(entity: Uint8Array, pointer: Pointer, blob: Uint8Array | null): void {
    this.tally.readCount++
    const cut = cutOf(pointer, pointer.n)
    const found = this.world.judge(entity, cut, blob)
    if (found !== null) this.wrong ??= `entity ${this.world.entities.indexOf(entity)} at generation ${pointer.n}, cut ${cut}: ${found}`
  }

  /** Everybody but zombies stops for ever; one run and one clean-up go to their ends, and everything is read and counted. */
  async calmEnd(): Promise<Wrong | null> {
    try {
      await this.finish()
    } catch (error) {
      this.wrong ??= (error as Error).stack ?? String(error)
    }
    return this.wrong === null ? null : { turn: 'end', wrong: this.wrong }
  }

  private async finish(): Promise<void> {
    const { stores, view, clock, plan, entities } = this.world
    const waiting = { ...clock, wait: (durationMs: number) => Promise.resolve(clock.step(durationMs)) }
    while (await this.world.seal());
    const { pointer: before } = await readPointer(stores.registers, view)
    const sane = before.published.filter(({ n }) => !this.isTainted(n)).at(-1)
    // Where nothing sane is left down to the floor, no rollback helps.
    if (before.n > 0 && this.isTainted(before.n) && sane === undefined) return
    if (sane !== undefined) await rollBack(stores.registers, view, sane.n)
    await runGeneration({ stores, plan, rules: this.rules, leaseMs: this.leaseMs, keptCount: this.keptCount, gate: { isEmptyAllowed: true, check: ({ n, base }) => (this.bases.set(n, base), []) } }, waiting)
    // What zombies still do comes too late for everything.
    for (const zombie of this.zombies) {
      for (let left = 1_000; left > 0 && zombie.fate === 'alive'; left--) {
        clock.step(1)
        await this.scheduler.go(zombie)
      }
    }
    this.collect()
    const cleaner = createCleaner({ stores, view, leaseMs: this.leaseMs, rules: this.rules })
    for (let step = await cleaner.step(); step.kind !== 'idle'; step = await cleaner.step()) clock.step(1)
    const { pointer } = await readPointer(stores.registers, view)
    if (this.isTainted(pointer.n)) return
    for (const entity of entities) {
      for (const { n } of pointer.published) {
        const [row] = await stores.views.readNewest(view, n, [entity])
        if (!this.isTainted(n)) this.judge(entity, { ...pointer, n }, row?.blob ?? null)
      }
    }
    await this.countWhatIsLeft(pointer)
  }

  /** Nothing is left that no pointer needs: of each entity one row up to the floor, and no staged object below it. */
  private async countWhatIsLeft({ floor, published }: Pointer): Promise<void> {
    const { stores, view, entities } = this.world
    for (const generations of await stores.views.generationsOf(view, entities)) {
      if (generations.filter((n) => n <= floor).length > 1) this.wrong ??= `rows of generations ${generations.join(', ')} are left at floor ${floor}`
      const strange = generations.filter((n) => n > floor && !published.some((one) => one.n === n))
      if (strange.length > 0) this.wrong ??= `rows of void generations ${strange.join(', ')} are left`
    }
    for await (const key of stores.objects.list(stagedPrefix(view))) {
      const n = stagedNumber(view, key)
      if (n === null || n < floor) this.wrong ??= `${key} is left at floor ${floor}`
    }
  }
}
