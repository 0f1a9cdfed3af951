// The records of an input as one relation, in file order: the columns rejection (the reason, or NULL), f0, f1 … (the fields that were
// asked for) and log_row. Parquet files with the same columns are read in place, only what each query needs of them; everything
// else is read once into a table, where log_row is the row number: DuckDB keeps the order of insertion whatever the number of threads.
import { realpathSync } from 'node:fs'
import type { FieldDefinition } from '@tidemark/feature-schema/definition'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { isSlipOf } from '@tidemark/feature-schema/expression/closest-name'
import { SQL_TYPES } from '@tidemark/feature-schema/expression/sql-text'
import type { ValueType } from '@tidemark/feature-schema/value'
import type { EventInput } from '@tidemark/ports/batch-engine'
import { coded, messageOf, type DuckDbSession } from './duckdb-session.ts'
import { fieldValueSql, rejectedSql, rejectionReasonSql } from './field-sql.ts'
import { CSV_REASON_SQL, CSV_REJECTS_TABLE, readCsv } from './csv-file.ts'
import { expandPaths, literalPath, parquetScans, unreadable, type FileScan } from './input-files.ts'
import { appendRecords } from './input-json.ts'
import type { LogColumns } from './log-columns.ts'
import { provesAccepted, provesInRange, type ColumnStatistics } from './parquet-statistics.ts'
import { quoteText } from './sql-text.ts'

export interface Records {
  /** A relation that queries select from. */
  readonly relation: string
  /** The relation of its rejected records alone. */
  readonly rejected: string
  /** The relation without records whose column `f…` of a timestamp is outside [fromMs, beforeMs), as far as leaving them out saves reading. */
  between(column: string, fromMs: number | null, beforeMs: number | null): string
  /** In reading order, with the offset of each one's first record. */
  readonly files: readonly { readonly path: string; readonly firstOffset: number }[]
  /** All records, lines that could not be read among them. */
  readonly readCount: number
  /** Table (file, record, reason, from_row, shift): lines that are no records and have no log_row. Offsets from `from_row` on are `shift` more. */
  readonly skippedLines: string | null
  /** Throws an error of a query of the relation as INPUT_UNREADABLE, where the files are at fault. */
  readonly rethrow: (error: unknown) => never
}

/** `kept`: indexes of the fields that become columns. Throws INPUT_UNREADABLE. */
export async function readRecords(session: DuckDbSession, columns: LogColumns, kept: readonly number[], input: EventInput): Promise<Records> {
  const target: Target = { session, columns, kept }
  if (input.kind === 'records') {
    const table = await createTable(target)
    const readCount = await appendRecords(target, { records: input.records })
    return { ...table, files: [{ path: 'records', firstOffset: 0 }], readCount, skippedLines: null }
  }
  const paths = expandPaths(input.paths)
  refuseTwice(paths)
  if (input.format === 'parquet') return parquetRecords(target, paths)
  return input.format === 'csv' ? csvRecords(target, paths) : ndjsonRecords(target, paths)
}

/** The events of a file that is read twice would count twice. */
function refuseTwice(paths: readonly string[]): void {
  const files = paths.map((path) => realpathSync(path))
  const again = files.findIndex((file, i) => files.indexOf(file) < i)
  if (again >= 0) throw coded('USAGE', 'The file is named twice.', paths[again]!, 'Name each file once; a pattern may name it too.')
}

type Relation = Pick<Records, 'relation' | 'rejected' | 'between' | 'rethrow'>

interface Target {
  readonly session: DuckDbSession
  readonly columns: LogColumns
  readonly kept: readonly number[]
}

async function parquetRecords(target: Target, paths: readonly string[]): Promise<Records> {
  const { session } = target
  const scans = await parquetScans(session, paths)
  const files: { path: string; firstOffset: number }[] = []
  let readCount = 0
  for (const path of paths) {
    const [metadata] = await session.rows(`SELECT num_rows FROM parquet_file_metadata(${literalPath(path)})`).catch((error: unknown) => unreadable(session, error, path, 'Parquet'))
    files.push({ path, firstOffset: readCount })
    readCount += Number(metadata!['num_rows'])
  }
  const counted = { files, readCount, skippedLines: null }
  const [scan] = scans
  if (scans.length === 1) return { ...scannedInPlace(target, scan!, files), ...counted }
  const table = await createTable(target)
  for (const each of scans) await insertScan(target, each).catch((error: unknown) => unreadable(session, error, culpritOf(error, each.paths), 'Parquet'))
  return { ...table, ...counted }
}

