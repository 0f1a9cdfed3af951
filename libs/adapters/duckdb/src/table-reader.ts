// Reads any table as it is, to compare two of them. A CSV column is what all of its texts are: integers, numbers, booleans or timestamps,
// where that loses nothing; else text. So a table is the same whether it was written as CSV or as Parquet.
import type { ValueType } from '@tidemark/feature-schema/value'
import type { TableReader, TableResult } from '@tidemark/ports/batch-engine'
import { loadOwnColumns } from './as-of-rows.ts'
import { queryBatches } from './column-batches.ts'
import type { DuckDb, DuckDbSession } from './duckdb-session.ts'
import { fieldValueSql } from './field-sql.ts'
import { quoteName, quoteText } from './sql-text.ts'

/** Throws INPUT_UNREADABLE for a file that cannot be read whole. */
export async function readTable(database: DuckDb, { format, path }: Parameters<TableReader['readTable']>[0]): Promise<TableResult> {
  await using cleanUp = new AsyncDisposableStack()
  const session = cleanUp.use(await database.openSession())
  const table = `${session.schema}.own`
  const names = await loadOwnColumns(session, { format, path, timeColumn: '' }, table)
  const readings = format === 'csv' ? await readingsOfText(session, table, names) : await readingsOfTypes(session, table)
  const [size] = await session.rows(`SELECT count(*) AS n FROM ${table}`)
  const columns = readings.map(({ sql }, i) => `${sql} AS ${quoteName(names[i]!)}`)
  const owned = cleanUp.move()
  return {
    columns: readings.map(({ type }, i) => ({ name: names[i]!, type })),
    rowCount: Number(size!['n']),
    batches: queryBatches(session, `SELECT ${columns.join(', ')} FROM ${table} ORDER BY rowid`),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** SQL that reads a column of the loaded table, and what it gives. */
interface Reading {
  readonly type: ValueType
  readonly sql: string
}

/** Texts that stay text, since what they say would change: numbers with zeros in front, numbers as times, times below the millisecond. */
const KEPT_AS_TEXT: Readonly<Partial<Record<ValueType, string>>> = { int64: '^[+-]?0\\d', double: '^[+-]?0\\d', timestamp: '^-?\\d+$|\\.\\d{4}' }
const TEXT_TYPES = ['int64', 'double', 'boolean', 'timestamp'] as const

async function readingsOfText(session: DuckDbSession, table: string, names: readonly string[]): Promise<Reading[]> {
  const candidates = names.map((_, i) => TEXT_TYPES.map((type): Reading => ({ type, sql: fieldValueSql(type, `c${i}`, 'VARCHAR')! })))
  const lossless = candidates.map((readings, i) => readings.map(({ type, sql }) => {
    const kept = KEPT_AS_TEXT[type] === undefined ? 'false' : `regexp_matches(c${i}, ${quoteText(KEPT_AS_TEXT[type])})`
    return `count(c${i}) > 0 AND coalesce(bool_and(${sql} IS NOT NULL AND NOT ${kept}) FILTER (WHERE c${i} IS NOT NULL), false) AS is_${i}_${type}`
  }))
  const [answer] = names.length === 0 ? [{}] : await session.rows(`SELECT ${lossless.flat().join(', ')} FROM ${table}`)
  return candidates.map((readings, i) => readings.find(({ type }) => answer![`is_${i}_${type}`] === true) ?? { type: 'string', sql: `c${i}` })
}

async function readingsOfTypes(session: DuckDbSession, table: string): Promise<Reading[]> {
  const described = await session.rows(`DESCRIBE ${table}`)
  return described.map(({ column_name, column_type }) => readingOfType(String(column_name), String(column_type)))
}

function readingOfType(column: string, type: string): Reading {
  if (type === 'BOOLEAN') return { type: 'boolean', sql: column }
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/.test(type)) return { type: 'int64', sql: column }
  if (type === 'FLOAT' || type === 'DOUBLE' || type.startsWith('DECIMAL')) {
    return { type: 'double', sql: `CASE WHEN isfinite(${column}::DOUBLE) THEN ${column}::DOUBLE + 0 END` }
  }
  // Parts of a millisecond are kept: what differs in them is to be seen.
  if (type === 'DATE' || type.startsWith('TIMESTAMP')) return { type: 'timestamp', sql: `epoch_us(${column}::TIMESTAMPTZ) / 1000` }
  return { type: 'string', sql: `${column}::VARCHAR` }
}
