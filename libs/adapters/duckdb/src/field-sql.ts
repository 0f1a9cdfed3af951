// How a column of a file becomes a field: SQL from the raw column to the field's canonical value, NULL where it cannot be read, and the
// condition that rejects the record. The rules are the table of docs/definitions.md, "What is accepted"; text in Parquet is read as in CSV.
import { DOUBLE_TEXT, INT64_TEXT } from '@tidemark/feature-schema/accepted-value'
import type { FieldDefinition } from '@tidemark/feature-schema/definition'
import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '@tidemark/feature-schema/limits'
import { fieldExpectation } from '@tidemark/feature-schema/rejection'
import { TIMESTAMP_TEXT } from '@tidemark/feature-schema/timestamp-text'
import { INT32_MAX, INT32_MIN, type ValueType } from '@tidemark/feature-schema/value'
import { doubleLiteral, quoteText } from './sql-text.ts'

/** SQL from a raw column of `rawType` (DuckDB's name; VARCHAR for CSV) to the value; null where such a column cannot hold the type. */
export function fieldValueSql(type: ValueType, raw: string, rawType: string): string | null {
  const family = familyOf(rawType)
  switch (type) {
    case 'boolean':
      return family === 'boolean' ? raw : family === 'text' ? `CASE ${raw} WHEN 'true' THEN true WHEN 'false' THEN false END` : null
    case 'int32':
    case 'int64': {
      const value = integerSql(raw, family)
      return value === null || type === 'int64' ? value : withinSql(value, INT32_MIN, INT32_MAX)
    }
    case 'double':
      return doubleSql(raw, family)
    case 'string':
      return family === 'text' || family === 'enum' ? `${raw}::VARCHAR` : null
    case 'timestamp': {
      const value = timestampSql(raw, rawType, family)
      return value === null ? null : withinSql(value, TIMESTAMP_MIN_MS, TIMESTAMP_MAX_MS)
    }
  }
}

/** The condition that rejects a record for this field, or null where nothing can be wrong with it; `raw` and `value` are columns. */
export function rejectedSql(field: FieldDefinition, raw: string, value: string, rawType: string): string | null {
  const conditions = [
    ...(field.nullable && !everyValueReads(field.type, rawType) ? [`${value} IS NULL AND ${unreadSql(field.type, raw, rawType)}`] : []),
    ...(field.nullable ? [] : [`${value} IS NULL`]),
    ...(field.min === undefined ? [] : [`${value} < ${boundSql(field, field.min)}`]),
    ...(field.max === undefined ? [] : [`${value} > ${boundSql(field, field.max)}`]),
  ]
  return conditions.length === 0 ? null : conditions.map((condition) => `(${condition})`).join(' OR ')
}

const FOUND_LENGTH_MAX = 40

/** Why a record is rejected, in the words of the decoder (feature-schema, rejection.ts). */
export function rejectionReasonSql(field: FieldDefinition, raw: string, rawType: string): string {
  const text = `${raw}::VARCHAR`
  const cut = `left(${text}, ${FOUND_LENGTH_MAX}) || CASE WHEN length(${text}) > ${FOUND_LENGTH_MAX} THEN '…' ELSE '' END`
  const shown = familyOf(rawType) === 'text' ? `to_json(${cut})::VARCHAR` : cut
  return `${quoteText(`field ${field.name}: expected ${fieldExpectation(field)}, found `)} || coalesce(${shown}, 'null') || '.'`
}

type Family = 'boolean' | 'integer' | 'fraction' | 'text' | 'enum' | 'timestamp' | 'date' | 'other'

function familyOf(rawType: string): Family {
  if (rawType === 'BOOLEAN') return 'boolean'
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/.test(rawType)) return 'integer'
  if (rawType === 'DOUBLE' || rawType === 'FLOAT' || rawType.startsWith('DECIMAL')) return 'fraction'
  if (rawType === 'VARCHAR') return 'text'
  if (rawType.startsWith('ENUM')) return 'enum'
  if (rawType === 'DATE') return 'date'
  return rawType.startsWith('TIMESTAMP') ? 'timestamp' : 'other'
}

/** Whether every value of such a column is one of the type: then nothing needs to be looked at. */
function everyValueReads(type: ValueType, rawType: string): boolean {
  switch (type) {
    case 'boolean':
      return rawType === 'BOOLEAN'
    case 'int32':
      return /^(TINYINT|SMALLINT|INTEGER|UTINYINT|USMALLINT)$/.test(rawType)
    case 'int64':
      return /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER)$/.test(rawType)
    case 'double':
      return familyOf(rawType) === 'integer' || familyOf(rawType) === 'fraction'
    case 'string':
      return true
    case 'timestamp':
      return false
  }
}

