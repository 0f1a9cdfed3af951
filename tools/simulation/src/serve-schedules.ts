// The rules of serving, each broken once, with the shortest schedule that shows it: a reader that stands still between two reads, while
// generations are published, floors rise and sections are dropped.

import { seededRandom } from '@tidemark/aggregation/testing/random'
import { planView } from '@tidemark/aggregation/view-plan'
import { Scheduler, type Actor } from '@tidemark/conformance/scheduler'
import { createCleaner } from '@tidemark/pipelines/batch/clean-up'
import { createGenerationRun } from '@tidemark/pipelines/batch/generation-run'
import { createArchiver } from '@tidemark/pipelines/archive/archiver'
import { openEpochs } from '@tidemark/pipelines/archive/open-epochs'
import { createProcessor } from '@tidemark/pipelines/ingest/processor'
import { viewId } from '@tidemark/pipelines/names'
import { PIN_LEASE_MS } from '@tidemark/pipelines/pointer'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import { ask, requestOf, serverOf } from './actors.ts'
import { eventsOf, judgeAnswer, judgeLag, judgeWhole } from './judge.ts'
import { rulesWith, type RuleChanges } from './rules.ts'
import { World } from './world.ts'

export const SERVE_BUGS: Readonly<Record<string, RuleChanges>> = {
  'no-repin': { serve: { needsNewerPin: () => false } },
  'pin-for-ever': { serve: { isExpired: () => false } },
  'state-kept-for-ever': { serve: { isSameState: () => true } },
  'replay-unsaid': { serve: { isReplaying: () => false } },
  'loss-unsaid': { serve: { isLacking: () => false } },
  'catalog-kept-for-ever': { serve: { isSameCatalog: () => true } },
  'stamps-believed': { serve: { heardBeforeMs: (stampedBeforeMs) => Math.max(0, stampedBeforeMs) } },
  'periods-by-the-clock': { changeClock: (clock) => ({ ...clock, steadyMs: clock.nowMs }) },
}

/** Short, so that much happens while a pin is young. */
const EPOCH_MS = 10_000

export const SERVE_SCHEDULES: Readonly<Record<string, (broken: RuleChanges) => Promise<string | null>>> = {
  async 'no-repin'(broken) {
    const stage = await Stage.create(broken)
    await stage.publishEpochs(1)
    const reader = await stage.read()
    // It has its pin; what it reads next has dropped what that pin needs.
    await stage.standBefore(reader, 'readNewest')
    await stage.publishEpochs(2)
    return stage.end(reader)
  },
  async 'pin-for-ever'(broken) {
    const stage = await Stage.create(broken)
    await stage.publishEpochs(1)
    const reader = await stage.read()
    await stage.standBefore(reader, 'readNewest')
    await stage.scheduler.runUntil(reader, (call) => call === 'readNewest')
    await stage.readSpeedFirst(reader)
    await stage.publishEpochs(2)
    await stage.cleanUp()
    return stage.end(reader)
  },
  async 'state-kept-for-ever'(broken) {
    const stage = await Stage.create(broken)
    await stage.publishEpochs(1)
    return stage.end(await stage.readTwice(() => stage.click()))
  },
  async 'replay-unsaid'(broken) {
    const stage = await Stage.create(broken)
    await stage.click()
    stage.world.nowMs += 1_000
    await stage.click()
    await stage.discardAll()
    return stage.end(await stage.readAll())
  },
  async 'loss-unsaid'(broken) {
    const stage = await Stage.create(broken)
    await stage.click()
    stage.world.nowMs += 1_000
    await stage.click()
    return stage.end(await stage.readAllTwice(async () => stage.loseLastWrites()))
  },
  async 'catalog-kept-for-ever'(broken) {
    const stage = await Stage.create(broken)
    await stage.publishEpochs(1)
    return stage.end(await stage.readTwice(async () => stage.redefine()))
  },
  async 'stamps-believed'(broken) {
    const stage = await Stage.create(broken)
    await stage.click()
    await stage.tellAhead(3_600_000)
    // Nobody folds it.
    await stage.append()
    stage.world.nowMs += 60_000
    return stage.end(await stage.readHowFar())
  },
  async 'periods-by-the-clock'(broken) {
    const stage = await Stage.create(broken)
    await stage.click()
    await stage.tellAhead(60_000)
    await stage.click(-3_600_000)
    // What was said then is stamped as if it were said now.
    stage.world.nowMs += 59_500
    await stage.fold()
    return stage.end(await stage.readHowFar())
  },
}

