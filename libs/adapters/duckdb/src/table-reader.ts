// Reads any table as it is, to compare two of them: CSV as its texts, Parquet by its types, and what a value type would not keep as text.
import type { ValueType } from '@tidemark/feature-schema/value'
import type { TableReader, TableResult } from '@tidemark/ports/batch-engine'
import { loadOwnColumns } from './as-of-rows.ts'
import { queryBatches } from './column-batches.ts'
import type { DuckDb, DuckDbSession } from './duckdb-session.ts'
import { quoteName } from './sql-text.ts'

/** Throws INPUT_UNREADABLE for a file that cannot be read whole. */
export async function readTable(database: DuckDb, { format, path }: Parameters<TableReader['readTable']>[0]): Promise<TableResult> {
  await using cleanUp = new AsyncDisposableStack()
  const session = cleanUp.use(await database.openSession())
  const table = `${session.schema}.own`
  const names = await loadOwnColumns(session, { format, path, timeColumn: '' }, table)
  const readings = await readingsOfTypes(session, table)
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

async function readingsOfTypes(session: DuckDbSession, table: string): Promise<Reading[]> {
  const described = await session.rows(`DESCRIBE ${table}`)
  return Promise.all(described.map(({ column_name, column_type }) => readingOfType(session, table, String(column_name), String(column_type))))
}

async function readingOfType(session: DuckDbSession, table: string, column: string, type: string): Promise<Reading> {
  if (type === 'BOOLEAN') return { type: 'boolean', sql: column }
  if (/^U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)$/.test(type)) return { type: 'int64', sql: column }
  if (type === 'FLOAT' || type === 'DOUBLE') return { type: 'double', sql: `${column}::DOUBLE` }
  const text: Reading = { type: 'string', sql: `${column}::VARCHAR` }
  if (type === 'TIMESTAMP_NS') {
    const [finest] = await session.rows(`SELECT coalesce(bool_or(epoch_ns(${column}) % 1000 <> 0), false) AS beyond FROM ${table}`)
    if (finest!['beyond'] === true) return text
  }
  // Parts of a millisecond are kept: what differs in them is to be seen.
  if (type === 'DATE' || type.startsWith('TIMESTAMP')) return { type: 'timestamp', sql: `epoch_us(${column}::TIMESTAMPTZ) / 1000` }
  return text
}
