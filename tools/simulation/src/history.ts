// One history, drawn from a seed: who works, what goes wrong and in what order, until something is wrong or a calm end shows that all is
// well. Weeks go by in a few thousand turns: the clock stands still while somebody has something to do, unless it is drawn that it moves.

import type { OracleEvent } from '@tidemark/aggregation/testing/oracle'
import { seededRandom, type Random } from '@tidemark/aggregation/testing/random'
import { Scheduler, type Actor, type Turn } from '@tidemark/conformance/scheduler'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { declareAppendTime } from '@tidemark/pipelines/log/declare-append-time'
import { viewId } from '@tidemark/pipelines/names'
import { ask, archive, cleanUp, pause, processLog, runBatches, serverOf, sweep } from './actors.ts'
import { endCalmly } from './calm-end.ts'
import { USERS } from './definitions.ts'
import { eventsOf, judgeAnswer, judgeLag } from './judge.ts'
import { Members } from './members.ts'
import { NO_TROUBLES, Operator } from './operator.ts'
import { drawPlot, type Plot } from './plot.ts'
import { Producer } from './producer.ts'
import { NO_CHANGES, type Rules } from './rules.ts'
import { START_MS, World } from './world.ts'

export interface Failure {
  readonly seed: number
  /** 'end': the calm end showed it. */
  readonly turn: number | 'end'
  readonly wrong: string
  /** The last turns before it. */
  readonly shown: readonly Turn[]
}

/** What a history was full of. */
export interface Tally {
  turnCount: number
  answerCount: number
  judgedCount: number
  recordCount: number
  generationCount: number
  stoppedCount: number
  simulatedMs: number
}

export function emptyTally(): Tally {
  return { turnCount: 0, answerCount: 0, judgedCount: 0, recordCount: 0, generationCount: 0, stoppedCount: 0, simulatedMs: 0 }
}

const PARTITIONS_MAX = 3

/** null: nothing went wrong. */
export async function runHistory(seed: number, rules: Rules = NO_CHANGES, tally: Tally = emptyTally()): Promise<Failure | null> {
  const history = new History(seed, rules, tally)
  const turn = await live(history)
  tally.turnCount += history.scheduler.turn
  tally.simulatedMs += history.world.nowMs - START_MS
  tally.recordCount += history.world.records.reduce((sum, { length }) => sum + length, 0)
  if (history.isStopped) tally.stoppedCount++
  return history.wrong === null ? null : { seed, turn, wrong: history.wrong, shown: history.scheduler.shown }
}

/** What throws where the world is looked at is wrong too. */
async function live(history: History): Promise<Failure['turn']> {
  try {
    await history.begin()
    await history.goOn()
    if (history.wrong !== null || history.isStopped) return history.scheduler.turn
    await endCalmly(history)
  } catch (error) {
    history.wrong ??= (error as Error).stack ?? String(error)
  }
  return 'end'
}

export class History {
  readonly random: Random
  readonly clockRandom: Random
  readonly transactionRandom: Random
  readonly plot: Plot
  readonly world: World
  readonly scheduler: Scheduler
  readonly operators: readonly Operator[]
  readonly members: Members
  readonly producer: Producer
  readonly tally: Tally
  /** What is wrong; null: nothing so far. */
  wrong: string | null = null
  /** Somebody stopped because the log is not what it was, which it is not. */
  isStopped = false
  private isCalm = false
  private readonly wrongClocks = new Set<string>()
  private actorCount = 0

  constructor(seed: number, rules: Rules, tally: Tally) {
    this.random = seededRandom(seed)
    this.clockRandom = seededRandom(seed + 2 ** 31)
    this.transactionRandom = seededRandom(seed + 2 ** 30)
    this.plot = drawPlot(this)
    const { epochLengthMs, views } = this.plot
    this.world = new World({ random: this.random, epochLengthMs, views, rules })
    this.scheduler = new Scheduler(this.random)
    this.operators = this.world.plans.map((plan) => new Operator(plan, this.random))
    this.members = new Members(this)
    this.producer = new Producer(this)
    this.tally = tally
  }

