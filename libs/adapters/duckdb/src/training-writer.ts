// Writes a training set: the rows' own columns as they are, then the added ones. Column types in Parquet: BOOLEAN, INTEGER, BIGINT, DOUBLE,
// VARCHAR, TIMESTAMP (microseconds, UTC without a zone); lists and maps are JSON text. In CSV a timestamp is ISO 8601 text with
// milliseconds and `Z`, NULL is an empty field and the empty string is `""`; the text of the rows' own fields does not change.
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { ValueType } from '@tidemark/feature-schema/value'
import type { TableColumn, RowsInput, RowsOutput } from '@tidemark/ports/batch-engine'
import { openAppender } from './append-rows.ts'
import { loadOwnColumns } from './as-of-rows.ts'
import { coded, messageOf, rethrowCoded, type DuckDb, type DuckDbSession } from './duckdb-session.ts'
import { SQL_TYPES } from '@tidemark/feature-schema/expression/sql-text'
import { quoteName, quoteText } from './sql-text.ts'

/**
 * Throws what reading the rows throws, USAGE where a column is named twice, OUTPUT_FAILED where the file cannot be written, and
 * whatever `output.batches` throws. On any of them `output.path` is as it was before.
 */
export async function writeRows(database: DuckDb, rows: RowsInput, output: RowsOutput): Promise<{ readonly rowCount: number }> {
  if (rows.format === 'records') throw coded('USAGE', 'Records in memory are no file that could be written again.', output.path, 'Give the rows as a CSV or Parquet file.')
  await using cleanUp = new AsyncDisposableStack()
  const file = cleanUp.adopt(temporaryFile(output.path), ({ folder }) => rmSync(folder, { recursive: true, force: true }))
  const session = cleanUp.use(await database.openSession())
  const own = `${session.schema}.own`
  const names = await loadOwnColumns(session, rows, own)
  refuseClashes(names, output)
  const rowCount = await appendColumns(session, output, own)
  const columns = [...names.map((name, i) => `own.c${i} AS ${quoteName(name)}`), ...output.columns.map((column, i) => addedSql(column, `added.x${i}`, output.format))]
  const options = output.format === 'csv' ? `FORMAT csv, HEADER, NULLSTR ''` : `FORMAT parquet, COMPRESSION zstd`
  await session
    .run(`COPY (SELECT ${columns.join(', ')} FROM ${own} own POSITIONAL JOIN ${session.schema}.added added) TO ${quoteText(file.path)} (${options})`)
    .catch((error: unknown) => {
      const cause = error instanceof TidemarkError ? error.cause : error
      // Where it was not this file that could not be written, room for intermediate results ran out.
      return messageOf(cause).includes(file.folder) ? writingFailed(output.path, cause) : rethrowCoded(error)
    })
  try {
    renameSync(file.path, output.path)
  } catch (error) {
    writingFailed(output.path, error)
  }
  return { rowCount }
}

/** A file in a folder of its own beside `path`, so that it can be renamed to it. */
function temporaryFile(path: string): { folder: string; path: string } {
  try {
    const folder = mkdtempSync(join(dirname(resolve(path)), `.${basename(path)}-`))
    return { folder, path: join(folder, basename(path)) }
  } catch (error) {
    return writingFailed(path, error)
  }
}

/** DuckDB's names are equal whatever their case, and so are those of many readers of such files. */
function refuseClashes(own: readonly string[], { columns, path }: RowsOutput): void {
  const taken = new Map(own.map((name) => [name.toLowerCase(), `the rows have a column ${name}`]))
  for (const { name } of columns) {
    const clash = taken.get(name.toLowerCase())
    if (clash !== undefined) throw coded('USAGE', `The column ${name} cannot be added: ${clash} already.`, path, 'Rename or drop the column of the rows, or ask for other features.')
    taken.set(name.toLowerCase(), `a feature ${name} is added`)
  }
}

/** Fills the table `added`, row beside row with the rows' own; gives back how many there are. */
async function appendColumns(session: DuckDbSession, { columns, batches }: RowsOutput, own: string): Promise<number> {
  const types = columns.map(({ type }): ValueType => (type === 'json' ? 'string' : type))
  await session.run(`CREATE TABLE ${session.schema}.added (row_index DOUBLE, ${types.map((type, i) => `x${i} ${SQL_TYPES[type]}`).join(', ')})`)
  const appender = await openAppender(session, 'added', ['double', ...types])
  let rowCount = 0
  try {
    for await (const batch of batches) {
      const row = batch.columns['row']
      for (let i = 0; i < batch.rowCount; i++) if (row?.[i] !== rowCount + i) throw new Error(`row ${rowCount + i} was expected, ${String(row?.[i])} came`)
      appender.append([row!, ...columns.map(({ name }) => batch.columns[name]!)], batch.rowCount)
      rowCount += batch.rowCount
    }
  } finally {
    appender[Symbol.dispose]()
  }
  const [size] = await session.rows(`SELECT count(*) AS n FROM ${own}`)
  if (Number(size!['n']) !== rowCount) throw new Error(`${Number(size!['n'])} rows were expected, ${rowCount} came`)
  return rowCount
}

function addedSql({ name, type }: TableColumn, column: string, format: RowsOutput['format']): string {
  const typed = type === 'timestamp' ? `make_timestamp(${column} * 1000)` : type === 'int32' ? `${column}::INTEGER` : column
  const written = type === 'timestamp' && format === 'csv' ? `strftime(${typed}, '%Y-%m-%dT%H:%M:%S.%gZ')` : typed
  return `${written} AS ${quoteName(name)}`
}

function writingFailed(path: string, error: unknown): never {
  const advice = 'Check that its folder exists and may be written, and that the disk has room.'
  throw coded('OUTPUT_FAILED', `It cannot be written: ${messageOf(error)}. Nothing of it is left.`, path, advice, error)
}
