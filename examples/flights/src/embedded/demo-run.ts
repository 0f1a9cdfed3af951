// The whole way of the data on one folder: history through log and archive into a first generation, then the stream under a clock that follows the
// arrivals, asked for features all the way, while a second generation is published.
import { setImmediate } from 'node:timers/promises'
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { localBatch } from '@tidemark/embedded-system/archive-and-batch'
import type { EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { exceptLaterAppends } from '@tidemark/embedded-system/later-appends'
import type { SimulatedClock } from '@tidemark/embedded-system/simulated-clock'
import type { Definitions } from '@tidemark/feature-schema/definition'
import type { OnAlarm } from '@tidemark/pipelines/alarm'
import { createArchiver as createArchiverHere } from '@tidemark/pipelines/archive/archiver'
import { deadLetterGroupOf } from '@tidemark/pipelines/ingest/group-names'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import type { SourcePipeline } from '@tidemark/pipelines/lambda/source-pipeline'
import { topicOf } from '@tidemark/pipelines/names'
import type { Arrivals } from '../arrivals.ts'
import { FlightFeed } from './flight-feed.ts'
import { Questions, type Route } from '../questions.ts'

export interface DemoRunOptions {
  readonly ports: EmbeddedPorts
  readonly clock: SimulatedClock
  readonly definitions: Definitions
  /** Has the arrivals. */
  readonly session: DuckDbSession
  readonly arrivals: Arrivals
  readonly routes: readonly Route[]
  /** What was appended before it is history. */
  readonly cutMs: number
  readonly seed: number
  /** How often the stream is brought up to what has arrived, and asked. */
  readonly askEveryMs: number
  readonly onAlarm: OnAlarm
  readonly signal: AbortSignal
}

/** What a layer did, and how long it was at it. */
export interface LayerWork {
  count: number
  ms: number
}

export interface Published {
  /** Over all views. */
  readonly entityCount: number
  /** That no generation had before. */
  readonly recordCount: number
}

const FLIGHTS_ASKED_AT_ONCE = 16
/** While a generation is made: time passes by so much from question to question. */
const ASK_WHILE_PUBLISHING_EVERY_MS = 1_000
/** An epoch is sealed so long after its end, where no record has proven it to be over. */
const AFTER_SKEW_MS = 1
/** A processor looks at its fences again, says how far it is, and searches a page of what was loaded before it began, once in so long. */
const CHECK_EVERY_MS = 1_000

/** All that a poll brings is one transaction; and a clock that leaps by hours would have every idle fence written at each of its leaps. */
const INGEST_LIMITS: Partial<IngestLimits> = { writesInFlightMax: 1_024, idleFenceMs: 24 * 3_600_000 }

export class DemoRun implements AsyncDisposable {
  readonly system: LambdaSystem
  readonly questions: Questions
  readonly work = { log: newWork(), archive: newWork(), speed: newWork() }
  private readonly options: DemoRunOptions
  private readonly pipeline: SourcePipeline
  private readonly feed: FlightFeed
  private checkedAtMs = -Infinity

  private constructor(options: DemoRunOptions, system: LambdaSystem) {
    this.options = options
    this.system = system
    const { session, ports: { log }, routes, seed } = options
    this.pipeline = [...system.sources.values()][0]!
    this.feed = new FlightFeed(session, log, topicOf(this.pipeline.source))
    this.questions = new Questions({ ask: (request) => system.server.answer(request), plans: system.catalog().plans, routes, seed })
  }

  static async start(options: DemoRunOptions): Promise<DemoRun> {
    const { definitions, onAlarm } = options
    const createArchiver = options.ports.createArchiver ?? createArchiverHere
    const ports: LambdaPorts = { ...options.ports, createArchiver: (archiver) => createArchiver({ ...archiver, onAlarm: exceptLaterAppends(archiver.onAlarm) }) }
    return new DemoRun(options, await LambdaSystem.start({ ports, definitions, member: 'demo', partitionCount: 1, onAlarm, batch: localBatch(), ingestLimits: INGEST_LIMITS }))
  }

  /** Appends the history and archives it side by side, and seals it. */
  async loadHistory(): Promise<void> {
    const { clock, cutMs, signal } = this.options
    let isAppending = true
    const appending = this.append(cutMs, cutMs).finally(() => void (isAppending = false))
    await together(appending, timed(this.work.archive, async () => {
      for (; isAppending; await setImmediate()) await this.pipeline.drainArchive(signal)
      clock.set(cutMs + this.pipeline.source.skewMaxMs + AFTER_SKEW_MS)
      await this.pipeline.drainArchive(signal)
      return this.work.log.count
    }))
  }

  /** Makes a generation of each view, with every sealed epoch. */
  async publish(): Promise<Published> {
    // Two at a time: one view is packed while another one is grouped.
    const outcomes = (await Promise.all([1, 2].map(() => this.pipeline.runBatches(this.options.signal)))).flat()
    // What one of them found the other at.
    const figures = outcomes.filter((outcome) => outcome.kind !== 'lost').map((outcome) => {
      if (outcome.kind === 'failed') throw outcome.error
      if (outcome.result.kind !== 'published') throw new Error(`No generation of ${outcome.view} was published.`)
      return outcome.result.figures
    })
    if (figures.length < this.system.catalog().plans.length) throw new Error('A view is without a generation.')
    return { entityCount: figures.reduce((sum, { entityCount }) => sum + entityCount, 0), recordCount: figures[0]!.recordCount }
  }

  /** Streams what arrives until a time, asking at some moments on the way. */
  async streamUntil(untilMs: number): Promise<void> {
    const { clock, askEveryMs } = this.options
    for (let atMs = clock.nowMs(); atMs < untilMs; ) {
      atMs += askEveryMs
      // The last step is a little longer, rather than one of a moment behind it.
      if (atMs + CHECK_EVERY_MS > untilMs) atMs = untilMs
      await this.bring(atMs)
      for (let i = 0; i < FLIGHTS_ASKED_AT_ONCE; i++) await this.questions.askForFlight()
    }
  }

  /** Publishes while the stream goes on and is asked, second by second. */
  async publishWhileAsking(): Promise<Published> {
    let isPublishing = true
    const publishing = this.publish().finally(() => void (isPublishing = false))
    const asking = async (): Promise<void> => {
      for (; isPublishing; await setImmediate()) {
        await this.bring(this.options.clock.nowMs() + ASK_WHILE_PUBLISHING_EVERY_MS)
        await this.questions.askForFlight()
      }
    }
    const [published] = await together(publishing, asking())
    return published
  }

  /** Brings log, stream and archive to what has arrived before a time, at least so long after the last one that the processor looks around again. */
  private async bring(atMs: number): Promise<void> {
    const { signal } = this.options
    signal.throwIfAborted()
    await this.append(atMs, atMs - CHECK_EVERY_MS)
    await together(this.foldUntil(atMs), this.pipeline.drainArchive(signal))
  }

  private foldUntil(atMs: number): Promise<number> {
    const { clock, signal } = this.options
    return timed(this.work.speed, async () => {
      const before = this.nextOffset()
      // Once to fold the records, and once to say that they are folded.
      for (const eachMs of [atMs - CHECK_EVERY_MS, atMs]) {
        if (eachMs < this.checkedAtMs + CHECK_EVERY_MS) continue
        this.checkedAtMs = eachMs
        clock.set(eachMs)
        await this.pipeline.processor.step(signal)
        await this.pipeline.drainStream(signal)
      }
      return this.nextOffset() - before
    })
  }

  private nextOffset(): number {
    return this.pipeline.processor.status()[0]?.nextOffset ?? this.options.arrivals.historyCount
  }

  /** Appends what arrives before a time under a clock that follows it, at most as far as it may. */
  private append(untilMs: number, clockMaxMs: number): Promise<number> {
    const { clock, signal } = this.options
    return timed(this.work.log, () => this.feed.appendBefore(untilMs, (arrivalMs) => {
      signal.throwIfAborted()
      clock.set(Math.max(clock.nowMs(), Math.min(arrivalMs, clockMaxMs)))
    }))
  }

  /** How many dead letters there are once everything was searched, that of before the stream began too. */
  async findDeadLetters(): Promise<{ readonly count: number; readonly samples: readonly string[] }> {
    const { clock, signal, ports: { log } } = this.options
    const { source } = this.pipeline
    const { end } = await log.extent(topicOf(source), 0)
    while (((await log.committed(deadLetterGroupOf(source), topicOf(source), 0)) ?? 0) < end) {
      clock.set(clock.nowMs() + CHECK_EVERY_MS)
      await this.pipeline.processor.step(signal)
    }
    const samples: string[] = []
    for await (const { offset, reason } of listDeadLetters(log, source)) samples.push(`record ${offset}: ${reason}`)
    return { count: samples.length, samples }
  }

  /** All of it by itself, until the signal is aborted. */
  async goOn(): Promise<void> {
    await this.pipeline.run(this.options.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system[Symbol.asyncDispose]()
  }
}

/** What both give; nothing of either is at work any more when it fails. */
async function together<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b])
  return Promise.all([a, b])
}

function newWork(): LayerWork {
  return { count: 0, ms: 0 }
}

async function timed(work: LayerWork, run: () => Promise<number>): Promise<number> {
  const startedAtMs = performance.now()
  const count = await run()
  work.ms += performance.now() - startedAtMs
  work.count += count
  return count
}
