// Replay: events pass through the whole system under a clock that follows them, and each row's question is asked online, at its time, through the
// serving code. What comes out is what serving would have said; a training set of the same rows must say the same.
//
// A file is one partition, its offset the row number. A question at t comes before the records that were known at t, and a declared delay holds
// records back, as it does in a training set. Generations are made at the given interval, when the epochs before it can be sealed.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Value } from '@tidemark/feature-schema/value'
import type { ColumnBatch, EventInput, InputReport, RowsInput, RowsOutput, RowsWriter, TableColumn } from '@tidemark/ports/batch-engine'
import type { RecordReader } from '@tidemark/ports/record-reader'
import { listDeadLetters } from '../ingest/dead-letters.ts'
import type { LambdaSystem } from '../lambda/lambda-system.ts'
import { resolveFeatures, type FeatureName, type ResolvedFeature } from '../resolve-features.ts'
import type { ServedValue } from '../serve/feature-answer.ts'
import { AnswerTally, columnsOf, columnWriter, type AnswerForm, type StatusCounts } from '../training/answer-columns.ts'
import { Player, type SourceFeed } from './player.ts'
import { readQuestions } from './questions.ts'
import type { AppendRecords } from './record-feed.ts'

export interface ReplayRequest extends AnswerForm {
  /** Without any data, and run by nobody: the replay drives it. */
  readonly system: LambdaSystem
  readonly reader: RecordReader & RowsWriter
  /** Appends records at the times that are given, which is what only a log for replays can. */
  readonly append: AppendRecords
  /** Sets the system's clock, back too. */
  readonly setClock: (nowMs: number) => void
  /** Sets the clock of a source's archiver, by the source's name: it works beside the rest, and everything before this time is in the log. */
  readonly setArchiveClock: (source: string, nowMs: number) => void
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

export interface ReplayCounts {
  /** Records that were appended, rejected ones among them. */
  readonly recordCount: number
  readonly generationCount: number
  /** Rows, in each of the views. */
  readonly answeredCount: number
  readonly rowCount: number
}

/** 'archiving', 'batch': of a generation. */
export type ReplayPhase = 'streaming' | 'archiving' | 'batch'

export interface ReplayProgress extends ReplayCounts {
  readonly phase: ReplayPhase
  /** The log's time that it is at. */
  readonly atMs: number
  /** Of the log's time from the first event or question to the last question, from 0 to 1. */
  readonly doneShare: number
}

/** Records of a source that could not be decoded; they count nowhere. */
export interface RejectedRecords {
  readonly source: string
  /** Of all that were appended: those before the last question. */
  readonly recordCount: number
  readonly rejectedCount: number
  /** The first ones. */
  readonly rejectedSamples: InputReport['rejectedSamples']
}

export interface ReplayResult extends ReplayCounts {
  readonly columns: readonly TableColumn[]
  readonly statusCounts: StatusCounts
  /** Rows whose time cannot be read, which nothing was asked for. */
  readonly unreadableTimeCount: number
  readonly rejected: readonly RejectedRecords[]
}

const REJECTED_SAMPLES_MAX = 20
const ROWS_PER_BATCH = 1_000

/** Throws UNKNOWN_NAME, USAGE, INPUT_UNREADABLE or OUTPUT_FAILED; GATE_CLOSED where a generation is not good enough to be published. */
export async function replay(request: ReplayRequest): Promise<ReplayResult> {
  const { reader, views, rows, rowKeys = {}, output, system, signal } = request
  const plans = views.map(({ plan }) => plan)
  const features = resolveFeatures(plans, request.features, 'replay')
  const questions = await readQuestions(reader, plans, rows, rowKeys)
  const player = new Player(request, features, questions)
  await player.play()
  signal?.throwIfAborted()
  const columns = features.flatMap((feature) => columnsOf(feature, request.hasStatuses === true))
  const tally = new AnswerTally(features)
  await reader.writeRows(rows, { ...output, columns, batches: answerBatches(request, features, player.answers, questions.rowCount, tally) })
  const rejected = await Promise.all(player.feeds.map((feed) => rejectedOf(system, feed)))
  return {
    ...player.counts(), columns, statusCounts: tally.statusCounts(), unreadableTimeCount: questions.unreadableTimeCount,
    rejected: rejected.filter(({ rejectedCount }) => rejectedCount > 0),
  }
}

async function* answerBatches(
  form: AnswerForm, features: readonly ResolvedFeature[], answers: readonly (ServedValue | null)[][], rowCount: number, tally: AnswerTally,
): AsyncGenerator<ColumnBatch> {
  for (let from = 0; from < rowCount; from += ROWS_PER_BATCH) {
    const count = Math.min(ROWS_PER_BATCH, rowCount - from)
    const columns: Record<string, Value[]> = { row: Array.from({ length: count }, (_, i) => from + i) }
    for (const [i, feature] of features.entries()) {
      const write = columnWriter(columns, feature, form)
      for (let row = from; row < from + count; row++) {
        const value = answers[i]![row]!
        tally.add(i, value)
        write(value)
      }
    }
    yield await Promise.resolve({ rowCount: count, columns })
  }
}

async function rejectedOf({ ports: { log } }: LambdaSystem, { source, feed }: SourceFeed): Promise<RejectedRecords> {
  const rejectedSamples: InputReport['rejectedSamples'][number][] = []
  let rejectedCount = 0
  for await (const { offset, reason } of listDeadLetters(log, source)) if (rejectedCount++ < REJECTED_SAMPLES_MAX) rejectedSamples.push({ ...feed.placeOf(offset), reason })
  return { source: source.name, recordCount: feed.appendedCount, rejectedCount, rejectedSamples }
}
