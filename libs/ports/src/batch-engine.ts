// The batch engine: groups events by entity and pane, or by training row and window. It knows events, expressions and GROUP BY;
// it does not know blobs. Every measure is rows that a grouping makes; who called packs them into partials.

import type { DerivedColumnDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import type { Value, ValueType } from '@tidemark/feature-schema/value'

/**
 * Where events come from. A list of files is one partition (0), in the order given; the offset is the row's number over all of
 * them, from 0; a file that is named twice, in whatever way, is refused (USAGE). A rejected record keeps its row number, and moves the running maximum of append time where an append column is read
 * and its own cell can be; nothing else of it counts. Without append times the running maximum of the event time stands for them, of accepted records alone.
 * Known time: of an event, the running maximum of append time in its partition; of a batch table's row, its own availability time.
 */
export type EventInput = {
  readonly source: SourceDefinition
  /** File columns that hold what the log knows of a record; an archive has them all. */
  readonly columns?: LogColumnNames
} & (
  | { readonly kind: 'files'; readonly format: 'csv' | 'parquet' | 'ndjson'; readonly paths: readonly string[] }
  /** For tests: records as decoded JSON objects, in file order. */
  | { readonly kind: 'records'; readonly records: readonly Readonly<Record<string, unknown>>[] }
)

export interface LogColumnNames {
  readonly appendTime?: string
  readonly partition?: string
  readonly offset?: string
  /** Epoch ms. Without it: the running maximum of append time over the input's own records, which may lack what the log had before them. */
  readonly knownTime?: string
  /** Without it: floor(known time / epoch length), which knows nothing of how partitions were opened. */
  readonly epoch?: string
}

/** What a measure folds. `of` null: every event of the group counts. NULL values and events whose `where` is not true do not count. */
interface MeasureInput {
  readonly of: Expression | null
  readonly where: Expression | null
  /** One aggregate for each value of this expression; events where it is NULL do not count. Adds the column `grp`. */
  readonly groupBy: Expression | null
}

/**
 * One measure, and below it the columns that its rows have beside the group's own. A group without a counting event has no row.
 * Without groupBy, 'count' to 'last' give one row a group; the others several.
 */
export type Measure = MeasureInput & (
  /** n: number of values */
  | { readonly kind: 'count' }
  /** n, sum: an exact integer (bigint or number) for integers, a double for doubles */
  | { readonly kind: 'sum' }
  /** n, mean, m2 (sum of squared differences from the mean); values beyond ±1e150 make mean and m2 NULL */
  | { readonly kind: 'moments' }
  /** value */
  | { readonly kind: 'min' | 'max' }
  /** value, eventTimeMs, partition, offset: smallest or largest by (event time, partition, offset) */
  | { readonly kind: 'first' | 'last' }
  /** value, eventTimeMs, partition, offset: up to k rows */
  | { readonly kind: 'firstK' | 'lastK'; readonly k: number }
  /** value: up to k rows, duplicates kept */
  | { readonly kind: 'topK' | 'bottomK'; readonly k: number }
  /** value, n: a row for each distinct value, at most limit + 1 of them (any) */
  | { readonly kind: 'values'; readonly limit: number }
  /** register, rank: of the md5 of the value's hash text; the first 64 bits, big-endian; register = the top `precision` bits, rank = leading zeros of the rest + 1 */
  | { readonly kind: 'registers'; readonly precision: number }
  /** bin, n: bin = sign × the 1-based index of the first boundary >= |value| (past the last: the last + 1); |value| < boundaries[0]: bin 0 */
  | { readonly kind: 'bins'; readonly boundaries: Float64Array }
)

/** One rung of a ladder: finest first. lengthMs null: the lifetime pane, always last. */
export interface RungGrouping {
  readonly lengthMs: number | null
  /** The longest window that reads this rung. */
  readonly horizonMs: number | null
  /** What the oldest kept pane's start is rounded down to: the next rung's length (its own, for the last and before lifetime). */
  readonly alignMs: number | null
}

/** Measures that share a ladder of panes. An event belongs to the finest rung whose pane start >= floor((L + 1 - horizon) / align) × align, L the entity's newest append time here. */
export interface LadderGrouping {
  readonly rungs: readonly RungGrouping[]
  readonly measures: readonly Measure[]
}

export interface EventSelection {
  readonly input: EventInput
  readonly derive: readonly { readonly definition: DerivedColumnDefinition; readonly expression: Expression }[]
  readonly where: Expression | null
  /** Entity keys: column (field or derived) and type, in join-key order. An event with a NULL key is skipped and counted. */
  readonly keys: readonly { readonly key: string; readonly column: string; readonly type: ValueType }[]
  /** Only events of the entity with these key values, in their canonical form; those of others are read, and left out uncounted. */
  readonly entity?: readonly Value[]
  /** Only epochs > afterEpoch and <= throughEpoch; null: no bound. Epoch: the input's column, else floor(known time / epochLengthMs). */
  readonly afterEpoch: number | null
  readonly throughEpoch: number | null
  /** Only events known before this time, and with eventTime < it. */
  readonly untilMs: number | null
}

export interface PaneQuery extends EventSelection {
  readonly ladders: readonly LadderGrouping[]
}

/** Columns of equal length. `entity` or `row` ascends over a stream, so that streams can be read side by side. */
export interface ColumnBatch {
  readonly rowCount: number
  readonly columns: Readonly<Record<string, ArrayLike<Value>>>
}

export interface MeasureStream {
  readonly ladder: number
  /**
   * Which measures of the ladder. One-row measures ('count' to 'last' without groupBy) may share a stream: where there are two or
   * more, their columns are prefixed `m${index}_` (the index in the ladder), NULL where a measure has no row. A stream of one
   * measure has plain column names.
   */
  readonly measures: readonly number[]
  /** Group columns first: entity (index), rung (index), start (epoch ms; 0 for lifetime), grp where the measure has groupBy. */
  readonly batches: AsyncIterable<ColumnBatch>
}

/** What was read and what was not: rejected records break the source's schema or bounds. */
export interface InputReport {
  readonly readCount: number
  readonly acceptedCount: number
  readonly rejectedCount: number
  /** Up to 20: where and why; `row` counts from 0 in its file. */
  readonly rejectedSamples: readonly { readonly file: string; readonly row: number; readonly reason: string }[]
  /** Where event times stand for append times: null where no event is held back by more than the source's skew. */
  readonly heldBack: HeldBack | null
  readonly nullKeyCount: number
  readonly filteredCount: number
}

/** Events that are known later than they happened, because records before them in the file happened later. */
export interface HeldBack {
  readonly count: number
  /** The first record with the latest time that holds back any; `row` counts from 0 in its file. */
  readonly by: { readonly file: string; readonly row: number; readonly eventTimeMs: number }
}

export interface PaneResult extends AsyncDisposable {
  readonly report: InputReport
  readonly entityCount: number
  /** entity (index, ascending from 0), key_0 …, logTimeMs (newest append time), eventCount */
  readonly entities: AsyncIterable<ColumnBatch>
  readonly streams: readonly MeasureStream[]
}

/** Training rows: any table with the keys and a time. */
export type RowsInput = {
  /** The time column: timestamps, ISO text or epoch milliseconds. */
  readonly timeColumn: string
} & (
  | { readonly format: 'csv' | 'parquet'; readonly path: string }
  /** For tests: rows as decoded JSON objects. */
  | { readonly format: 'records'; readonly records: readonly Readonly<Record<string, unknown>>[] }
)

export interface AsOfWindow {
  readonly lengthMs: number | null
  readonly resolutionMs: number | null
  readonly measures: readonly Measure[]
  /** Each has a stream of its own: `row` and n, in rows alone where n is more than its countMax. Their indexes go on after the measures'. */
  readonly instants?: readonly InstantsMeasure[]
}

/** n: number of different event times (as they count) among the window's events whose `where` is true; null: among all. */
export interface InstantsMeasure {
  readonly where: Expression | null
  readonly countMax: number
}

export interface AsOfQuery extends EventSelection {
  readonly rows: RowsInput
  /** Join key -> column of the rows file. */
  readonly rowKeys: Readonly<Record<string, string>>
  /** 'append': a row at t sees events known before t - delay, at event times in [tail, t). 'event': all events at event times in [tail, t). */
  readonly knownAt: 'append' | 'event'
  readonly windows: readonly AsOfWindow[]
}

export interface AsOfResult extends AsyncDisposable {
  readonly report: InputReport
  readonly rowCount: number
  /** row (index in file order, ascending from 0), timeMs (NULL where unreadable), key_0 … in the keys' types (NULL where absent or unreadable) */
  readonly rows: AsyncIterable<ColumnBatch>
  /** `ladder` is the index of the window; group columns: row, grp where the measure has groupBy. */
  readonly streams: readonly MeasureStream[]
}

/** A column of a table that is not a source. 'json': lists and maps, as JSON text. */
export interface TableColumn {
  readonly name: string
  readonly type: ValueType | 'json'
}

export interface RowsOutput {
  readonly format: 'csv' | 'parquet'
  readonly path: string
  /** Different from each other and from the rows' own; a clash is refused (USAGE). */
  readonly columns: readonly TableColumn[]
  /** `row`, ascending from 0 without gaps, and every added column by its name: as many rows as the rows file has. Timestamps are epoch milliseconds. */
  readonly batches: AsyncIterable<ColumnBatch>
}

/** Writes training sets; the batch engine that reads rows files of a format also writes it. */
export interface RowsWriter {
  /**
   * The rows again, all of them, in order, their own columns untouched, and the added columns after them. Written beside `path` under
   * a temporary name and renamed at the end; on any failure nothing is left (OUTPUT_FAILED, or the error of `batches`).
   */
  writeRows(rows: RowsInput, output: RowsOutput): Promise<{ readonly rowCount: number }>
}

export interface TableResult extends AsyncDisposable {
  /** In the file's order; of types that have no value type (decimals beyond a double, nested ones): their text. */
  readonly columns: readonly TableColumn[]
  readonly rowCount: number
  /** Every column by its name, rows in the file's order. */
  readonly batches: AsyncIterable<ColumnBatch>
}

/** Reads any table as it is, to compare two of them. INPUT_UNREADABLE where it cannot. */
export interface TableReader {
  readTable(table: { readonly format: 'csv' | 'parquet'; readonly path: string }): Promise<TableResult>
}

export interface BatchEngine extends AsyncDisposable {
  /** Once `signal` is aborted, an engine whose work takes long ends it, and what is read of the result rejects with the signal's reason. */
  groupPanes(query: PaneQuery, signal?: AbortSignal): Promise<PaneResult>
  groupAsOf(query: AsOfQuery): Promise<AsOfResult>
}