function scannedInPlace({ session, columns, kept }: Target, scan: FileScan, files: Records['files']): Relation {
  const row = files.length === 1 ? 'file_row_number' : `[${files.map(({ firstOffset }) => firstOffset).join(', ')}][(file_index + 1)::BIGINT] + file_row_number`
  const scanned = (conditions: readonly string[]): ScanSql => scanSql(columns, kept, scan, [`${row} AS log_row`], conditions)
  const relationOf = (conditions: readonly string[]): string => `(${scanned(conditions).select})`
  const { select, isRejected } = scanned([])
  return {
    relation: relationOf([]),
    // Said of the columns, not of the reason that is made of them, it spares whole row groups.
    rejected: `(${select} WHERE ${isRejected})`,
    between(column, fromMs, beforeMs) {
      const { name } = columns.fields[Number(column.slice(1))]!
      const literal = TIME_LITERALS[scan.columnTypes.get(name)!]
      if (literal === undefined) return relationOf([])
      return relationOf([
        ...(fromMs === null ? [] : [`${scan.rawColumn(name)} >= ${literal(fromMs)}`]),
        ...(beforeMs === null ? [] : [`${scan.rawColumn(name)} < ${literal(beforeMs)}`]),
      ])
    },
    rethrow: (error) => unreadable(session, error, culpritOf(error, scan.paths), 'Parquet'),
  }
}

/** A time as a literal of a column's own type, so that DuckDB can compare it with what the file says of whole row groups. */
const TIME_LITERALS: Readonly<Record<string, (ms: number) => string>> = { TIMESTAMP: (ms) => `epoch_ms(${ms})`, BIGINT: (ms) => `${ms}::BIGINT` }

async function csvRecords(target: Target, paths: readonly string[]): Promise<Records> {
  const { session } = target
  const table = await createTable(target)
  const skippedLines = `${session.schema}.skipped_lines`
  await session.run(`CREATE TABLE ${skippedLines} (file VARCHAR, record BIGINT, reason VARCHAR, from_row BIGINT, shift BIGINT)`)
  const files: { path: string; firstOffset: number }[] = []
  let rowCount = 0
  let skippedCount = 0
  for (const path of paths) {
    files.push({ path, firstOffset: rowCount + skippedCount })
    await readCsv(session, path, (scan) => insertScan(target, scan))
    const spanned = `CASE WHEN contains(csv_line, chr(10)) THEN ' An open quote takes in the lines below, to the next quote or the end of the file.' ELSE '' END`
    // `line` counts records, the header being the first.
    await session.run(`
      INSERT INTO ${skippedLines}
      SELECT ${quoteText(path)}, record, reason, ${rowCount} + record - (nth - 1), ${skippedCount} + nth FROM (
        SELECT line - 2 AS record, any_value(${CSV_REASON_SQL} || ${spanned}) AS reason, row_number() OVER (ORDER BY line) AS nth
        FROM ${CSV_REJECTS_TABLE} GROUP BY line)`)
    rowCount = await countOf(session, table.name)
    skippedCount = await countOf(session, skippedLines)
  }
  return { ...table, files, readCount: rowCount + skippedCount, skippedLines: skippedCount === 0 ? null : skippedLines }
}

async function ndjsonRecords(target: Target, paths: readonly string[]): Promise<Records> {
  const table = await createTable(target)
  const files: { path: string; firstOffset: number }[] = []
  let readCount = 0
  for (const path of paths) {
    files.push({ path, firstOffset: readCount })
    readCount += await appendRecords(target, { path })
  }
  return { ...table, files, readCount, skippedLines: null }
}

/** A table of records; what is read from it afterwards has nothing to do with files. */
async function createTable({ session, columns, kept }: Target): Promise<Relation & { name: string }> {
  const name = `${session.schema}.records`
  await session.run(`CREATE TABLE ${name} (${['rejection VARCHAR', ...kept.map((i) => `f${i} ${SQL_TYPES[columns.fields[i]!.type]}`)].join(', ')})`)
  const relation = `(SELECT *, rowid AS log_row FROM ${name})`
  return {
    name,
    relation,
    rejected: `(SELECT * FROM ${relation} WHERE rejection IS NOT NULL)`,
    between: () => relation,
    rethrow: (error) => {
      throw error
    },
  }
}

async function insertScan({ session, columns, kept }: Target, scan: FileScan): Promise<void> {
  await session.run(`INSERT INTO ${session.schema}.records ${scanSql(columns, kept, scan, [], []).select}`)
}

