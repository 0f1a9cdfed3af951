// Training rows: the file as it is, for the writer, and its keys and times, typed, for the questions that are asked of the events.
// A row's number is its table's own: DuckDB keeps the order of insertion whatever the number of threads.
import { VALUE_READERS } from '@tidemark/feature-schema/accepted-value'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { SQL_TYPES } from '@tidemark/feature-schema/expression/sql-text'
import type { Value, ValueType } from '@tidemark/feature-schema/value'
import type { AsOfQuery, ColumnBatch, RowsInput } from '@tidemark/ports/batch-engine'
import type { QuestionKeys } from '@tidemark/ports/record-reader'
import { appendRows } from './append-rows.ts'
import { queryBatches } from './column-batches.ts'
import { coded, type DuckDb, type DuckDbSession } from './duckdb-session.ts'
import { fieldValueSql } from './field-sql.ts'
import { CSV_REASON_SQL, CSV_REJECTS_TABLE, readCsv } from './csv-file.ts'
import { expandPaths, parquetScans, unreadable, type FileScan } from './input-files.ts'
import { quoteText } from './sql-text.ts'

type RowsFile = Exclude<RowsInput, { format: 'records' }>

/** A column of the rows that is read as a value of a type, NULL where it is none. */
interface TypedColumn {
  readonly name: string
  readonly column: string
  readonly type: ValueType
}

/**
 * Makes a table of the rows in file order: asked_time (epoch ms) and key_0 …; NULL where a row has none that can be read.
 * Throws INPUT_UNREADABLE for a file that cannot be read whole, UNKNOWN_NAME for a column that it has not.
 */
export async function loadAskedRows(session: DuckDbSession, { rows, keys, rowKeys }: Pick<AsOfQuery, 'rows' | 'keys' | 'rowKeys'>): Promise<string> {
  const columns: TypedColumn[] = [
    { name: 'asked_time', column: rows.timeColumn, type: 'timestamp' },
    ...keys.map(({ key, type }, i) => ({ name: `key_${i}`, column: rowKeys[key] ?? key, type })),
  ]
  const table = `${session.schema}.asked_rows`
  if (rows.format === 'records') {
    await session.run(`CREATE TABLE ${table} (${columns.map(({ name, type }) => `${name} ${SQL_TYPES[type]}`).join(', ')})`)
    const read = (record: Readonly<Record<string, unknown>>): Value[] => columns.map(({ column, type }) => VALUE_READERS[type](record[column]) ?? null)
    await appendRows(session, 'asked_rows', columns.map(({ type }) => type), rows.records.map(read))
    return table
  }
  await createFrom(session, rows, table, (scan) => columns.map((column) => `${typedSql(scan, rows.path, column)} AS ${column.name}`))
  return table
}

/** Throws what `loadAskedRows` throws. */
export async function* readQuestions(database: DuckDb, rows: RowsInput, { keys, rowKeys }: QuestionKeys): AsyncGenerator<ColumnBatch> {
  await using session = await database.openSession()
  const table = await loadAskedRows(session, { rows, keys: keys.map((each) => ({ ...each, column: each.key })), rowKeys })
  yield* queryBatches(session, `SELECT asked_time::DOUBLE AS "timeMs", ${keys.map((_, i) => `key_${i}`).join(', ')} FROM ${table} ORDER BY rowid`)
}

/** Makes a table of the rows as they are, in file order: columns c0, c1 … (text for CSV). Gives back their names in the file. */
export async function loadOwnColumns(session: DuckDbSession, rows: RowsFile, table: string): Promise<string[]> {
  let names: readonly string[] = []
  await createFrom(session, rows, table, (scan) => {
    names = [...scan.columnTypes.keys()]
    return names.map((name, i) => `${scan.rawColumn(name)} AS c${i}`)
  })
  await refuseNamesOfOneSpelling(session, rows, names)
  return [...names]
}

/** DuckDB's names are equal whatever their case: it would give the second of two such columns another name. */
async function refuseNamesOfOneSpelling(session: DuckDbSession, { format, path }: RowsFile, names: readonly string[]): Promise<void> {
  const found = format === 'csv' ? names : (await session.rows(`SELECT name FROM parquet_schema(${quoteText(path)})`)).map(({ name }) => String(name))
  const spelled = names.map((name) => name.toLowerCase())
  const again = names.find((name, i) => spelled.indexOf(name.toLowerCase()) < i || !found.includes(name))
  if (again === undefined) return
  throw coded('INPUT_UNREADABLE', `Two columns of the rows are named alike but for the case of their letters; ${again} is one.`, path, 'Rename one of them.')
}

/** Makes a table of the columns that `columnsOf` reads from the rows. */
async function createFrom(session: DuckDbSession, { format, path }: RowsFile, table: string, columnsOf: (scan: FileScan) => readonly string[]): Promise<void> {
  const paths = expandPaths([path])
  if (paths.length > 1) throw coded('INPUT_UNREADABLE', `${paths.length} files have such a name.`, path, 'Training rows are one file: name it.')
  const create = (scan: FileScan): Promise<void> => session.run(`CREATE TABLE ${table} AS SELECT ${columnsOf(scan).join(', ')} FROM ${scan.relation}`)
  if (format === 'csv') {
    await readCsv(session, paths[0]!, create)
    return requireEveryLine(session, path)
  }
  const [scan] = await parquetScans(session, paths)
  await create(scan!).catch((error: unknown) => unreadable(session, error, path, 'Parquet'))
}

/** A line that is no row would shift all rows after it, so it is not left out as one of events is. */
async function requireEveryLine(session: DuckDbSession, path: string): Promise<void> {
  const [rejected] = await session.rows(`SELECT line, ${CSV_REASON_SQL} AS reason FROM ${CSV_REJECTS_TABLE} ORDER BY line LIMIT 1`)
  if (rejected === undefined) return
  const where = `${path}, record ${Number(rejected['line']) - 1}`
  throw coded('INPUT_UNREADABLE', `It is no row: ${String(rejected['reason'])}.`, where, 'Mend the line: every training row keeps its place.')
}

function typedSql(scan: FileScan, path: string, { column, type }: TypedColumn): string {
  const rawType = scan.columnTypes.get(column)
  if (rawType === undefined) {
    throw coded('UNKNOWN_NAME', `The rows have no column ${column}.`, path, `${didYouMean(column, [...scan.columnTypes.keys()])} Name the columns of the time and of the entity's keys.`)
  }
  const value = fieldValueSql(type, scan.rawColumn(column), rawType)
  if (value !== null) return value
  throw coded('INPUT_UNREADABLE', `The column ${column} of the rows is ${rawType}, which cannot hold ${type}.`, path, 'Convert the column, or name another one.')
}