  async begin(): Promise<void> {
    const { world, random, plot, operators } = this
    await world.addPartitions(random.between(1, 2))
    for (const kind of ['archiver', 'processor', 'batch', 'reader']) this.drawClock(kind)
    await this.members.join([...world.records.keys()])
    for (let i = plot.archiverCount; i > 0; i--) await this.startArchiver()
    for (const operator of operators) {
      await this.startBatches(operator)
      await this.start('cleaner', 0.4, (actor, name) => cleanUp({ world, actor, name, onAlarm: this.onAlarm, plan: operator.plan }))
      await this.start('sweeper', 0.4, (actor, name) => sweep({ world, actor, name, onAlarm: this.onAlarm, plan: operator.plan }))
    }
    for (let i = 0; i < 2; i++) await this.start('reader', 1.3, (actor) => this.read(actor, random.chance(0.5) ? 1 : 1_000_000))
  }

  /** Nothing is lost, blocked or killed any more. */
  async becomeCalm(): Promise<void> {
    this.isCalm = true
    for (const actor of this.scheduler.actors) actor.lostShare = 0
    await this.ensureBatches()
  }

  /** Until the plot's turns are over, or something is wrong, or somebody stopped. */
  async goOn(): Promise<void> {
    const { plot, random, scheduler } = this
    const actions = this.actions()
    const weight = actions.reduce((sum, [share]) => sum + share, 0)
    for (let i = 0; i < plot.turnCount && this.wrong === null && !this.isStopped; i++) {
      let dice = random.next()
      if (dice < weight) await actions.find(([share]) => (dice -= share) < 0)?.[1]()
      else if (!(await scheduler.step())) await this.moveClock()
      this.collect()
    }
  }

  /** What happens beside the actors' turns, with its share of all turns. */
  private actions(): readonly (readonly [number, () => unknown])[] {
    const { plot, producer, world, random, members } = this
    return [
      [0.06, () => producer.produce()],
      [0.08, () => this.moveClock()],
      [plot.failOverShare, () => (this.scheduler.note('store', 'fails over'), world.failOver(random))],
      [plot.damageShare, () => (this.scheduler.note('store', 'damages a chunk'), world.damage(random))],
      [0.0005, () => world.records.length < PARTITIONS_MAX && this.addPartition()],
      [plot.rebalanceShare, () => members.rebalance()],
      [plot.killShare, () => this.killSomebody()],
      [plot.sleepShare, () => this.putToSleep()],
      [0.003, () => this.operate()],
      [0.001, () => this.drawClock(random.pick(['archiver', 'processor', 'batch', 'reader']))],
      [plot.resetShare, () => producer.breakLog()],
      [0.004, () => this.overrideMadTimes()],
      [plot.wrongClockShare, () => this.setClockWrong()],
      [plot.transactionShare, () => producer.transact()],
    ]
  }

  readonly onAlarm = (alarm: Alarm): void => {
    const { code, where, message } = alarm
    this.world.alarms.push(alarm)
    this.scheduler.note('alarm', `${code} ${where}`)
    const isRight = code === 'SEAM_BROKEN' ? this.producer.hasBrokenSkew : code === 'APPEND_TIME_AHEAD' ? this.producer.hasMadTime : code === 'BLOB_DAMAGED' ? this.world.hasDamage : this.producer.hasBrokenLog
    if (!isRight) this.wrong ??= `an alarm without a reason: ${code} at ${where}: ${message}`
    else if (code === 'LOG_REPLACED' || code === 'LOG_OFFSET_GONE') this.isStopped = true
  }

  /** Starts an actor; its machine has the name of its kind, and so its clock. */
  start(kind: string, weight: number, live: (actor: Actor, machine: string) => Promise<void>): Promise<Actor> {
    const name = `${kind} ${++this.actorCount}`
    this.scheduler.note(name, 'starts')
    return this.scheduler.start({ name, weight, lostShare: this.isCalm ? 0 : this.plot.lostShare }, (actor) => live(actor, kind))
  }

  startArchiver(): Promise<Actor> {
    return this.start('archiver', 1.5, (actor, name) => archive({ world: this.world, actor, name, onAlarm: this.onAlarm }))
  }

