// Replay: events pass through the whole system under a clock that follows them, and each row's question is asked online, at its time, through the
// serving code. What comes out is what serving would have said; a training set of the same rows must say the same.
//
// A file is one partition, its offset the row number. A question at t comes before the records that were known at t, and a declared delay holds
// records back, as it does in a training set. Generations are made at the given interval, when the epochs before it can be sealed.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Value } from '@tidemark/feature-schema/value'
import type { ColumnBatch, EventInput, RowsInput, RowsOutput, RowsWriter, TableColumn } from '@tidemark/ports/batch-engine'
import type { RecordReader } from '@tidemark/ports/record-reader'
import { listDeadLetters } from '../ingest/dead-letters.ts'
import type { LambdaSystem } from '../lambda/lambda-system.ts'
import type { SourcePipeline } from '../lambda/source-pipeline.ts'
import { resolveFeatures, type FeatureName, type ResolvedFeature } from '../resolve-features.ts'
import type { ServedValue } from '../serve/feature-answer.ts'
import { ENTITIES_PER_REQUEST_MAX } from '../serve/feature-request.ts'
import { AnswerTally, columnsOf, columnWriter, type AnswerForm, type StatusCounts } from '../training/answer-columns.ts'
import { RecordFeed, type AppendRecords } from './record-feed.ts'

export interface ReplayRequest extends AnswerForm {
  /** Without any data, and run by nobody: the replay drives it. */
  readonly system: LambdaSystem
  readonly reader: RecordReader & RowsWriter
  /** Appends records at the times that are given, which is what only a log for replays can. */
  readonly append: AppendRecords
  /** Sets the system's clock, back too. */
  readonly setClock: (nowMs: number) => void
  /** The views that are asked, each with its events. */
  readonly views: readonly { readonly plan: ViewPlan; readonly input: EventInput }[]
  readonly features: readonly FeatureName[]
  readonly rows: RowsInput
  readonly rowKeys?: Readonly<Record<string, string>>
  readonly output: Pick<RowsOutput, 'format' | 'path'>
  readonly batchEveryMs: number
  readonly onProgress?: (progress: ReplayProgress) => void
  readonly signal?: AbortSignal
}

export interface ReplayProgress {
  /** Records that were appended, rejected ones among them. */
  readonly recordCount: number
  readonly generationCount: number
  readonly answeredCount: number
  readonly rowCount: number
}

/** Records of a source that could not be decoded; they count nowhere. */
export interface RejectedRecords {
  readonly source: string
  /** Of all that were appended: those before the last question. */
  readonly recordCount: number
  readonly rejectedCount: number
  /** Of the first ones. */
  readonly reasons: readonly string[]
}

export interface ReplayResult extends ReplayProgress {
  readonly columns: readonly TableColumn[]
  readonly statusCounts: StatusCounts
  /** Rows whose time cannot be read, which nothing was asked for. */
  readonly unreadableTimeCount: number
  readonly rejected: readonly RejectedRecords[]
}

const REASONS_MAX = 5

/** Throws UNKNOWN_NAME, USAGE, INPUT_UNREADABLE or OUTPUT_FAILED; GATE_CLOSED where a generation is not good enough to be published. */
export async function replay(request: ReplayRequest): Promise<ReplayResult> {
  const features = resolveFeatures(request.views.map(({ plan }) => plan), request.features, 'replay')
  const questions = await readQuestions(request)
  const player = new Player(request, features, questions)
  await player.play()
  return player.write()
}

/** One row of one view. */
interface Question {
  readonly row: number
  readonly atMs: number
  readonly entity: Readonly<Record<string, unknown>>
}

interface Questions {
  readonly rowCount: number
  readonly unreadableTimeCount: number
  /** By time; rows whose keys cannot be read are left out. */
  readonly ofView: ReadonlyMap<ViewPlan, readonly Question[]>
}

