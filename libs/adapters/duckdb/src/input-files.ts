// The files of an input: which ones there are, what columns each has, and how each is read as raw columns. Whatever makes a whole file
// unreadable ends here, as INPUT_UNREADABLE with the file's name; what is wrong with one record is input-sql.ts's.
import { globSync, statSync } from 'node:fs'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { coded, messageOf, type DuckDbSession } from './duckdb-session.ts'
import { readStatistics, type ColumnStatistics } from './parquet-statistics.ts'
import { quoteName, quoteText } from './sql-text.ts'

/** Files that are read by one scan: of one format and with the same columns, in the order given. */
export interface FileScan {
  readonly paths: readonly string[]
  /** DuckDB's type of each column. */
  readonly columnTypes: ReadonlyMap<string, string>
  /** A relation in parentheses or a table function, with the columns that `rawColumn` names. */
  readonly relation: string
  rawColumn(name: string): string
  /** What the files say of their columns; empty for text. */
  readonly statistics: ReadonlyMap<string, ColumnStatistics>
}

/** The paths of an input, patterns expanded in the order of their names. A pattern without a file, and a file that is not there, are errors. */
export function expandPaths(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isFile()) return [path]
    if (stat?.isDirectory()) throw coded('INPUT_UNREADABLE', 'It is a folder.', path, 'Name its files, for example with a pattern such as folder/*.parquet.')
    const matches = /[*?[{]/.test(path) ? globSync(path).sort() : []
    if (matches.length === 0) throw coded('INPUT_UNREADABLE', 'There is no such file.', path, 'Check the path, and the folder that it is relative to.')
    return matches
  })
}

/** Scans of Parquet files: consecutive files with the same columns share one. */
export async function parquetScans(session: DuckDbSession, paths: readonly string[]): Promise<FileScan[]> {
  const signatures = paths.length === 1 ? [''] : await parquetSignatures(session, paths)
  const runs: string[][] = []
  for (const [i, path] of paths.entries()) {
    if (i > 0 && signatures[i] === signatures[i - 1]) runs.at(-1)!.push(path)
    else runs.push([path])
  }
  return Promise.all(runs.map((run) => parquetScan(session, run)))
}

async function parquetScan(session: DuckDbSession, paths: readonly string[]): Promise<FileScan> {
  const relation = `read_parquet([${paths.map(literalPath).join(', ')}], hive_partitioning = false)`
  const columns = await session.rows(`DESCRIBE SELECT * FROM ${relation}`).catch((error: unknown) => unreadable(session, error, paths[0]!, 'Parquet'))
  const columnTypes = new Map(columns.map((column) => [String(column['column_name']), String(column['column_type'])]))
  const statistics = await readStatistics(session, paths.map(literalPath).join(', ')).catch((error: unknown) => unreadable(session, error, paths[0]!, 'Parquet'))
  return { paths, columnTypes, relation, rawColumn: quoteName, statistics }
}

/** A text for each file that tells its columns; asked file by file only where one of them cannot be read. */
async function parquetSignatures(session: DuckDbSession, paths: readonly string[]): Promise<string[]> {
  const signaturesOf = async (some: readonly string[]): Promise<string[]> => {
    const described = await session.rows(`
      SELECT list_first(list(signature)) AS signature FROM (
        SELECT file_name, string_agg(concat_ws(' ', name, type, converted_type, logical_type), ', ') AS signature
        FROM parquet_schema([${some.map(literalPath).join(', ')}]) GROUP BY file_name)
      GROUP BY file_name ORDER BY list_position([${some.map(quoteText).join(', ')}], file_name)`)
    return described.map(({ signature }) => String(signature))
  }
  try {
    return await signaturesOf(paths)
  } catch {
    for (const path of paths) await signaturesOf([path]).catch((error: unknown) => unreadable(session, error, path, 'Parquet'))
    throw new Error(`Parquet files are readable one by one and not together: ${paths.join(', ')}`)
  }
}

/** What DuckDB says where the file is not at fault: our SQL is. */
const NOT_THE_FILE = /^(Binder|Parser|Catalog|Conversion|Out of Range) Error/

/** Throws what DuckDB said of a file as INPUT_UNREADABLE; errors that are coded already, bugs, and why a query was told to end, as they are. */
export function unreadable(session: Pick<DuckDbSession, 'throwIfEnded'>, error: unknown, where: string, format: string): never {
  session.throwIfEnded()
  if (error instanceof TidemarkError) throw error
  const message = messageOf(error)
  if (NOT_THE_FILE.test(message)) throw error
  const [said, action] = /state machine reached an invalid state/.test(message)
    ? ['Its line ends are mixed, or a quote stands in the wrong place.', 'Write every line end the same way, and quotes inside fields twice.']
    : [`It cannot be read as ${format}: ${message}.`, 'Check that the file is whole, and that its format is the one named.']
  throw coded('INPUT_UNREADABLE', said, where, action, error)
}

/** A path as SQL text: characters of patterns stand for themselves. */
export function literalPath(path: string): string {
  return quoteText(path.replaceAll(/[*?[]/g, '[$&]'))
}
