// Reads an input into a table of all its records in file order, rejected ones with their reason, and shows the accepted ones as a view
// (event-table.ts names its columns). A record's offset is the table's own row number: DuckDB keeps the order of insertion whatever the
// number of threads, so nothing is sorted to number it.
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { closestName } from '@tidemark/feature-schema/expression/closest-name'
import { SQL_TYPES } from '@tidemark/feature-schema/expression/sql-text'
import type { EventInput } from '@tidemark/ports/batch-engine'
import { coded, messageOf, type DuckDbSession } from './duckdb-session.ts'
import { REJECTED_SAMPLES_MAX, type EventTable } from './event-table.ts'
import { fieldValueSql, rejectedSql, rejectionReasonSql } from './field-sql.ts'
import { CSV_REJECTS_TABLE, csvScan, dropCsvRejects, expandPaths, parquetScans, unreadable, type FileScan } from './input-files.ts'
import { appendRecords } from './input-json.ts'
import { logColumnsOf, type LogColumns } from './log-columns.ts'
import { quoteText } from './sql-text.ts'

export interface LoadOptions {
  /** Fields that expressions, keys and measures name; others are only checked. */
  readonly fields: ReadonlySet<string>
  /** Whether known_time is asked for; it may cost a pass over the events. */
  readonly needsKnownTime: boolean
}

/**
 * Loads an input into tables of the session's schema.
 * Throws INPUT_UNREADABLE for a file that is missing, damaged, of another format, or without a column that it must have.
 */
export async function loadEvents(session: DuckDbSession, input: EventInput, options: LoadOptions): Promise<EventTable> {
  const columns = logColumnsOf(input)
  const kept = columns.fields.flatMap(({ name }, i) => (options.fields.has(name) || columns.always.has(i) ? [i] : []))
  const load: Load = { session, columns, kept, table: `${session.schema}.records`, files: [], readCount: 0 }
  const types = kept.map((i) => `f${i} ${SQL_TYPES[columns.fields[i]!.type]}`)
  await session.run(`CREATE TABLE ${load.table} (rejection VARCHAR, ${types.join(', ')})`)
  await session.run(`CREATE TABLE ${session.schema}.skipped_lines (file VARCHAR, record BIGINT, reason VARCHAR, from_row BIGINT, shift BIGINT)`)
  await readRecords(load, input)
  const report = await reportOf(load)
  const relation = await createEventsView(load, options.needsKnownTime, report)
  const indexes = new Map(input.source.fields.map(({ name }, i) => [name, i]))
  return { relation, report, columnOf: (field) => `f${indexes.get(field)}` }
}

interface Load {
  readonly session: DuckDbSession
  readonly columns: LogColumns
  /** Indexes of the fields that become columns. */
  readonly kept: readonly number[]
  readonly table: string
  /** In reading order, with the offset of each one's first record. */
  readonly files: { path: string; firstOffset: number }[]
  /** Records so far, unreadable lines among them. */
  readCount: number
}

async function readRecords(load: Load, input: EventInput): Promise<void> {
  if (input.kind === 'records') {
    load.files.push({ path: 'records', firstOffset: 0 })
    load.readCount = await appendRecords(load, { records: input.records })
    return
  }
  const paths = expandPaths(input.paths)
  if (input.format === 'parquet') {
    for (const scan of paths.length === 0 ? [] : await parquetScans(load.session, paths)) await readParquet(load, scan)
    return
  }
  for (const path of paths) {
    load.files.push({ path, firstOffset: load.readCount })
    load.readCount += input.format === 'csv' ? await readCsv(load, path) : await appendRecords(load, { path })
  }
}

async function readParquet(load: Load, scan: FileScan): Promise<void> {
  await insertScan(load, scan, 'Parquet')
  const counts = await load.session.rows(`SELECT num_rows FROM parquet_file_metadata([${scan.paths.map(quoteText).join(', ')}])`)
  for (const [i, path] of scan.paths.entries()) {
    load.files.push({ path, firstOffset: load.readCount })
    load.readCount += Number(counts[i]!['num_rows'])
  }
}

