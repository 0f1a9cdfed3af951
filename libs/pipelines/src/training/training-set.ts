// Training sets: the rows as they came, all of them, in order, and beside each the features as of its time (law 4), by the same
// plans, partials and finalisers as serving. Rows stream through: what is held is a batch of them.
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Value } from '@tidemark/feature-schema/value'
import type { AsOfQuery, BatchEngine, ColumnBatch, EventInput, InputReport, RowsInput, RowsOutput, RowsWriter, TableColumn } from '@tidemark/ports/batch-engine'
import { resolveFeatures, type FeatureName, type ResolvedFeature } from '../resolve-features.ts'
import { AnswerTally, columnsOf, columnWriter, type AnswerForm, type StatusCounts } from './answer-columns.ts'
import { planAsOf, type AsOfPlan } from './as-of-plan.ts'
import { ViewReader } from './view-reader.ts'

export interface TrainingSetRequest extends AnswerForm {
  readonly engine: BatchEngine
  readonly writer: RowsWriter
  /** The views that features are taken from, each with its events. */
  readonly views: readonly { readonly plan: ViewPlan; readonly input: EventInput }[]
  /** In the model's order: a feature service's features. */
  readonly features: readonly FeatureName[]
  readonly rows: RowsInput
  /** Join key -> column of the rows, where they differ. */
  readonly rowKeys?: Readonly<Record<string, string>>
  readonly knownAt: AsOfQuery['knownAt']
  readonly output: Pick<RowsOutput, 'format' | 'path'>
  readonly onProgress?: (progress: { readonly rowCount: number; readonly doneCount: number }) => void
  readonly signal?: AbortSignal
}

export interface TrainingSetResult {
  readonly rowCount: number
  readonly columns: readonly TableColumn[]
  /** Rows whose time cannot be read: their features are NULL. */
  readonly unreadableTimeCount: number
  /** By view: what was read, and the rows whose keys are absent or unreadable, whose features of this view are NULL. */
  readonly views: readonly { readonly view: string; readonly report: InputReport; readonly noKeyCount: number }[]
  readonly statusCounts: StatusCounts
}

const ROWS_PER_BATCH = 1_000

/** Builds and writes a training set. Throws UNKNOWN_NAME, USAGE, INPUT_UNREADABLE or OUTPUT_FAILED; then nothing is written. */
export async function buildTrainingSet(request: TrainingSetRequest): Promise<TrainingSetResult> {
  request.signal?.throwIfAborted()
  const features = resolveFeatures(request.views.map(({ plan }) => plan), request.features, 'training set')
  if (features.length === 0) throw new TidemarkError([{ code: 'USAGE', message: 'No features are asked for.', where: 'training set', action: 'Name a service, a view or features.' }])
  refuseUnknownKeys(request)
  await using stack = new AsyncDisposableStack()
  const sections: ViewSection[] = []
  for (const { plan, input } of request.views) {
    const own = features.filter((each) => each.plan === plan)
    if (own.length === 0) continue
    const asOf = planAsOf(plan, own.map(({ feature }) => feature), { ...request, input, rowKeys: request.rowKeys ?? {} })
    const result = stack.use(await request.engine.groupAsOf(asOf.query))
    const reader = new ViewReader(asOf, result)
    stack.defer(() => reader.close())
    sections.push({ asOf, reader, report: result.report, rowCount: result.rowCount, noKeyCount: 0 })
  }
  const columns = features.flatMap((feature) => columnsOf(feature, request.hasStatuses === true))
  const tally = new AnswerTally(features)
  const batches = columnBatches(request, sections, features, tally)
  const { rowCount } = await request.writer.writeRows(request.rows, { ...request.output, columns, batches })
  return {
    rowCount, columns,
    unreadableTimeCount: tally.unreadableTimeCount,
    views: sections.map(({ asOf, report, noKeyCount }) => ({ view: asOf.plan.view.name, report, noKeyCount })),
    statusCounts: tally.statusCounts(),
  }
}

function refuseUnknownKeys({ rowKeys = {}, views }: TrainingSetRequest): void {
  const known = [...new Set(views.flatMap(({ plan }) => plan.keys.map(({ key }) => key)))]
  const [first, ...others] = Object.keys(rowKeys).filter((key) => !known.includes(key)).map((key): Problem => ({
    code: 'UNKNOWN_NAME', message: `There is no join key ${key}.`, where: 'training set, columns of the keys', action: didYouMean(key, known),
  }))
  if (first !== undefined) throw new TidemarkError([first, ...others])
}

interface ViewSection {
  readonly asOf: AsOfPlan
  readonly reader: ViewReader
  readonly report: InputReport
  readonly rowCount: number
  noKeyCount: number
}

/** The features of every row, as columns, in batches. */
async function* columnBatches(
  request: TrainingSetRequest,
  sections: readonly ViewSection[],
  features: readonly ResolvedFeature[],
  tally: AnswerTally,
): AsyncGenerator<ColumnBatch> {
  const rowCount = sections[0]?.rowCount ?? 0
  // Where each view's features stand in the model's order.
  const places = sections.map(({ asOf }) => features.flatMap(({ plan }, i) => (plan === asOf.plan ? [i] : [])))
  for (let from = 0; from < rowCount; from += ROWS_PER_BATCH) {
    request.signal?.throwIfAborted()
    const count = Math.min(ROWS_PER_BATCH, rowCount - from)
    const columns: Record<string, Value[]> = { row: Array.from({ length: count }, (_, i) => from + i) }
    const writers = features.map((feature) => columnWriter(columns, feature, request))
    for (let row = from; row < from + count; row++) {
      for (const [i, section] of sections.entries()) {
        const { place, values } = await section.reader.next(row)
        if (i === 0 && place.timeMs === null) tally.unreadableTimeCount++
        if (!place.hasKeys) section.noKeyCount++
        places[i]!.forEach((feature, j) => {
          const value = values?.[j] ?? null
          tally.add(feature, value)
          writers[feature]!(value)
        })
      }
    }
    yield { rowCount: count, columns }
    request.onProgress?.({ rowCount, doneCount: from + count })
  }
}