/** Everything is done at once, but for the reader. */
class Stage {
  readonly scheduler = new Scheduler(seededRandom(1))
  readonly world: World
  private readonly processor
  private readonly archiver
  private wrong: string | null = null

  private constructor(broken: RuleChanges) {
    this.world = new World({ random: seededRandom(2), epochLengthMs: EPOCH_MS, views: ['totals'], rules: rulesWith(broken) })
    const { source, plans, log, registers, objects, speedViews, format, newRevision, alarms } = this.world
    const common = { source, log, registers, objects, clock: this.world.clockOf('any'), onAlarm: (alarm: typeof alarms[number]) => void alarms.push(alarm) }
    const membership = { assigned: () => Promise.resolve([0]), [Symbol.asyncDispose]: () => Promise.resolve() }
    this.processor = createProcessor({ ...common, views: plans, store: speedViews, newRevision, membership, limits: { pollWaitMaxMs: 0 } })
    this.archiver = createArchiver({ ...common, format })
  }

  static async create(broken: RuleChanges): Promise<Stage> {
    const stage = new Stage(broken)
    await stage.world.addPartitions(1)
    return stage
  }

  /** An event in each of so many epochs, of which each gets a generation; the floor is the one before the newest. */
  async publishEpochs(count: number): Promise<void> {
    const { world } = this
    for (let i = 0; i < count; i++) {
      await this.click()
      world.nowMs += EPOCH_MS
      // It proves that the epoch before it is over.
      await this.click()
      for (let step = await this.archiver.step(); step.did !== 'idle'; step = await this.archiver.step());
      await this.runBatch()
    }
    // The sections that no pointer needs go with the next write.
    world.nowMs += 2_000
    await this.click()
  }

  read(): Promise<Actor> {
    const { world } = this
    const asked = { plan: world.plans[0]!, users: ['ada'], isSane: () => true }
    return this.scheduler.start({ name: 'reader' }, async (actor) => {
      const answer = await ask(serverOf({ world, actor, name: 'reader' }, 1), asked)
      this.wrong = judgeAnswer(await eventsOf(world), asked, answer)
    })
  }

  /** The same server is asked again after something has happened. */
  readTwice(happen: () => Promise<void>): Promise<Actor> {
    const { world } = this
    return this.scheduler.start({ name: 'reader' }, async (actor) => {
      const server = serverOf({ world, actor, name: 'reader' }, 1_000_000)
      const asked = { plan: world.plans[0]!, users: ['ada'], isSane: () => true }
      const request = requestOf(asked)
      await server.answer(request)
      await happen()
      const answer = await server.answer(request)
      const { version } = world.catalog.plans[0]!.view
      this.wrong = answer.views[0]!.version === version ? judgeAnswer(await eventsOf(world), { ...asked, plan: world.catalog.plans[0]! }, answer) : `version ${answer.views[0]!.version} of a view that has version ${version}`
    })
  }

  /** Every bucket is discarded, as one is that is damaged. */
  async discardAll(): Promise<void> {
    const { speedViews } = this.world
    for (const bucket of speedViews.writtenBuckets()) await speedViews.discard(bucket, { fences: [], chunks: [] })
  }

  /** A fail-over loses what was written last, while the processor has not looked yet. */
  loseLastWrites(): void {
    const { speedViews } = this.world
    for (const bucket of speedViews.writtenBuckets()) speedViews.failOver(bucket, 1)
  }

  /** The same of a server that had read them before something happened. */
  readAllTwice(happen: () => Promise<void>): Promise<Actor> {
    const { world } = this
    return this.scheduler.start({ name: 'reader' }, async (actor) => {
      const server = serverOf({ world, actor, name: 'reader' }, 1_000_000)
      const asked = { plan: world.plans[0]!, users: ['ada'] }
      const request = requestOf(asked)
      const judge = async (answer: FeatureAnswer): Promise<void> => void (this.wrong ??= answer.degraded.length === 0 ? judgeWhole(await eventsOf(world), asked, answer) : null)
      await judge(await server.answer(request))
      await happen()
      await judge(await server.answer(request))
    })
  }

