// Small pieces of DuckDB's SQL that the rest is put together from. What a text needs twice is bound to a name once, or else
// texts would double with each level of nesting.

import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '../limits.ts'
import type { ValueType } from '../value.ts'

/** The column types of the SQL, in and out. Timestamps are epoch milliseconds; doubles are finite. */
export const SQL_TYPES: Readonly<Record<ValueType, string>> = {
  boolean: 'BOOLEAN',
  int32: 'BIGINT',
  int64: 'BIGINT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  timestamp: 'BIGINT',
}

/** Longest text that is repeated instead of bound: a column or a literal, which costs DuckDB nothing to read twice. */
const REPEATED_LENGTH_MAX = 40

/** Gives texts that may need a value more than once. One for each expression, so that names differ. */
export class SqlNames {
  #count = 0

  /** `body` of the value of `sql`. */
  bind(sql: string, body: (name: string) => string): string {
    return sql.length <= REPEATED_LENGTH_MAX ? body(sql) : this.lambda(sql, body)
  }

  /** DuckDB has no let; a lambda over a list of one costs some 20 ns a row. */
  lambda(sql: string, body: (name: string) => string): string {
    const name = `v${++this.#count}`
    return `list_transform([${sql}], lambda ${name}: ${body(name)})[1]`
  }
}

export function sqlString(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function inRange(names: SqlNames, sql: string, min: number, max: number): string {
  return names.bind(sql, (v) => `(CASE WHEN ${v} BETWEEN (${min})::BIGINT AND ${max}::BIGINT THEN ${v} END)`)
}

export function timestampInRange(names: SqlNames, sql: string): string {
  return inRange(names, sql, TIMESTAMP_MIN_MS, TIMESTAMP_MAX_MS)
}

/** A double as Tidemark has it: NULL instead of NaN and infinities, and no negative zero. */
export function finite(names: SqlNames, sql: string): string {
  return names.bind(sql, (v) => `(CASE WHEN isfinite(${v}) THEN ${v} + 0 END)`)
}
