// What each cast means, for both engines side by side: the closure's function and DuckDB's text. A cast that cannot say its
// value gives NULL. Pairs that are not here are refused.

import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '../limits.ts'
import { parseTimestampMs, TIMESTAMP_TEXT } from '../timestamp-text.ts'
import { canonicalDouble, INT32_MAX, INT32_MIN, type ValueType } from '../value.ts'
import { int64OrNull, type Int } from './int64.ts'
import { finite, inRange, type SqlNames, sqlString, timestampInRange } from './sql-text.ts'
import { DAY_MS } from './calendar.ts'
import { overload, type Overload } from './overload.ts'

const INTEGER_TEXT = /^[+-]?0*[0-9]{1,19}$/
const DOUBLE_TEXT = /^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$/
/** 0000-01-01 and 9999-12-31T23:59:59.999: the years that have four digits. */
const FOUR_DIGIT_YEARS_MS = [-62_167_219_200_000, 253_402_300_799_999] as const

const exact = { mayBeNull: false }
const partial = { mayBeNull: true }

const int64ToTimestamp = (x: Int): number | null => (x >= TIMESTAMP_MIN_MS && x <= TIMESTAMP_MAX_MS ? Number(x) : null)

const CASTS: readonly Overload[] = [
  overload(
    ['int32'],
    'int64',
    exact,
    (x) => x,
    ([x]) => x!,
  ),
  overload(['int64'], 'int32', partial, int32OrNull, ([x], names) => int32InRange(names, x!)),
  ...(['int32', 'int64'] as const).flatMap((type) => [
    overload(
      [type],
      'double',
      exact,
      (x) => Number(x),
      ([x]) => `(${x})::DOUBLE`,
    ),
    overload(
      [type],
      'boolean',
      exact,
      (x) => x !== 0,
      ([x]) => `(${x} <> 0)`,
    ),
    overload(
      [type],
      'string',
      exact,
      (x) => String(x),
      ([x]) => `(${x})::VARCHAR`,
    ),
    overload([type], 'timestamp', partial, int64ToTimestamp, ([x], names) => timestampInRange(names, x!)),
    overload(
      ['boolean'],
      type,
      exact,
      (x) => (x ? 1 : 0),
      ([x]) => `(${x})::BIGINT`,
    ),
  ]),
  overload(
    ['boolean'],
    'double',
    exact,
    (x) => (x ? 1 : 0),
    ([x]) => `(${x})::DOUBLE`,
  ),
  overload(
    ['boolean'],
    'string',
    exact,
    (x) => String(x),
    ([x]) => `(${x})::VARCHAR`,
  ),
  overload(['double'], 'int64', partial, doubleToInt64, ([x]) => `TRY_CAST(trunc(${x}) AS BIGINT)`),
  overload(
    ['double'],
    'int32',
    partial,
    (x) => int32OrNull(Math.trunc(x) + 0),
    ([x], names) => int32InRange(names, `TRY_CAST(trunc(${x}) AS BIGINT)`),
  ),
  overload(['string'], 'int64', partial, stringToInt64, ([x], names) => integerSql(names, x!)),
  overload(
    ['string'],
    'int32',
    partial,
    (x) => int32OrNull(stringToInt64(x)),
    ([x], names) => int32InRange(names, integerSql(names, x!)),
  ),
  overload(
    ['string'],
    'double',
    partial,
    (x) => (DOUBLE_TEXT.test(x) ? canonicalDouble(Number(x)) : null),
    ([x], names) =>
      finite(
        names,
        names.bind(x!, (v) => `(CASE WHEN ${matches(v, DOUBLE_TEXT)} THEN TRY_CAST(${v} AS DOUBLE) END)`),
      ),
  ),
  overload(
    ['string'],
    'boolean',
    partial,
    (x) => (x === 'true' ? true : x === 'false' ? false : null),
    ([x], names) => names.bind(x!, (v) => `(CASE WHEN ${v} = 'true' THEN true WHEN ${v} = 'false' THEN false END)`),
  ),
  overload(['string'], 'timestamp', partial, parseTimestampMs, ([x], names) => timestampInRange(names, names.bind(x!, parsedTimestampSql))),
  overload(
    ['timestamp'],
    'int64',
    exact,
    (x) => x,
    ([x]) => x!,
  ),
  overload(
    ['timestamp'],
    'string',
    partial,
    timestampToString,
    ([x], names) => `strftime(epoch_ms(${inRange(names, x!, ...FOUR_DIGIT_YEARS_MS)}), '%Y-%m-%dT%H:%M:%S.%gZ')`,
  ),
]

/** The cast from one type to another, or null where it is refused. */
export function castBetween(from: ValueType, to: ValueType): Overload | null {
  return CASTS.find((cast) => cast.params[0] === from && cast.result === to) ?? null
}

/** The types that a type can be cast to. */
export function castsFrom(from: ValueType): readonly ValueType[] {
  return CASTS.filter((cast) => cast.params[0] === from).map((cast) => cast.result)
}

function int32OrNull(x: Int | null): number | null {
  return x !== null && x >= INT32_MIN && x <= INT32_MAX ? Number(x) : null
}

function doubleToInt64(x: number): Int | null {
  const whole = Math.trunc(x) + 0
  return Number.isSafeInteger(whole) ? whole : int64OrNull(BigInt(whole))
}

function stringToInt64(x: string): Int | null {
  return INTEGER_TEXT.test(x) ? int64OrNull(BigInt(x.startsWith('+') ? x.slice(1) : x)) : null
}

function timestampToString(ms: number): string | null {
  return ms >= FOUR_DIGIT_YEARS_MS[0] && ms <= FOUR_DIGIT_YEARS_MS[1] ? new Date(ms).toISOString() : null
}

function int32InRange(names: SqlNames, sql: string): string {
  return inRange(names, sql, INT32_MIN, INT32_MAX)
}

function matches(sql: string, rule: RegExp): string {
  return `regexp_matches(${sql}, ${sqlString(rule.source)})`
}

function integerSql(names: SqlNames, sql: string): string {
  return names.bind(sql, (v) => `(CASE WHEN ${matches(v, INTEGER_TEXT)} THEN TRY_CAST(${v} AS BIGINT) END)`)
}

/** The same reading as parseTimestampMs, by the same rule; what is absent counts as 0. */
function parsedTimestampSql(text: string): string {
  const number = (sql: string): string => `coalesce(TRY_CAST(${sql} AS BIGINT), 0)`
  const part = (at: number, unitMs: number): string => `${number(`substring(${text}, ${at}, 2)`)} * ${unitMs}`
  const offset = (group: number): string => `regexp_extract(${text}, '([+-])(\\d\\d):(\\d\\d)$', ${group})`
  const days = `(TRY_CAST(left(${text}, 10) AS DATE) - DATE '1970-01-01') * ${DAY_MS}`
  const fraction = number(`rpad(left(regexp_extract(${text}, '\\.(\\d+)', 1), 3), 3, '0')`)
  const offsetMs = `(${number(offset(2))} * 60 + ${number(offset(3))}) * (CASE WHEN ${offset(1)} = '-' THEN -60000 ELSE 60000 END)`
  return `(CASE WHEN ${matches(text, TIMESTAMP_TEXT)} THEN ${days} + ${part(12, 3_600_000)} + ${part(15, 60_000)} + ${part(18, 1000)} + ${fraction} - ${offsetMs} END)`
}