interface ScanSql {
  /** SELECT of a scan's records: rejection, the kept fields, and `more`. */
  readonly select: string
  /** Whether a record of it is rejected: a condition that the SELECT takes. */
  readonly isRejected: string
}

function scanSql(columns: LogColumns, kept: readonly number[], scan: FileScan, more: readonly string[], conditions: readonly string[]): ScanSql {
  const raws: string[] = [...more]
  const rejections: { readonly when: string; readonly reason: string }[] = []
  for (const [i, field] of columns.fields.entries()) {
    const rawType = typeOfColumn(field, columns, scan)
    const raw = rawType === null ? 'NULL::VARCHAR' : scan.rawColumn(field.name)
    const statistics = scan.statistics.get(field.name)
    const isAccepted = rawType === null || provesAccepted(field, rawType, statistics)
    const value = rawType !== null && provesInRange(field.type, rawType, statistics) ? inRangeValueSql(field.type, raw, rawType, statistics!) : fieldValueSql(field.type, raw, rawType ?? 'VARCHAR')
    if (value === null) {
      throw coded('INPUT_UNREADABLE', `Its column ${field.name} is ${rawType}, which cannot hold ${field.type}.`, scan.paths[0]!,
        `Give the field ${field.name} another type in source ${columns.sourceName}, or convert the column.`)
    }
    const rejected = isAccepted ? null : rejectedSql(field, `r${i}`, `f${i}`, rawType!)
    if (rejected !== null) rejections.push({ when: rejected, reason: rejectionReasonSql(field, `r${i}`, rawType!) })
    if (rejected !== null || kept.includes(i)) raws.push(`${raw} AS r${i}`, `${value} AS f${i}`)
  }
  const rejection = rejections.length === 0 ? 'NULL::VARCHAR' : `CASE ${rejections.map(({ when, reason }) => `WHEN ${when} THEN ${reason}`).join(' ')} END`
  const selected = [`${rejection} AS rejection`, ...kept.map((i) => `f${i}`), ...(more.length === 0 ? [] : ['log_row'])]
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
  return {
    select: `SELECT ${selected.join(', ')} FROM (SELECT ${raws.join(', ')} FROM ${scan.relation}${where})`,
    isRejected: rejections.length === 0 ? 'false' : rejections.map(({ when }) => `(${when})`).join(' OR '),
  }
}

/** The value of a field where every value of the column is known to be one: no range to check. */
function inRangeValueSql(type: ValueType, raw: string, rawType: string, { range }: ColumnStatistics): string | null {
  if (type === 'int32') return fieldValueSql('int64', raw, rawType)
  // From 1970 on, DuckDB rounds as we do.
  return type === 'timestamp' && rawType === 'TIMESTAMP' && range!.min > 0n ? `epoch_ms(${raw})` : fieldValueSql(type, raw, rawType)
}

/** The type of a field's column; null where there is none, and the field is NULL throughout. */
function typeOfColumn(field: FieldDefinition, columns: LogColumns, scan: FileScan): string | null {
  const { name, nullable } = field
  const found = [...scan.columnTypes.keys()]
  const claimed = new Set(columns.fields.map((field) => field.name))
  const type = scan.columnTypes.get(name)
  if (type !== undefined) return type
  if (columns.fields.indexOf(field) >= columns.logFrom) throw coded('INPUT_UNREADABLE', `It has no column ${name}, which the log's own times are read from.`, scan.paths[0]!, didYouMean(name, found))
  const unclaimed = found.filter((column) => !claimed.has(column))
  // A nullable field may be left out, unless that is a slip of the pen.
  if (nullable && !unclaimed.some((column) => isSlipOf(name, column))) return null
  throw coded('INPUT_UNREADABLE', `It has no column ${name}.`, scan.paths[0]!, `${didYouMean(name, unclaimed)} Rename the field or the column${found.length === 1 ? '; CSV is separated by commas' : ''}.`)
}

/** The file that a message about many names, else all of them. */
function culpritOf(error: unknown, paths: readonly string[]): string {
  if (paths.length === 1) return paths[0]!
  const message = messageOf(error)
  return paths.find((path) => message.includes(path)) ?? `one of ${paths.length} files from ${paths[0]} to ${paths.at(-1)}`
}

async function countOf(session: DuckDbSession, table: string): Promise<number> {
  const [found] = await session.rows(`SELECT count(*) AS n FROM ${table}`)
  return Number(found!['n'])
}
