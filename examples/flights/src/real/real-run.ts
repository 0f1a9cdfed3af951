// The flights through the real system: this process is their producer, who asks over HTTP, and the judge; the layers are processes of their own, and the
// servers stand beside them. Which parts are started when, and what is killed in between, is the caller's.
import { join } from 'node:path'
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { topicOf } from '@tidemark/pipelines/names'
import { catalogOf, type FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import { DEADLINE_MAX_MS } from '@tidemark/pipelines/serve/answer-features'
import { applyToServers } from '@tidemark/service-kit/testing/apply-to-servers'
import type { Addresses } from '@tidemark/servers/addresses'
import type { LayerName } from '@tidemark/servers/service-process'
import { Questions, type Route } from '../questions.ts'
import { openHttpApi, type HttpApi } from './http-api.ts'
import { Layers } from './layers.ts'
import { LogFeed } from './log-feed.ts'
import { realDefinitions, type Pace } from './real-definitions.ts'
import { PARTITION_COUNT, serviceEnvironment } from './service-environment.ts'
import { askSteadily } from './steady-asking.ts'
import { SystemWatch, type SeenGeneration } from './system-watch.ts'
import { pause } from './until-answered.ts'

export interface RealRunOptions {
  readonly pace: Pace
  readonly addresses: Addresses
  readonly namespace: string
  /** For what the services put aside. */
  readonly folder: string
  /** Has the arrivals. */
  readonly session: DuckDbSession
  readonly routes: readonly Route[]
  readonly seed: number
  readonly httpPort: number
  readonly signal: AbortSignal
  /** Told of what a service or this producer warns of. */
  readonly onTrouble: (who: string, text: string) => void
}

export interface Asking {
  /** Flights asked for, of each two requests. */
  readonly perSecond: number
  readonly onFailure: (error: unknown) => void
}

/** How often what is due is appended, and how many at most together. */
const STREAM_EVERY_MS = 50
const APPEND_COUNT_MAX = 20_000
const LOOK_EVERY_MS = 250

export class RealRun implements AsyncDisposable {
  readonly pace: Pace
  readonly layers: Layers
  readonly catalog: FeatureCatalog
  /** Asked to explain, while the stream goes on. */
  readonly underway: Questions
  /** Once everything has come to rest. */
  readonly atRest: Questions
  readonly feed: LogFeed
  readonly watch: SystemWatch
  /** Aborted with the caller's, and where a service ends by itself. */
  readonly signal: AbortSignal
  private readonly opened: AsyncDisposableStack

  private constructor(parts: Pick<RealRun, 'layers' | 'catalog' | 'feed' | 'watch' | 'signal'>, api: HttpApi, { pace, routes, seed }: RealRunOptions, opened: AsyncDisposableStack) {
    this.pace = pace
    this.layers = parts.layers
    this.catalog = parts.catalog
    this.feed = parts.feed
    this.watch = parts.watch
    this.signal = parts.signal
    this.opened = opened
    const asking = { ask: api.ask.bind(api), plans: parts.catalog.plans, routes, deadlineMs: DEADLINE_MAX_MS }
    this.underway = new Questions({ ...asking, seed, explain: true })
    this.atRest = new Questions({ ...asking, seed: seed + 1 })
  }

  /** Applies the definitions, starts the archiver, and waits for the topic that it makes. */
  static async start(options: RealRunOptions): Promise<RealRun> {
    const { pace, folder, addresses, namespace, session, httpPort, onTrouble } = options
    await using opened = new AsyncDisposableStack()
    const failed = new AbortController()
    const signal = AbortSignal.any([options.signal, failed.signal])
    const definitions = realDefinitions(pace)
    const catalog = catalogOf(definitions)
    const names = { pace, addresses, namespace, workFolder: join(folder, 'work') }
    await applyToServers(serviceEnvironment('archiver', names, httpPort), definitions)
    const layers = opened.use(new Layers({
      ...names, httpPort, onEnded: (error) => failed.abort(error),
      onTrouble: (service, { code, msg, where }) => onTrouble(service, [code, msg, where].filter(Boolean).join(', ')),
    }))
    await layers.start('archiver')
    const watch = opened.use(await SystemWatch.open(serviceEnvironment('archiver', names, httpPort), catalog.plans, signal))
    await watch.untilTopic()
    const feed = new LogFeed({
      session, signal, log: watch.log, topic: topicOf(catalog.plans[0]!.source), partitionCount: PARTITION_COUNT,
      onTrouble: ({ message }) => onTrouble('producer', message),
    })
    const api = opened.use(openHttpApi(() => layers.url))
    return new RealRun({ layers, catalog, feed, watch, signal }, api, options, opened.move())
  }

  start(...names: readonly LayerName[]): Promise<unknown> {
    return Promise.all(names.map((name) => this.layers.start(name)))
  }

  /** Resolves once everything that was appended is in sealed epochs. */
  async untilSealed(): Promise<void> {
    const { recordCount } = this.feed.account
    while ((await this.watch.sealed()).recordCount < recordCount) await pause(LOOK_EVERY_MS, this.signal)
  }

  /** Resolves once every view has a generation with everything that was appended so far. */
  async untilPublished(): Promise<readonly SeenGeneration[]> {
    const lastEpoch = Math.floor(this.feed.account.lastAppendTimeMs / this.pace.epochLengthMs)
    for (;; await pause(LOOK_EVERY_MS, this.signal)) {
      const seen = await this.watch.generations()
      if (seen.length === this.catalog.plans.length && seen.every(({ cut }) => cut >= lastEpoch)) return seen
    }
  }

  /** Asks about flights at a steady rate for as long as something else takes. */
  async askWhile<T>(questions: Questions, { perSecond, onFailure }: Asking, work: () => Promise<T>): Promise<T> {
    const over = new AbortController()
    const asking = askSteadily({ ratePerSecond: 2 * perSecond, next: inPairs(questions), onFailure, signal: AbortSignal.any([over.signal, this.signal]) })
    try {
      return await work()
    } finally {
      over.abort()
      await asking
    }
  }

  /** Appends so many flights at a steady rate, or all that are left; what a pause held up is appended after it. */
  async appendSteadily(count: number, ratePerSecond: number): Promise<void> {
    const startedAtMs = performance.now()
    for (let sentCount = 0; sentCount < count; await pause(STREAM_EVERY_MS, this.signal)) {
      const dueCount = Math.min(count, Math.floor(((performance.now() - startedAtMs) / 1_000) * ratePerSecond))
      while (sentCount < dueCount) {
        const appendedCount = await this.feed.append(Math.min(dueCount - sentCount, APPEND_COUNT_MAX))
        if (appendedCount === 0) return
        sentCount += appendedCount
      }
    }
  }

  /** Resolves once answers are whole: not degraded, and with everything that the log took. */
  async untilCaughtUp(onLook: (what: string) => void): Promise<void> {
    await this.feed.settle()
    const { lastAppendTimeMs } = this.feed.account
    for (;; await pause(LOOK_EVERY_MS, this.signal)) {
      const askedAtMs = Date.now()
      const answer = await this.atRest.probe().catch((error: Error) => error)
      if (answer instanceof Error) {
        onLook(answer.message)
        continue
      }
      const late = answer.views.filter(({ lagMs }) => lagMs === null || askedAtMs - lagMs <= lastAppendTimeMs)
      if (answer.degraded.length === 0 && late.length === 0) return
      onLook([...new Set(answer.degraded.map(({ code }) => code)), ...late.map(({ view, lagMs }) => `${view} lags by ${lagMs === null ? 'nobody knows how much' : `${lagMs} ms`}`)].join(', '))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.opened.disposeAsync()
  }
}

/** The two requests about a flight are due one after the other, each when its turn is. */
function inPairs(questions: Questions): () => (dueAtMs: number) => Promise<void> {
  let left: ((dueAtMs: number) => Promise<void>)[] = []
  return () => {
    if (left.length === 0) left = [...questions.aboutFlight()]
    return left.shift()!
  }
}
