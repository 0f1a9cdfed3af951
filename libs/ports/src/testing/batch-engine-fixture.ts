// The source, the expressions and the queries that the batch engine's contract suites ask about.
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { checkExpression } from '@tidemark/feature-schema/expression/check'
import type { Expression, Scope } from '@tidemark/feature-schema/expression/ast'
import type { FieldDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ValueType } from '@tidemark/feature-schema/value'
import type {
  AsOfQuery, AsOfWindow, BatchEngine, EventInput, EventSelection, InputReport, LadderGrouping, Measure, PaneQuery, RowsInput, RungGrouping,
} from '../batch-engine.ts'
import { collectAsOf, collectPanes, type CollectedAsOf, type CollectedPanes, type PlainRow } from './collect-streams.ts'
import type { JsonRecord } from './record-files.ts'

/** How a suite gives its records to an engine: as the files, or the objects, that this harness stands for. */
export interface BatchEngineHarness extends AsyncDisposable {
  readonly engine: BatchEngine
  inputOf(source: SourceDefinition, records: readonly JsonRecord[], options?: InputOptions): Promise<EventInput>
  rowsOf(records: readonly JsonRecord[], timeColumn: string): Promise<RowsInput>
}

export interface InputOptions {
  readonly columns?: NonNullable<EventInput['columns']>
  /** Over how many files the records are spread; harnesses without files ignore it. */
  readonly fileCount?: number
}

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS

const field = (name: string, type: ValueType, more: Partial<FieldDefinition> = {}): FieldDefinition => ({ name, type, nullable: true, ...more })

/** Has a field of every type; `amount` has bounds. */
export const clicks: SourceDefinition = {
  kind: 'event',
  name: 'clicks',
  version: 1,
  fields: [
    field('at', 'timestamp', { nullable: false }),
    field('user', 'string'),
    field('shop', 'int64'),
    field('amount', 'int32', { min: -1_000_000, max: 1_000_000 }),
    field('big', 'int64'),
    field('price', 'double'),
    field('paid', 'boolean'),
    field('note', 'string'),
    field('seen', 'timestamp'),
  ],
  eventTime: 'at',
  epochLengthMs: HOUR_MS,
  skewMaxMs: 30_000,
  delayMs: 0,
}

const fieldScope: Scope = new Map(clicks.fields.map(({ name, type, nullable }) => [name, { type, nullable }]))

/** An expression over the fields of `clicks` and further columns. */
export function expressionOf(text: string, more: Readonly<Record<string, ValueType>> = {}): Expression {
  const derived = Object.entries(more).map(([name, type]) => [name, { type, nullable: true }] as const)
  const checked = checkExpression(text, new Map([...fieldScope, ...derived]))
  if (!checked.ok) throw new TidemarkError(checked.problems)
  return checked.expression
}

/** A measure, its expressions as text; `of` absent: every event. */
export function measureOf(
  kind: Exclude<Measure['kind'], 'firstK' | 'lastK' | 'topK' | 'bottomK' | 'values' | 'registers' | 'bins'> | MeasureParameters,
  expressions: { readonly of?: string; readonly where?: string; readonly groupBy?: string } = {},
): Measure {
  const parse = (text: string | undefined): Expression | null => (text === undefined ? null : expressionOf(text))
  const input = { of: parse(expressions.of), where: parse(expressions.where), groupBy: parse(expressions.groupBy) }
  return { ...(typeof kind === 'string' ? { kind } : kind), ...input }
}

type MeasureParameters =
  | { readonly kind: 'firstK' | 'lastK' | 'topK' | 'bottomK'; readonly k: number }
  | { readonly kind: 'values'; readonly limit: number }
  | { readonly kind: 'registers'; readonly precision: number }
  | { readonly kind: 'bins'; readonly boundaries: Float64Array }

/** Everything in one pane, which starts at 0. */
export const lifetimeRung: RungGrouping = { lengthMs: null, horizonMs: null, alignMs: null }

export type Selected = Partial<Omit<EventSelection, 'input'>>

const everything: Omit<EventSelection, 'input'> = {
  derive: [],
  where: null,
  keys: [{ key: 'user', column: 'user', type: 'string' }],
  afterEpoch: null,
  throughEpoch: null,
  untilMs: null,
}

/** Groups and reads to the end: by ladder, or measures over one lifetime pane. */
export async function groupPanes(
  { engine }: BatchEngineHarness,
  input: EventInput,
  grouping: readonly Measure[] | { readonly ladders: readonly LadderGrouping[] },
  selected: Selected = {},
): Promise<CollectedPanes & { readonly report: InputReport }> {
  const ladders = 'ladders' in grouping ? grouping.ladders : [{ rungs: [lifetimeRung], measures: grouping }]
  const query: PaneQuery = { ...everything, ...selected, input, ladders }
  await using result = await engine.groupPanes(query)
  return { ...(await collectPanes(result)), report: result.report }
}

export type AsOfSelected = Selected & Partial<Pick<AsOfQuery, 'knownAt' | 'rowKeys'>>

/** Groups by training row and reads to the end: by window, or measures over a lifetime window. */
export async function groupAsOf(
  { engine }: BatchEngineHarness,
  input: EventInput,
  rows: RowsInput,
  grouping: readonly Measure[] | { readonly windows: readonly AsOfWindow[] },
  selected: AsOfSelected = {},
): Promise<CollectedAsOf & { readonly report: InputReport }> {
  const windows = 'windows' in grouping ? grouping.windows : [{ lengthMs: null, resolutionMs: null, measures: grouping }]
  const query: AsOfQuery = { ...everything, knownAt: 'append', rowKeys: { user: 'user' }, ...selected, input, rows, windows }
  await using result = await engine.groupAsOf(query)
  return { ...(await collectAsOf(result)), report: result.report }
}

/** What is left of rows when the group's own columns are dropped. */
export function withoutGroup(rows: readonly PlainRow[]): PlainRow[] {
  return rows.map(({ entity: _entity, row: _row, rung: _rung, start: _start, ...own }) => own)
}