  startBatches(operator: Operator): Promise<Actor> {
    const { world, plot, onAlarm } = this
    return this.start(`batch of ${operator.plan.view.name}`, 2, (actor, name) => runBatches({
      world, actor, name, onAlarm, plan: operator.plan, keptCount: plot.keptCount, isNeeded: () => this.isNeeded(operator, actor), nextRun: () => operator.nextRun(this.isCalm ? NO_TROUBLES : plot),
    }))
  }

  /** At the end one works for each view; who is still at a run finishes it. */
  private isNeeded(operator: Operator, actor: Actor): boolean {
    return !this.isCalm || this.batchesOf(operator)[0] === actor
  }

  private batchesOf({ plan }: Operator): Actor[] {
    return this.scheduler.actors.filter(({ name, fate }) => fate === 'alive' && name.startsWith(`batch of ${plan.view.name}`))
  }

  startProcessor(assigned: () => readonly number[]): Promise<Actor> {
    const { world, plot, onAlarm, random } = this
    return this.start('processor', 4, (actor, name) => processLog({
      world, actor, name, onAlarm, assigned, checkEveryMs: plot.checkEveryMs, fetchCountMax: random.between(2, 8),
    }))
  }

  /** Asks, again and again, and has each answer judged. */
  private async read(actor: Actor, batchCacheSizeMaxBytes: number): Promise<void> {
    const { world, random, tally } = this
    const server = serverOf({ world, actor, name: 'reader' }, batchCacheSizeMaxBytes)
    for (;;) {
      await pause(world, actor, 2_000)
      const operator = random.pick(this.operators)
      const asked = { plan: operator.plan, users: random.some(USERS, 0.25) }
      const askedAtMs = world.nowMs
      const answer = await ask(server, asked)
      tally.answerCount++
      // What the log has lost is not judged until it is noticed, at the end.
      if (this.producer.hasBrokenLog) continue
      const events = await eventsOf(world)
      this.wrong ??= judgeAnswer(events, { ...asked, isSane: (n) => operator.isSane(n), mayBeDamaged: world.hasDamage }, answer)
      // What the store has lost is not there until that is noticed.
      if (this.plot.failOverShare === 0) this.wrong ??= judgeLag(world, events, asked, new Set((await world.speedViews.heartbeats(viewId(operator.plan.view))).keys()), askedAtMs, answer)
      tally.judgedCount++
    }
  }

  events(): Promise<OracleEvent[]> {
    return eventsOf(this.world)
  }

  /** Looks at those who are over: none should be. */
  collect(): void {
    for (const { name, error } of this.scheduler.takeEnded()) {
      if (error === null) continue
      if (error instanceof TidemarkError && this.producer.hasBrokenLog) this.isStopped = true
      else this.wrong ??= `${name}: ${error instanceof TidemarkError ? `${error.code} ` : ''}${(error as Error).stack ?? String(error)}`
    }
  }

  /** Mostly by a little; often no further than an epoch's end, around which there is most to go wrong. */
  async moveClock(): Promise<void> {
    const { random, world, plot: { epochLengthMs, longJumpMs } } = this
    const dice = random.next()
    const isLong = dice >= 0.985
    const byMs = dice < 0.8 ? random.below(3_000) : dice < 0.96 ? random.between(5_000, 70_000) : random.below(isLong ? longJumpMs : epochLengthMs)
    const epochEndMs = (Math.floor(world.nowMs / epochLengthMs) + 1) * epochLengthMs
    const isAtEnd = world.nowMs + byMs > epochEndMs && !isLong && random.chance(0.7)
    world.nowMs = isAtEnd ? epochEndMs + random.below(3_000) : world.nowMs + byMs
    if (!isAtEnd) return
    if (world.records.length < PARTITIONS_MAX && random.chance(0.2)) await this.addPartition()
    for (let i = random.below(4); i > 0; i--) await this.producer.produce()
  }

  /** Clocks differ, and step, by less than half of what is declared. */
  private drawClock(kind: string): void {
    const aheadMs = this.plot.hasClockSteps ? this.random.between(-9_000, 9_000) : 0
    this.world.setClock(kind, aheadMs)
    this.scheduler.note(kind, `has a clock that is ${aheadMs} ms ahead`)
  }

