// What the real demo does, phase by phase, each told on the screen while it goes on and when it is done.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { Arrivals } from '../arrivals.ts'
import { perSecond, type DemoFigures } from '../demo-figures.ts'
import { describeGenerations, formatCount, formatMs, formatPercentiles, formatRate } from '../demo-report.ts'
import { comparedCount } from '../oracle/comparison.ts'
import { judgeAnswers, type Judgement } from './judge-answers.ts'
import type { Phase, Usage } from './process-usage.ts'
import type { RealRun } from './real-run.ts'
import type { Screen } from './screen.ts'
import { pause } from './until-answered.ts'

const STREAM_PER_SECOND = 3_000
/** Flights that are appended at the end, as fast as the log takes them. */
const RUSH_COUNT = 200_000
/** Two requests each. */
const ASKED_PER_SECOND = 10
const ASKED_AT_REST_MS = 10_000
const LETTERS_WITHIN_MS = 60_000
const LOOK_EVERY_MS = 1_000

export interface PhasesOptions {
  readonly run: RealRun
  readonly screen: Screen
  readonly arrivals: Arrivals
  readonly lookAtUsage: () => Usage
}

export class RealPhases {
  /** For the table of what each process used. */
  readonly phases: Phase[] = []
  /** Questions that nobody answered, by why. */
  readonly unanswered = new Map<string, number>()
  private readonly options: PhasesOptions
  /** What was seen last, for the screen. */
  private seen = ''

  constructor(options: PhasesOptions) {
    this.options = options
  }

  /** The first months into the log, and out of it into the archive: how many a second, into each. */
  async history(): Promise<Pick<DemoFigures['rates'], 'log' | 'archive'>> {
    const { run, screen, arrivals: { historyCount } } = this.options
    let sealedCount = 0
    const progress = (): string => `${formatCount(run.feed.account.recordCount)} of ${formatCount(historyCount)} flights in the log, ${formatCount(sealedCount)} sealed in the archive`
    return this.measured('history', historyCount, () => screen.step('history', progress, () => this.looking(async () => void (sealedCount = (await run.watch.sealed()).recordCount), async () => {
      const startedAtMs = performance.now()
      await run.appendSteadily(historyCount, Infinity)
      const log = perSecond(historyCount, performance.now() - startedAtMs)
      await run.untilSealed()
      return { log, archive: perSecond(historyCount, performance.now() - startedAtMs) }
    }), ({ log, archive }) => `${formatCount(historyCount)} flights into the log, ${formatRate(log, 'flights')}; out of it into the archive, ${formatRate(archive, 'flights')}, side by side, until their epochs were sealed`))
  }

  /** How many flights a second, from the start of the batch layer's process. */
  async firstGeneration(): Promise<number> {
    const { run, screen } = this.options
    const { rate } = await this.measured('generation 1', run.feed.account.recordCount, () => screen.step('generation 1', () => 'the batch layer is starting, or at it', async () => {
      const startedAtMs = performance.now()
      await run.start('batch-layer')
      const generations = await run.untilPublished()
      const { recordCount } = generations[0]!.figures
      return { generations, recordCount, rate: perSecond(recordCount, performance.now() - startedAtMs) }
    }, ({ generations, recordCount, rate }) => {
      const entityCount = generations.reduce((sum, { figures }) => sum + figures.entityCount, 0)
      return `${formatCount(recordCount)} flights → ${formatCount(entityCount)} entities of ${generations.length} views; ${formatRate(rate, 'flights')}, from the start of its process`
    }))
    return rate
  }

  async startStreaming(): Promise<void> {
    const { run, screen } = this.options
    await screen.step('speed, serving', () => this.seen || 'starting', async () => {
      await run.start('speed-layer', 'serving-layer')
      await this.untilCaughtUp()
    }, () => `the speed layer begins after the cut, the serving layer listens on ${run.layers.url}`)
  }

  /** June at a steady rate, asked all the way. */
  async stream(): Promise<void> {
    const { run, screen, arrivals: { streamedCount } } = this.options
    const { account } = run.feed
    const [count, fromCount] = [streamedCount - RUSH_COUNT, account.recordCount]
    const asked = run.underway
    const progress = (): string => `${formatCount(account.recordCount - fromCount)} of ${formatCount(count)} flights at ${formatCount(STREAM_PER_SECOND)}/s, ${formatCount(asked.latenciesMs.length)} requests, ${formatPercentiles(asked.latenciesMs.slice(-200))}, lag ${formatMs(asked.lagsMs.at(-1) ?? 0)}${this.seen}`
    await this.measured('June', count, () => screen.step('June', progress, () =>
      this.looking(() => this.lookAtGenerations(), () => run.askWhile(asked, this.asking(), () => run.appendSteadily(count, STREAM_PER_SECOND))),
    (_, ms) => `${formatCount(count)} flights, ${formatRate(perSecond(count, ms), 'flights')}, while ${formatCount(asked.latenciesMs.length)} requests were answered from ${describeGenerations(asked)}`))
  }