async function readQuestions({ reader, views, rows, rowKeys = {} }: ReplayRequest): Promise<Questions> {
  const keys = [...new Map(views.flatMap(({ plan }) => plan.keys).map((each) => [each.key, each])).values()]
  const ofView = new Map<ViewPlan, Question[]>(views.map(({ plan }) => [plan, []]))
  let [rowCount, unreadableTimeCount] = [0, 0]
  for await (const { rowCount: count, columns } of reader.readQuestions(rows, { keys, rowKeys })) {
    for (let i = 0; i < count; i++, rowCount++) {
      const atMs = columns['timeMs']![i] as number | null
      if (atMs === null) {
        unreadableTimeCount++
        continue
      }
      const values = new Map(keys.map(({ key }, k) => [key, columns[`key_${k}`]![i] ?? null]))
      for (const [plan, questions] of ofView) {
        if (plan.keys.some(({ key }) => values.get(key) === null)) continue
        questions.push({ row: rowCount, atMs, entity: Object.fromEntries(plan.keys.map(({ key }) => [key, asJson(values.get(key)!)])) })
      }
    }
  }
  for (const questions of ofView.values()) questions.sort((a, b) => a.atMs - b.atMs || a.row - b.row)
  return { rowCount, unreadableTimeCount, ofView }
}

/** As a request would have it. */
function asJson(value: Value): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

class Player {
  private readonly request: ReplayRequest
  private readonly features: readonly ResolvedFeature[]
  private readonly questions: Questions
  private readonly feeds: readonly SourceFeed[]
  /** By feature, then by row. */
  private readonly answers: (ServedValue | null)[][]
  private generationCount = 0
  private answeredCount = 0

  constructor(request: ReplayRequest, features: readonly ResolvedFeature[], questions: Questions) {
    this.request = request
    this.features = features
    this.questions = questions
    this.answers = features.map(() => new Array<ServedValue | null>(questions.rowCount).fill(null))
    const inputs = new Map(request.views.map(({ plan, input }) => [plan.source.name, { source: plan.source, input }]))
    this.feeds = [...inputs.values()].map(({ source, input }) => this.feedOf(source, input))
  }

  private feedOf(source: SourceDefinition, input: EventInput): SourceFeed {
    const pipeline = this.request.system.sources.get(source.name)
    if (pipeline === undefined) {
      throw new TidemarkError([{ code: 'USAGE', message: 'It is a batch table, which no stream brings.', where: `source ${source.name}`, action: 'Replay views of event sources.' }])
    }
    return { source, pipeline, feed: new RecordFeed(source, this.request.reader.readRecords(input), (input.columns?.appendTime ?? source.appendTime) !== undefined, this.request.append), nextBatchMs: null }
  }

  /** Goes through the times at which anything is asked or made, in their order. */
  async play(): Promise<void> {
    const left = new Map([...this.questions.ofView].map(([plan, questions]) => [plan, { questions, at: 0 }]))
    for (;;) {
      this.request.signal?.throwIfAborted()
      const next = [...left].filter(([, { questions, at }]) => at < questions.length)
      if (next.length === 0) break
      const atMs = Math.min(...next.map(([, { questions, at }]) => questions[at]!.atMs))
      for (const feed of this.feeds) await this.bring(feed, atMs)
      this.request.setClock(atMs)
      for (const [plan, place] of next) {
        const asked: Question[] = []
        for (; place.at < place.questions.length && place.questions[place.at]!.atMs === atMs; place.at++) asked.push(place.questions[place.at]!)
        if (asked.length > 0) await this.ask(plan, asked, atMs)
      }
    }
    for (const { feed } of this.feeds) await feed.close()
  }

  /** Brings a source's state to what was known before a time, with the generations that were due by then. */
  private async bring(feed: SourceFeed, atMs: number): Promise<void> {
    const { source, pipeline } = feed
    const untilMs = atMs - source.delayMs
    for (let batchMs = await this.nextBatchMs(feed); batchMs !== null && batchMs <= untilMs; batchMs = await this.nextBatchMs(feed)) {
      await this.fold(feed, batchMs)
      await this.makeGeneration(pipeline)
      feed.nextBatchMs = batchMs + this.request.batchEveryMs
    }
    await this.fold(feed, untilMs)
  }