  /** A clock is wrong by far for a while, that of processors or of readers. */
  private setClockWrong(): void {
    const { clockRandom, world, scheduler, producer, wrongClocks } = this
    const kind = clockRandom.pick(['processor', 'reader'])
    const isRight = wrongClocks.delete(kind)
    if (!isRight) wrongClocks.add(kind)
    const aheadMs = isRight ? 0 : clockRandom.pick([-1, 1, 1]) * clockRandom.pick([60_000, 3_600_000, clockRandom.between(30_000, 7_200_000)])
    // To a processor whose clock is behind, what comes is stamped ahead.
    if (aheadMs < 0) producer.hasMadTime = true
    world.setClock(kind, aheadMs)
    scheduler.note(kind, `has a clock that is ${aheadMs} ms ahead`)
    world.changeCount++
  }

  rightClocks(): void {
    for (const kind of this.wrongClocks) this.world.setClock(kind, 0)
    this.wrongClocks.clear()
  }

  private async addPartition(): Promise<void> {
    const { world } = this
    this.scheduler.note('log', `has partition ${world.records.length}`)
    await world.addPartitions(world.records.length + 1)
    this.producer.slowDown(world.records.length - 1)
    this.members.assign(world.records.length - 1)
  }

  /** A process ends where it is, and another one is started. */
  private async killSomebody(): Promise<void> {
    const { scheduler, random, members } = this
    const victim = random.pick(scheduler.actors)
    if (!/^(?:archiver|processor|batch)/.test(victim.name)) return
    scheduler.note(victim.name, 'is killed')
    victim.kill()
    if (victim.name.startsWith('archiver')) await this.startArchiver()
    if (victim.name.startsWith('processor')) await members.replace(victim)
    await this.ensureBatches()
  }

  /** Each view has somebody who runs its batches. */
  private async ensureBatches(): Promise<void> {
    for (const operator of this.operators) {
      if (this.batchesOf(operator).length === 0) await this.startBatches(operator)
    }
  }

  /** Somebody stands still where he is, and goes on long afterwards; meanwhile somebody else does his work. */
  private async putToSleep(): Promise<void> {
    const { scheduler, random, plot, operators, members } = this
    const sleeper = random.pick(scheduler.actors)
    sleeper.asleepUntilTurn = scheduler.turn + random.between(20, plot.sleepTurnsMax)
    scheduler.note(sleeper.name, `sleeps until turn ${sleeper.asleepUntilTurn}`)
    const crowded = (kind: string): boolean => scheduler.actors.filter(({ name }) => name.startsWith(kind)).length > 3
    const view = operators.find((operator) => this.batchesOf(operator).includes(sleeper))
    if (view !== undefined && this.batchesOf(view).length < 2) await this.startBatches(view)
    if (sleeper.name.startsWith('processor') && random.chance(0.7) && !crowded('processor')) await members.replace(sleeper)
    if (sleeper.name.startsWith('archiver') && !crowded('archiver')) await this.startArchiver()
  }

  private async operate(): Promise<void> {
    const operator = this.random.pick(this.operators)
    await this.start('operator', 1, (actor) => operator.operate(actor.guard(this.world.registers)))
  }

  private async declare(partition: number, offset: number): Promise<void> {
    const { registers, log, speedViews, source, plans, nowMs } = this.world
    const ports = { registers, log, speedViews, clock: this.world.clockOf('operator'), readViews: async () => plans.map(({ view }) => view) }
    for (const appendTimeMs of [nowMs, 'stamped'] as const) {
      try {
        return void await declareAppendTime(ports, source, { partition, offset, appendTimeMs })
      } catch (error) {
        // The clock comes up to the stamp: it counts as it is.
        if (error instanceof TidemarkError && error.code === 'USAGE') return
        if (!(error instanceof TidemarkError) || error.code !== 'APPEND_TIME_SETTLED') throw error
      }
    }
  }

  /** An operator declares the append times of records that were stamped far ahead, once somebody has stopped before them. */
  async overrideMadTimes(): Promise<void> {
    const { world, producer } = this
    for (const { partition, offset } of producer.madRecords) {
      if (!world.alarms.some(({ code, where }) => code === 'APPEND_TIME_AHEAD' && where.endsWith(`partition ${partition}, offset ${offset}`))) continue
      await this.declare(partition, offset)
      producer.madRecords = producer.madRecords.filter((one) => one.partition !== partition || one.offset !== offset)
    }
  }
}