  /** The rest of June at once: how many a second come through the stream into the answers. */
  async rush(): Promise<number> {
    const { run, screen } = this.options
    const { account } = run.feed
    const fromCount = account.recordCount
    const progress = (): string => `${formatCount(account.recordCount - fromCount)} of ${formatCount(RUSH_COUNT)} flights in the log${this.seen && `; ${this.seen}`}`
    const { stream } = await this.measured('the rush', RUSH_COUNT, () => screen.step('June, a rush', progress, () => run.askWhile(run.underway, this.asking(), async () => {
      const startedAtMs = performance.now()
      await run.appendSteadily(RUSH_COUNT, Infinity)
      const log = perSecond(RUSH_COUNT, performance.now() - startedAtMs)
      await this.untilCaughtUp()
      return { log, stream: perSecond(RUSH_COUNT, performance.now() - startedAtMs) }
    }), ({ log, stream }) => `the last ${formatCount(RUSH_COUNT)} flights at once: into the log, ${formatRate(log, 'flights')}; through the stream into the answers, ${formatRate(stream, 'flights')}`))
    return stream
  }

  /** Everything is asked once more when nothing comes any more. */
  async atRest(): Promise<void> {
    const { run, screen } = this.options
    await screen.step('at rest', () => `${formatCount(run.atRest.latenciesMs.length)} requests about some flights, then all entities`, async () => {
      await run.feed.settle()
      await run.askWhile(run.atRest, this.asking(), () => pause(ASKED_AT_REST_MS, run.signal))
      await run.atRest.askForAll()
    }, () => `${formatCount(run.atRest.latenciesMs.length)} requests, ${formatPercentiles(run.atRest.latenciesMs)}, and every entity of every view asked once more`)
  }

  /** All that there are by the time that as many as are expected are there, or that nobody waits any longer. */
  async deadLetters(): Promise<readonly string[]> {
    const { run, screen, arrivals: { senselessCount } } = this.options
    let letters: readonly string[] = []
    await screen.step('dead letters', () => `${letters.length} of ${senselessCount} found`, async () => {
      const untilMs = performance.now() + LETTERS_WITHIN_MS
      for (;; await pause(LOOK_EVERY_MS, run.signal)) {
        letters = await run.watch.deadLetters()
        if (letters.length >= senselessCount || performance.now() > untilMs) return
      }
    }, () => `${letters.length} of ${senselessCount} senseless flights`)
    return letters
  }

  async judge(session: DuckDbSession): Promise<Judgement> {
    const { run: { pace, feed: { account }, underway, atRest }, screen } = this.options
    let progress = ''
    return screen.step('oracle', () => progress, () => judgeAnswers(session, { account, epochLengthMs: pace.epochLengthMs, underway: underway.answers, atRest: atRest.answers, onProgress: (what) => void (progress = what) }), ({ comparison }) =>
      `${formatCount(comparedCount(comparison))} values asked again in SQL over the raw file and where each flight is in the log, those of the stream at each answer's cut and fences`)
  }

  private untilCaughtUp(): Promise<void> {
    return this.options.run.untilCaughtUp((what) => void (this.seen = what)).finally(() => void (this.seen = ''))
  }

  private async lookAtGenerations(): Promise<void> {
    const pointers = await this.options.run.watch.pointers()
    this.seen = `, generation ${pointers.map(({ n }) => n).join('/')}`
  }

  private asking(): { readonly perSecond: number; readonly onFailure: (error: unknown) => void } {
    return {
      perSecond: ASKED_PER_SECOND,
      onFailure: (error) => {
        const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
        this.unanswered.set(why, (this.unanswered.get(why) ?? 0) + 1)
      },
    }
  }

  /** Looks now and then while something else goes on. */
  private async looking<T>(look: () => Promise<void>, work: () => Promise<T>): Promise<T> {
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.options.run.signal])
    const looks = (async () => {
      for (;; await pause(LOOK_EVERY_MS, signal)) await look()
    })().catch((error: unknown) => {
      if (error !== signal.reason && !this.options.run.signal.aborted) throw error
    })
    looks.catch(() => undefined)
    try {
      return await work()
    } finally {
      over.abort()
      await looks
      this.seen = ''
    }
  }

  private async measured<T>(name: string, flightCount: number, work: () => Promise<T>): Promise<T> {
    const before = this.options.lookAtUsage()
    const result = await work()
    this.phases.push({ name, flightCount, before, after: this.options.lookAtUsage() })
    return result
  }
}