  /** An answer has every event, or says that it may not. */
  readAll(): Promise<Actor> {
    const { world } = this
    return this.scheduler.start({ name: 'reader' }, async (actor) => {
      const asked = { plan: world.plans[0]!, users: ['ada'] }
      const answer = await ask(serverOf({ world, actor, name: 'reader' }, 1), asked)
      this.wrong = answer.degraded.length === 0 ? judgeWhole(await eventsOf(world), asked, answer) : null
    })
  }

  /** The view has another version, of which nothing is stored. */
  redefine(): void {
    const { view, source } = this.world.plans[0]!
    this.world.catalog = { plans: [planView({ ...view, version: view.version + 1 }, source)], services: [] }
  }

  async standBefore(reader: Actor, call: string): Promise<void> {
    if (!(await this.scheduler.runUntil(reader, (name) => name === call))) throw new Error(`The reader never comes to ${call}.`)
  }

  /** The speed state is read beside the batch view, and first here. */
  async readSpeedFirst(reader: Actor): Promise<void> {
    const batch = reader.waiting.find(({ name }) => name === 'readNewest')!
    reader.waiting = reader.waiting.filter((call) => call !== batch)
    while (reader.waiting.length > 0) await this.scheduler.runUntil(reader, () => false)
    reader.waiting.push(batch)
  }

  async cleanUp(): Promise<void> {
    const { world } = this
    const cleaner = createCleaner({ view: viewId(world.plans[0]!.view), stores: { clock: world.clockOf('any'), registers: world.registers, objects: world.objects, views: world.batchViews } })
    for (let step = await cleaner.step(); step.kind !== 'idle'; step = await cleaner.step()) world.nowMs += PIN_LEASE_MS
  }

  async end(reader: Actor): Promise<string | null> {
    while (await this.scheduler.step());
    if (reader.error !== null) return (reader.error as Error).message
    return this.wrong
  }

  /** The processor says how far it is while its clock is ahead, which is set right then. */
  async tellAhead(byMs: number): Promise<void> {
    this.world.setClock('any', byMs)
    this.world.nowMs += 1_000
    await this.fold()
    this.world.setClock('any', 0)
  }

  /** An answer that lacks an event says that it may. */
  readHowFar(): Promise<Actor> {
    const { world } = this
    return this.scheduler.start({ name: 'reader' }, async (actor) => {
      const asked = { plan: world.plans[0]!, users: ['ada'] }
      const askedAtMs = world.nowMs
      const answer = await ask(serverOf({ world, actor, name: 'any' }, 1), asked)
      this.wrong = judgeLag(world, await eventsOf(world), asked, new Set([0]), askedAtMs, answer)
    })
  }

  /** An event that is folded, if it may be. */
  async click(behindMs = 0): Promise<void> {
    await this.append(behindMs)
    await this.fold()
  }

  append(behindMs = 0): Promise<void> {
    return this.world.append(0, { user: 'ada', at: this.world.nowMs - 1_000, amount: 1, tag: null }, behindMs)
  }

  async fold(): Promise<void> {
    for (let step = await this.processor.step(); step.did !== 'idle'; step = await this.processor.step());
  }

  private async runBatch(): Promise<void> {
    const { world } = this
    const { engine, registers, objects, format, batchViews } = world
    const clock = world.clockOf('any')
    const run = createGenerationRun({
      plan: world.plans[0]!, keptCount: 1, gate: { isEmptyAllowed: true, nullShareRiseMax: 1 },
      stores: { engine, registers, objects, clock, views: batchViews, openEpochs: (plan, after, cut) => openEpochs({ objects, registers, format }, plan.source, after, cut) },
    })
    for (let step = await run.step(); step.kind !== 'over'; step = await run.step()) if (step.kind === 'waiting') world.nowMs = step.untilMs
  }
}
