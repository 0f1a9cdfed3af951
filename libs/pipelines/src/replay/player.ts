// Plays a replay: goes through the times at which anything is asked or made, in their order, and has the system do what is due at each.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { EventInput } from '@tidemark/ports/batch-engine'
import type { BucketKey } from '@tidemark/ports/speed-view-store'
import type { SourcePipeline } from '../lambda/source-pipeline.ts'
import { viewId } from '../names.ts'
import type { ResolvedFeature } from '../resolve-features.ts'
import type { ServedValue } from '../serve/feature-answer.ts'
import { ENTITIES_PER_REQUEST_MAX } from '../serve/feature-request.ts'
import { Archiving } from './archiving.ts'
import { byTime, type AskedAtOnce, type Questions } from './questions.ts'
import { RecordFeed } from './record-feed.ts'
import type { ReplayCounts, ReplayPhase, ReplayRequest } from './replay.ts'

/** A source and what comes of it. */
export interface SourceFeed {
  readonly source: SourceDefinition
  readonly pipeline: SourcePipeline
  readonly feed: RecordFeed
  readonly archiving: Archiving
  /** null: not known before the first event is. */
  nextBatchMs: number | null
}

export class Player {
  readonly feeds: readonly SourceFeed[]
  /** By feature, then by row. */
  readonly answers: readonly (ServedValue | null)[][]
  private readonly request: ReplayRequest
  private readonly features: readonly ResolvedFeature[]
  private readonly questions: Questions
  private generationCount = 0
  private answeredCount = 0
  /** The log's times that are gone through; known once it plays. */
  private startMs = 0
  private endMs = 0

  /** Throws USAGE where a view is of a batch table. */
  constructor(request: ReplayRequest, features: readonly ResolvedFeature[], questions: Questions) {
    this.request = request
    this.features = features
    this.questions = questions
    this.answers = features.map(() => new Array<ServedValue | null>(questions.rowCount).fill(null))
    const inputs = new Map(request.views.map(({ plan, input }) => [plan.source.name, { source: plan.source, input }]))
    this.feeds = [...inputs.values()].map(({ source, input }) => this.feedOf(source, input))
  }

  private feedOf(source: SourceDefinition, input: EventInput): SourceFeed {
    const { system, reader, append, signal } = this.request
    const pipeline = system.sources.get(source.name)
    if (pipeline === undefined) {
      throw new TidemarkError([{ code: 'USAGE', message: 'It is a batch table, which no stream brings.', where: `source ${source.name}`, action: 'Replay views of event sources.' }])
    }
    const feed = new RecordFeed(source, reader.readRecords(input), (input.columns?.appendTime ?? source.appendTime) !== undefined, append)
    return { source, pipeline, feed, archiving: new Archiving(pipeline, signal), nextBatchMs: null }
  }

  /** Nothing is at work any more when it ends, however it does. */
  async play(): Promise<void> {
    try {
      const firsts = await Promise.all(this.feeds.map(({ feed }) => feed.firstTimeMs()))
      const times = [...this.questions.ofView.values()].flatMap((questions) => [questions[0], questions.at(-1)]).flatMap((question) => question?.atMs ?? [])
      this.startMs = Math.min(...firsts.filter((atMs) => atMs !== null), ...times)
      this.endMs = Math.max(...times)
      for (const { atMs, asked } of byTime(this.questions)) {
        this.request.signal?.throwIfAborted()
        for (const feed of this.feeds) await this.bring(feed, atMs, bucketsOf(asked, feed.source))
        this.request.setClock(atMs)
        for (const each of asked) await this.ask(each, atMs)
        this.tell('streaming', atMs)
      }
    } finally {
      for (const { archiving, feed } of this.feeds) {
        await archiving.end()
        await feed.close()
      }
    }
  }

