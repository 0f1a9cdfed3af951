// What a Parquet file says of its own columns, row group by row group: enough, most times, to know that no record can be rejected for a
// field without reading it. A column whose statistics are missing, or of another kind, proves nothing and is read.
import type { FieldDefinition } from '@tidemark/feature-schema/definition'
import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '@tidemark/feature-schema/limits'
import { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, type ValueType } from '@tidemark/feature-schema/value'
import type { DuckDbSession } from './duckdb-session.ts'

export interface ColumnStatistics {
  readonly hasNull: boolean
  /** Least and greatest value of integers, and of timestamps in epoch ms (at most a millisecond wider); null: not known. */
  readonly range: { readonly min: bigint; readonly max: bigint } | null
}

/** By column, over all row groups of files in SQL's list `paths`. */
export async function readStatistics(session: DuckDbSession, paths: string): Promise<Map<string, ColumnStatistics>> {
  const integer = (text: string): string => `TRY_CAST(${text} AS BIGINT)`
  const time = (text: string): string => `epoch_ms(TRY_CAST(${text} AS TIMESTAMP))`
  const rangeOf = (name: string, read: (text: string) => string, widerBy: number): string => `
    CASE WHEN count(${read('stats_min_value')}) = count(*) AND count(${read('stats_max_value')}) = count(*)
    THEN {'min': min(${read('stats_min_value')}) - ${widerBy}, 'max': max(${read('stats_max_value')}) + ${widerBy}} END AS ${name}`
  const rows = await session.rows(`
    SELECT path_in_schema AS name, count(stats_null_count) < count(*) OR sum(stats_null_count) > 0 AS has_null,
      ${rangeOf('integers', integer, 0)}, ${rangeOf('times', time, 1)}
    FROM parquet_metadata([${paths}]) WHERE num_values > 0 GROUP BY path_in_schema`)
  return new Map(
    rows.map((row) => [String(row['name']), { hasNull: row['has_null'] !== false, range: (row['integers'] ?? row['times'] ?? null) as ColumnStatistics['range'] }]),
  )
}

/** Whether no record can be rejected for the field, whose column is of DuckDB's type `rawType`. */
export function provesAccepted(field: FieldDefinition, rawType: string, statistics: ColumnStatistics | undefined): boolean {
  if (statistics === undefined || (statistics.hasNull && !field.nullable)) return false
  const isBounded = field.min !== undefined || field.max !== undefined
  if (field.type === 'boolean') return rawType === 'BOOLEAN'
  if (field.type === 'string') return rawType === 'VARCHAR'
  if (!provesInRange(field.type, rawType, statistics)) return false
  const { min, max } = statistics.range!
  return !isBounded || (Number(min) >= (field.min ?? -Infinity) && Number(max) <= (field.max ?? Infinity))
}

/** Whether every value of a column of `rawType` is one of the type, which then is a number or a time. */
export function provesInRange(type: ValueType, rawType: string, statistics: ColumnStatistics | undefined): boolean {
  const range = statistics?.range ?? null
  if (range === null || type === 'boolean' || type === 'string' || !(rawType in RANGED_TYPES[type])) return false
  const [least, most] = RANGED_TYPES[type][rawType]!
  return range.min >= least && range.max <= most
}

type Ranges = Readonly<Record<string, readonly [least: bigint, most: bigint]>>

const integers = (least: bigint, most: bigint): Ranges => ({ TINYINT: [least, most], SMALLINT: [least, most], INTEGER: [least, most], BIGINT: [least, most] })
const times: readonly [bigint, bigint] = [BigInt(TIMESTAMP_MIN_MS) + 1n, BigInt(TIMESTAMP_MAX_MS) - 1n]

/** By type of the field, the types of columns whose statistics can be judged, with the type's own range. */
const RANGED_TYPES: Readonly<Record<'int32' | 'int64' | 'double' | 'timestamp', Ranges>> = {
  int32: integers(BigInt(INT32_MIN), BigInt(INT32_MAX)),
  int64: integers(INT64_MIN, INT64_MAX),
  double: integers(INT64_MIN, INT64_MAX),
  timestamp: { ...integers(...times), TIMESTAMP: times, DATE: times },
}