  /** An interval's end, and a margin after it in which an idle partition is waited for; null: there are no events. */
  private async nextBatchMs(feed: SourceFeed): Promise<number | null> {
    if (feed.nextBatchMs !== null) return feed.nextBatchMs
    const firstMs = await feed.feed.firstTimeMs()
    if (firstMs === null) return null
    const { batchEveryMs } = this.request
    return (feed.nextBatchMs = (Math.floor(firstMs / batchEveryMs) + 1) * batchEveryMs + feed.source.skewMaxMs + 1)
  }

  private async fold({ feed, pipeline }: SourceFeed, untilMs: number): Promise<void> {
    const { signal, setClock } = this.request
    for (let count = await feed.appendBefore(untilMs); count > 0; count = await feed.appendBefore(untilMs)) {
      signal?.throwIfAborted()
      setClock(untilMs)
      await pipeline.drainStream(signal)
      this.tell()
    }
    setClock(untilMs)
  }

  private async makeGeneration(pipeline: SourcePipeline): Promise<void> {
    await pipeline.drainArchive(this.request.signal)
    for (const outcome of await pipeline.runBatches(this.request.signal)) {
      if (outcome.kind === 'failed') throw outcome.error
      if (outcome.kind === 'done' && outcome.result.kind === 'published') this.generationCount++
    }
    this.tell()
  }

  private async ask(plan: ViewPlan, questions: readonly Question[], atMs: number): Promise<void> {
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
    this.tell()
  }

  private progress(): ReplayProgress {
    const { answeredCount, generationCount, questions: { rowCount } } = this
    return { answeredCount, generationCount, rowCount, recordCount: this.feeds.reduce((sum, { feed }) => sum + feed.appendedCount, 0) }
  }

  private tell(): void {
    this.request.onProgress?.(this.progress())
  }

  async write(): Promise<ReplayResult> {
    const { reader, rows, output, hasStatuses } = this.request
    const columns = this.features.flatMap((feature) => columnsOf(feature, hasStatuses === true))
    const tally = new AnswerTally(this.features)
    await reader.writeRows(rows, { ...output, columns, batches: this.batches(tally) })
    const rejected = await Promise.all(this.feeds.map((feed) => this.rejectedOf(feed)))
    return {
      ...this.progress(), columns, statusCounts: tally.statusCounts(), unreadableTimeCount: this.questions.unreadableTimeCount,
      rejected: rejected.filter(({ rejectedCount }) => rejectedCount > 0),
    }
  }

  private async rejectedOf({ source, feed: { appendedCount: recordCount } }: SourceFeed): Promise<RejectedRecords> {
    const reasons: string[] = []
    let rejectedCount = 0
    for await (const { reason } of listDeadLetters(this.request.system.ports.log, source)) if (rejectedCount++ < REASONS_MAX) reasons.push(reason)
    return { source: source.name, recordCount, rejectedCount, reasons }
  }

  private async *batches(tally: AnswerTally): AsyncGenerator<ColumnBatch> {
    const { rowCount } = this.questions
    for (let from = 0; from < rowCount; from += ROWS_PER_BATCH) {
      const count = Math.min(ROWS_PER_BATCH, rowCount - from)
      const columns: Record<string, Value[]> = { row: Array.from({ length: count }, (_, i) => from + i) }
      for (const [i, feature] of this.features.entries()) {
        const write = columnWriter(columns, feature, this.request)
        for (let row = from; row < from + count; row++) {
          const value = this.answers[i]![row]!
          tally.add(i, value)
          write(value)
        }
      }
      yield await Promise.resolve({ rowCount: count, columns })
    }
  }
}

const ROWS_PER_BATCH = 1_000

interface SourceFeed {
  readonly source: SourceDefinition
  readonly pipeline: SourcePipeline
  readonly feed: RecordFeed
  /** null: not known before the first event is. */
  nextBatchMs: number | null
}