/** Records of one CSV file. A line that is no record has no row in the table; `skipped_lines` says by how much later rows are off. */
async function readCsv(load: Load, path: string): Promise<number> {
  const { session, table } = load
  await dropCsvRejects(session)
  const rowsBefore = await countOf(session, table)
  await insertScan(load, await csvScan(session, path), 'CSV')
  const rows = (await countOf(session, table)) - rowsBefore
  const skippedBefore = load.readCount - rowsBefore
  const spanned = `CASE WHEN contains(csv_line, chr(10)) THEN ' An open quote takes in the lines below, to the next quote or the end of the file.' ELSE '' END`
  // `line` counts records, the header being the first.
  await session.run(`
    INSERT INTO ${session.schema}.skipped_lines
    SELECT ${quoteText(path)}, record, reason, ${rowsBefore} + record - (nth - 1), ${skippedBefore} + nth FROM (
      SELECT line - 2 AS record, any_value(error_message || ${spanned}) AS reason, row_number() OVER (ORDER BY line) AS nth
      FROM ${CSV_REJECTS_TABLE} GROUP BY line)`)
  const skipped = await session.rows(`SELECT count(DISTINCT line) AS n FROM ${CSV_REJECTS_TABLE}`)
  return rows + Number(skipped[0]!['n'])
}

async function insertScan({ session, columns, kept, table }: Load, scan: FileScan, format: string): Promise<void> {
  const raws: string[] = []
  const rejections: string[] = []
  for (const [i, field] of columns.fields.entries()) {
    const rawType = scan.columnTypes.get(field.name)
    if (rawType === undefined && field.nullable) requireNoLookalike(field.name, columns, scan)
    else if (rawType === undefined) throw missingColumn(field.name, scan)
    const raw = rawType === undefined ? 'NULL::VARCHAR' : scan.rawColumn(field.name)
    const value = fieldValueSql(field.type, raw, rawType ?? 'VARCHAR')
    if (value === null) {
      throw coded('INPUT_UNREADABLE', `Its column ${field.name} is ${rawType}, which cannot hold ${field.type}.`, scan.paths[0]!,
        `Give the field ${field.name} another type in source ${columns.sourceName}, or convert the column.`)
    }
    const rejected = rawType === undefined ? null : rejectedSql(field, `r${i}`, `f${i}`, rawType)
    if (rejected !== null) rejections.push(`WHEN ${rejected} THEN ${rejectionReasonSql(field, `r${i}`, rawType!)}`)
    if (rejected !== null || kept.includes(i)) raws.push(`${raw} AS r${i}`, `${value} AS f${i}`)
  }
  const rejection = rejections.length === 0 ? 'NULL' : `CASE ${rejections.join(' ')} END`
  await session
    .run(`INSERT INTO ${table} SELECT ${[rejection, ...kept.map((i) => `f${i}`)].join(', ')} FROM (SELECT ${raws.join(', ')} FROM ${scan.relation})`)
    .catch((error: unknown) => unreadable(error, scan.paths.length === 1 ? scan.paths[0]! : culpritOf(error, scan.paths), format))
}

/** The file that a message about many names, else all of them. */
function culpritOf(error: unknown, paths: readonly string[]): string {
  const message = messageOf(error)
  return paths.find((path) => message.includes(path)) ?? `one of ${paths.length} files from ${paths[0]} to ${paths.at(-1)}`
}

function missingColumn(name: string, scan: FileScan): Error {
  const found = [...scan.columnTypes.keys()]
  return coded('INPUT_UNREADABLE', `It has no column ${name}.`, scan.paths[0]!, `${didYouMean(name, found)} Rename the field or the column; CSV is separated by commas.`)
}

/** A nullable field without a column is NULL throughout, unless that is more likely to be a slip of the pen. */
function requireNoLookalike(name: string, columns: LogColumns, scan: FileScan): void {
  const claimed = new Set(columns.fields.map((field) => field.name))
  if (closestName(name, [...scan.columnTypes.keys()].filter((column) => !claimed.has(column))) !== null) throw missingColumn(name, scan)
}