  /** Brings a source's state to what was known before a time, at least in some buckets, with the generations that were due by then. */
  private async bring(feed: SourceFeed, atMs: number, asked: readonly BucketKey[]): Promise<void> {
    const untilMs = atMs - feed.source.delayMs
    for (let batchMs = await this.nextBatchMs(feed); batchMs !== null && batchMs <= untilMs; batchMs = await this.nextBatchMs(feed)) {
      await this.fold(feed, batchMs, [])
      await this.makeGeneration(feed, batchMs)
      feed.nextBatchMs = batchMs + this.request.batchEveryMs
    }
    await this.fold(feed, untilMs, asked)
  }

  /** An interval's end, and a margin after it in which an idle partition is waited for; null: there are no events. */
  private async nextBatchMs(feed: SourceFeed): Promise<number | null> {
    if (feed.nextBatchMs !== null) return feed.nextBatchMs
    const firstMs = await feed.feed.firstTimeMs()
    if (firstMs === null) return null
    const { batchEveryMs } = this.request
    return (feed.nextBatchMs = (Math.floor(firstMs / batchEveryMs) + 1) * batchEveryMs + feed.source.skewMaxMs + 1)
  }

  private async fold({ source, feed, pipeline, archiving }: SourceFeed, untilMs: number, asked: readonly BucketKey[]): Promise<void> {
    const { signal, setClock, setArchiveClock } = this.request
    for (let count = await feed.appendBefore(untilMs); count > 0; count = await feed.appendBefore(untilMs)) {
      signal?.throwIfAborted()
      setClock(feed.appendedThroughMs)
      setArchiveClock(source.name, feed.appendedThroughMs)
      archiving.appended(count)
      await pipeline.drainStream(signal)
      this.tell('streaming', feed.appendedThroughMs)
    }
    setClock(untilMs)
    setArchiveClock(source.name, untilMs)
    await pipeline.drainStream(signal, asked)
  }

  private async makeGeneration({ pipeline, archiving }: SourceFeed, atMs: number): Promise<void> {
    this.tell('archiving', atMs)
    await archiving.finish()
    this.tell('batch', atMs)
    for (const outcome of await pipeline.runBatches(this.request.signal)) {
      if (outcome.kind === 'failed') throw outcome.error
      if (outcome.kind === 'done' && outcome.result.kind === 'published') this.generationCount++
    }
    this.tell('streaming', atMs)
  }

  private async ask({ plan, questions }: AskedAtOnce, atMs: number): Promise<void> {
    const asked = this.features.flatMap((each, i) => (each.plan === plan ? [i] : []))
    if (asked.length === 0) return
    const names = asked.map((i) => ({ view: plan.view.name, feature: this.features[i]!.feature.name }))
    for (let from = 0; from < questions.length; from += ENTITIES_PER_REQUEST_MAX) {
      const part = questions.slice(from, from + ENTITIES_PER_REQUEST_MAX)
      const answer = await this.request.system.server.answer({
        asked: { features: names }, entities: part.map(({ entity }) => entity), policy: 'degrade', deadlineMs: Infinity, explain: false,
      })
      if (answer.t !== atMs) throw new Error(`A question at ${atMs} was answered as of ${answer.t}: the system knew a record that came later.`)
      for (const [j, { row }] of part.entries()) for (const [k, feature] of asked.entries()) this.answers[feature]![row] = answer.entities[j]!.values[k]!
      this.answeredCount += part.length
    }
  }

  counts(): ReplayCounts {
    const { answeredCount, generationCount, questions: { rowCount } } = this
    return { answeredCount, generationCount, rowCount, recordCount: this.feeds.reduce((sum, { feed }) => sum + feed.appendedCount, 0) }
  }

  private tell(phase: ReplayPhase, atMs: number): void {
    const { startMs, endMs } = this
    this.request.onProgress?.({ ...this.counts(), phase, atMs, doneShare: endMs > startMs ? Math.min(1, Math.max(0, (atMs - startMs) / (endMs - startMs))) : 0 })
  }
}

/** Of the entities that are asked about, each once. */
function bucketsOf(asked: readonly AskedAtOnce[], source: SourceDefinition): BucketKey[] {
  return asked.filter(({ plan }) => plan.source.name === source.name)
    .flatMap(({ plan, questions }) => [...new Set(questions.map(({ bucket }) => bucket))].map((bucket) => ({ view: viewId(plan.view), bucket })))
}