/** Whether a raw column whose value is NULL held something else than NULL. */
function unreadSql(type: ValueType, raw: string, rawType: string): string {
  const isNotFinite = type === 'double' && familyOf(rawType) === 'text' ? ` AND NOT ${nonFiniteTextSql(raw)}` : ''
  return `${raw} IS NOT NULL${isNotFinite}`
}

function integerSql(raw: string, family: Family): string | null {
  const value = `TRY_CAST(${raw} AS BIGINT)`
  if (family === 'integer') return value
  if (family === 'fraction') return `CASE WHEN ${raw} = trunc(${raw}) AND abs(${raw}) <= ${Number.MAX_SAFE_INTEGER} THEN ${value} END`
  // Most integers print back as the text they came from; only other text is worth the pattern.
  return family === 'text' ? `CASE WHEN ${value}::VARCHAR = ${raw} OR ${matchesSql(raw, INT64_TEXT)} THEN ${value} END` : null
}

function doubleSql(raw: string, family: Family): string | null {
  if (family === 'integer') return `${raw}::DOUBLE`
  if (family === 'fraction') return finiteSql(`${raw}::DOUBLE`)
  return family === 'text' ? `CASE WHEN ${matchesSql(raw, DOUBLE_TEXT)} THEN ${finiteSql(`TRY_CAST(${raw} AS DOUBLE)`)} END` : null
}

const NON_FINITE_TEXT = /^[+-]?(NaN|Infinity)$/

/** Text that is a double and no finite one: it reads as NULL, as a number too large for a double does. */
function nonFiniteTextSql(raw: string): string {
  return `(${matchesSql(raw, NON_FINITE_TEXT)} OR ${matchesSql(raw, DOUBLE_TEXT)})`
}

/** NaN and infinities are NULL, negative zero is zero. */
function finiteSql(value: string): string {
  return `CASE WHEN ${value} = 0 THEN 0 WHEN isfinite(${value}) THEN ${value} END`
}

function timestampSql(raw: string, rawType: string, family: Family): string | null {
  if (family === 'timestamp') return timestampMsSql(raw, rawType)
  if (family === 'date') return `CASE WHEN isfinite(${raw}) THEN epoch_ms(${raw}) END`
  if (family === 'text') return `CASE WHEN ${raw}[5] = '-' THEN ${timestampTextSql(raw)} ELSE ${integerSql(raw, 'text')} END`
  return integerSql(raw, family)
}

/** Epoch milliseconds, rounded down: DuckDB's own epoch_ms rounds towards 1970. */
function timestampMsSql(raw: string, rawType: string): string {
  if (rawType === 'TIMESTAMP_S' || rawType === 'TIMESTAMP_MS') return `CASE WHEN isfinite(${raw}::TIMESTAMP) THEN epoch_ms(${raw}) END`
  const [epoch, unit] = rawType === 'TIMESTAMP_NS' ? [`epoch_ns(${raw})`, 1_000_000] : [`epoch_us(${raw})`, 1_000]
  return `CASE WHEN isfinite(${raw}) THEN (${epoch} - (${epoch} % ${unit} + ${unit}) % ${unit}) // ${unit} END`
}

/** Text by the published rule: digits after the milliseconds are dropped, a zone is subtracted, a day that does not exist gives NULL. */
function timestampTextSql(raw: string): string {
  const seconds = `epoch_ms(TRY_CAST(left(${raw}, 19) AS TIMESTAMP))`
  const milliseconds = `TRY_CAST(rpad(regexp_extract(${raw}, '\\.([0-9]{1,3})', 1), 3, '0') AS BIGINT)`
  const zone = `regexp_extract(${raw}, '[+-][0-9]{2}:[0-9]{2}$')`
  const zoneMinutes = `TRY_CAST(${zone}[1:1] || '1' AS BIGINT) * (TRY_CAST(${zone}[2:3] AS BIGINT) * 60 + TRY_CAST(${zone}[5:6] AS BIGINT))`
  const fraction = `CASE WHEN ${raw}[20] = '.' THEN ${milliseconds} ELSE 0 END`
  const zoneMs = `CASE WHEN length(${raw}) >= 25 AND ${zone} <> '' THEN ${zoneMinutes} * 60000 ELSE 0 END`
  const value = `CASE WHEN length(${raw}) <= 20 THEN ${seconds} ELSE ${seconds} + ${fraction} - ${zoneMs} END`
  return `CASE WHEN ${matchesSql(raw, TIMESTAMP_TEXT)} THEN ${value} END`
}

function matchesSql(raw: string, pattern: RegExp): string {
  return `regexp_matches(${raw}, ${quoteText(pattern.source.replaceAll('$', '\\z'))})`
}

function withinSql(value: string, min: number, max: number): string {
  return `CASE WHEN ${value} BETWEEN ${min} AND ${max} THEN ${value} END`
}

function boundSql(field: FieldDefinition, bound: number): string {
  return field.type === 'double' || !Number.isSafeInteger(bound) ? doubleLiteral(bound) : String(bound)
}