async function reportOf({ session, table, files, readCount }: Load): Promise<EventTable['report']> {
  const skipped = `${session.schema}.skipped_lines`
  const [counts] = await session.rows(`SELECT (SELECT count(rejection) FROM ${table}) + (SELECT count(*) FROM ${skipped}) AS n`)
  const rejectedCount = Number(counts!['n'])
  const samples = rejectedCount === 0 ? [] : await session.rows(`
    SELECT * FROM (
      SELECT log_offset, reason FROM ${offsetRows(session, `SELECT rowid AS log_row, rejection AS reason FROM ${table} WHERE rejection IS NOT NULL`)}
      UNION ALL SELECT from_row + shift - 1 AS log_offset, reason FROM ${skipped})
    ORDER BY log_offset LIMIT ${REJECTED_SAMPLES_MAX}`)
  return {
    readCount,
    acceptedCount: readCount - rejectedCount,
    rejectedCount,
    rejectedSamples: samples.map((sample) => {
      const offset = Number(sample['log_offset'])
      const file = files.findLast(({ firstOffset }) => firstOffset <= offset)!
      return { file: file.path, row: offset - file.firstOffset, reason: String(sample['reason']) }
    }),
  }
}

/** Adds log_offset to rows that have log_row, the row number among the records that could be read. */
function offsetRows(session: DuckDbSession, rows: string): string {
  const shifts = `SELECT from_row, max(shift) AS shift FROM ${session.schema}.skipped_lines GROUP BY from_row`
  return `(SELECT t.* EXCLUDE (log_row), log_row + coalesce(shift, 0) AS log_offset FROM (${rows}) t ASOF LEFT JOIN (${shifts}) ON log_row >= from_row)`
}

/** The view of accepted events; where append times go back, a table with their running maximum is made for it. */
async function createEventsView({ session, columns, kept, table }: Load, needsKnownTime: boolean, report: EventTable['report']): Promise<string> {
  const { appendTime, partition, offset, eventTime } = columns
  const skips = await countOf(session, `${session.schema}.skipped_lines`)
  const fields = kept.map((i) => `f${i}`)
  const log = [
    `${partition ?? '0::BIGINT'} AS log_partition`,
    offset !== null ? `${offset} AS log_offset` : skips === 0 ? 'rowid AS log_offset' : 'rowid AS log_row',
    `${appendTime ?? eventTime} AS logged_time`,
  ]
  const accepted = `SELECT ${[...fields, ...log].join(', ')} FROM ${table}${report.rejectedCount === 0 ? '' : ' WHERE rejection IS NULL'}`
  let rows = `(${accepted})`
  let knownTime = 'logged_time'
  if ((needsKnownTime || appendTime === null) && !(await isOrderly(session, columns, accepted))) {
    const order = partition === null && offset === null
      ? '' : `${partition === null ? '' : 'PARTITION BY log_partition '}ORDER BY ${offset ?? 'rowid'} `
    await session.run(`
      CREATE TABLE ${session.schema}.known_records AS
      SELECT *, max(logged_time) OVER (${order}ROWS UNBOUNDED PRECEDING) AS known_time
      FROM (${accepted.replace('SELECT ', 'SELECT rowid, ')})`)
    rows = `(SELECT * EXCLUDE (rowid) FROM ${session.schema}.known_records)`
    knownTime = 'known_time'
  }
  if (offset === null && skips > 0) rows = offsetRows(session, rows)
  const times = appendTime === null
    ? [`${eventTime} AS event_time`, `${knownTime} AS append_time`]
    : [`least(${eventTime}, logged_time) AS event_time`, 'logged_time AS append_time']
  const relation = `${session.schema}.events`
  await session.run(`CREATE VIEW ${relation} AS SELECT ${[...times, `${knownTime} AS known_time`, 'log_partition', 'log_offset', ...fields].join(', ')} FROM ${rows}`)
  return relation
}

/** Whether the table is in log order with times that never go back, so that each is its own running maximum. */
async function isOrderly(session: DuckDbSession, { partition, offset }: LogColumns, accepted: string): Promise<boolean> {
  const steps = [
    'logged_time < lag(logged_time) OVER ()',
    ...(offset === null ? [] : ['log_offset < lag(log_offset) OVER ()']),
  ].join(' OR ')
  const step = partition === null ? steps : `log_partition < lag(log_partition) OVER () OR (log_partition = lag(log_partition) OVER () AND (${steps}))`
  const [found] = await session.rows(`SELECT count(*) AS n FROM (SELECT ${step} AS goes_back FROM (${accepted})) WHERE goes_back`)
  return found!['n'] === 0n
}

async function countOf(session: DuckDbSession, table: string): Promise<number> {
  const [found] = await session.rows(`SELECT count(*) AS n FROM ${table}`)
  return Number(found!['n'])
}
