// Reads an input's records (records.ts), sets the rejected ones apart, and shows the accepted ones as a view (event-table.ts names its
// columns) with the times that the log gives them.
import type { EventInput, HeldBack } from '@tidemark/ports/batch-engine'
import type { DuckDbSession } from './duckdb-session.ts'
import { OFFSET_MAX, PARTITION_MAX } from './event-order.ts'
import { REJECTED_SAMPLES_MAX, type EventTable } from './event-table.ts'
import { logColumnsOf, type LogColumns } from './log-columns.ts'
import { readRecords, type Records } from './records.ts'

export interface LoadOptions {
  /** Fields that expressions, keys and measures name; others are only checked. */
  readonly fields: ReadonlySet<string>
  /** Whether known_time is asked for; it may cost a pass over the events. */
  readonly needsKnownTime: boolean
  /** Known times that will be asked for: events outside may be left out of the view, not of the report. */
  readonly fromMs?: number | null
  readonly beforeMs?: number | null
}

/**
 * Makes a view of an input's accepted events in the session's schema.
 * Throws INPUT_UNREADABLE for a file that is missing, damaged, of another format, or without a column that it must have.
 */
export async function loadEvents(session: DuckDbSession, input: EventInput, options: LoadOptions): Promise<EventTable> {
  const columns = logColumnsOf(input)
  const kept = columns.fields.flatMap(({ name }, i) => (options.fields.has(name) || columns.always.has(i) ? [i] : []))
  const load: Load = { session, columns, kept, records: await readRecords(session, columns, kept, input) }
  const report = await reportOf(load).catch(load.records.rethrow)
  const { relation, heldBack } = await createEventsView(load, options, report).catch(load.records.rethrow)
  const indexes = new Map(input.source.fields.map(({ name }, i) => [name, i]))
  return { relation, report: { ...report, heldBack }, columnOf: (field) => `f${indexes.get(field)}`, rethrow: load.records.rethrow }
}

type RecordsReport = Omit<EventTable['report'], 'heldBack'>

interface Load {
  readonly session: DuckDbSession
  readonly columns: LogColumns
  /** Indexes of the fields that become columns. */
  readonly kept: readonly number[]
  readonly records: Records
}

async function reportOf({ session, records }: Load): Promise<RecordsReport> {
  const { skippedLines, readCount } = records
  const table = `${session.schema}.rejected`
  const rejected = `SELECT log_row, rejection AS reason FROM ${records.rejected}`
  const skipped = skippedLines === null ? '' : ` UNION ALL SELECT from_row + shift - 1 AS log_offset, reason FROM ${skippedLines}`
  await session.run(`CREATE TABLE ${table} AS SELECT log_offset, reason FROM ${offsetRows(records, rejected)}${skipped}`)
  const [count] = await session.rows(`SELECT count(*) AS n FROM ${table}`)
  const rejectedCount = Number(count!['n'])
  const samples = await session.rows(`SELECT * FROM ${table} ORDER BY log_offset LIMIT ${REJECTED_SAMPLES_MAX}`)
  return {
    readCount,
    acceptedCount: readCount - rejectedCount,
    rejectedCount,
    rejectedSamples: samples.map((sample) => ({ ...fileRowOf(records, sample['log_offset']), reason: String(sample['reason']) })),
  }
}

function fileRowOf({ files }: Records, logOffset: unknown): { file: string; row: number } {
  const file = files.findLast(({ firstOffset }) => firstOffset <= Number(logOffset))!
  return { file: file.path, row: Number(logOffset) - file.firstOffset }
}

/** Gives rows log_offset for log_row: more by the lines before them that have no row. */
function offsetRows({ skippedLines }: Records, rows: string): string {
  if (skippedLines === null) return `(SELECT * EXCLUDE (log_row), log_row AS log_offset FROM (${rows}))`
  const shifts = `SELECT from_row, max(shift) AS shift FROM ${skippedLines} GROUP BY from_row`
  return `(SELECT t.* EXCLUDE (log_row), log_row + coalesce(shift, 0) AS log_offset FROM (${rows}) t ASOF LEFT JOIN (${shifts}) ON log_row >= from_row)`
}

/** The view of accepted events; where append times go back, a table with their running maximum is made for it, unless the input knows it. */
async function createEventsView(load: Load, options: LoadOptions, report: RecordsReport): Promise<{ relation: string; heldBack: HeldBack | null }> {
  const { session, columns, kept, records } = load
  const { appendTime, offset, eventTime, epoch } = columns
  const known = columns.knownTime === null ? await knownRows(load, options, report) : {
    rows: `(${recordsSql(load, records.between(columns.knownTime, options.fromMs ?? null, options.beforeMs ?? null), kept, acceptedOnly(report))})`,
    knownTime: 'known_time',
    heldBack: null,
  }
  const rows = offset === null ? offsetRows(records, `SELECT * FROM ${known.rows}`) : known.rows
  const times = appendTime === null
    ? [`${eventTime} AS event_time`, `${known.knownTime} AS append_time`]
    : [`least(${eventTime}, logged_time) AS event_time`, 'logged_time AS append_time']
  const log = [`${known.knownTime} AS known_time`, ...(epoch === null ? [] : ['log_epoch']), 'log_partition', 'log_offset']
  const relation = `${session.schema}.events`
  await session.run(`CREATE VIEW ${relation} AS SELECT ${[...times, ...log, ...kept.map((i) => `f${i}`)].join(', ')} FROM ${rows}`)
  return { relation, heldBack: known.heldBack }
}

/** Events that the running maximum of event times holds back by more than clocks may be apart; null where append times say it. */
async function heldBackIn({ session, columns, records }: Load, knownRecords: string): Promise<HeldBack | null> {
  const { appendTime, partition, offset, skewMaxMs } = columns
  if (appendTime !== null || partition !== null || offset !== null) return null
  const [held] = await session.rows(`SELECT count(*) AS n, max(known_time) AS newest FROM ${knownRecords} WHERE known_time - logged_time > ${skewMaxMs}`)
  if (held!['n'] === 0n) return null
  const [first] = await session.rows(`SELECT min(log_offset) AS log_offset FROM ${offsetRows(records, `SELECT log_row FROM ${knownRecords} WHERE logged_time = ${String(held!['newest'])}`)}`)
  return { count: Number(held!['n']), by: { ...fileRowOf(records, first!['log_offset']), eventTimeMs: Number(held!['newest']) } }
}

interface KnownRows {
  /** The accepted records. */
  readonly rows: string
  /** Which column of theirs is the running maximum of append time. */
  readonly knownTime: string
  readonly heldBack: HeldBack | null
}

async function knownRows(load: Load, options: LoadOptions, report: RecordsReport): Promise<KnownRows> {
  const { session, columns, kept, records } = load
  const { appendTime, eventTime } = columns
  // What is known one by one is known at its logged time, and nothing has to be asked of the records before it.
  const isAsked = options.needsKnownTime || appendTime === null
  const isRunning = isAsked && !columns.isKnownOneByOne
  const logged = isRunning ? [...loggedOnly(columns, report), ...(await askedFrom(load, options, report))] : []
  if (!isRunning || (await isOrderly(session, columns, recordsSql(load, records.relation, [], logged)))) {
    const inTime = isAsked ? records.between(appendTime ?? eventTime, options.fromMs ?? null, options.beforeMs ?? null) : records.relation
    return { rows: `(${recordsSql(load, inTime, kept, acceptedOnly(report))})`, knownTime: 'logged_time', heldBack: null }
  }
  const rows = `${session.schema}.known_records`
  const running = `SELECT *, max(logged_time) OVER (${logOrder(columns)}ROWS UNBOUNDED PRECEDING) AS known_time FROM (${recordsSql(load, records.relation, kept, logged)})`
  await session.run(`CREATE TABLE ${rows} AS SELECT * FROM (${running})${whereSql(acceptedOnly(report))}`)
  return { rows, knownTime: 'known_time', heldBack: await heldBackIn(load, rows) }
}

/**
 * A condition that leaves out the records before the first one whose time is asked for, where their order is that of the file: their
 * known times are too early, and they do not show in those of later records.
 */
async function askedFrom(load: Load, { fromMs = null }: LoadOptions, report: RecordsReport): Promise<string[]> {
  const { session, columns, records } = load
  const { partition, offset, appendTime, eventTime } = columns
  if (fromMs === null || partition !== null || offset !== null) return []
  const logged = recordsSql(load, records.between(appendTime ?? eventTime, fromMs, null), [], loggedOnly(columns, report))
  const late = `SELECT * FROM (${logged}) WHERE logged_time >= ${fromMs}`
  const [first] = await session.rows(`SELECT min(log_row) AS log_row FROM (${late})`)
  const row = first!['log_row'] as bigint | null
  return [row === null ? 'false' : `log_row >= ${row}`]
}

/** Records with rejection, fields, log_partition, logged_time (what known time is the running maximum of), and log_offset or log_row. */
function recordsSql({ columns }: Load, relation: string, fields: readonly number[], conditions: readonly string[]): string {
  const { appendTime, partition, offset, eventTime, knownTime, epoch } = columns
  const log = [
    'rejection',
    `${partition ?? '0::BIGINT'} AS log_partition`,
    offset === null ? 'log_row' : `${offset} AS log_offset`,
    `${appendTime ?? eventTime} AS logged_time`,
    ...(knownTime === null ? [] : [`${knownTime} AS known_time`]),
    ...(epoch === null ? [] : [`${epoch} AS log_epoch`]),
  ]
  return `SELECT ${[...fields.map((i) => `f${i}`), ...log].join(', ')} FROM ${relation}${whereSql(conditions)}`
}

function acceptedOnly({ rejectedCount }: RecordsReport): string[] {
  return rejectedCount === 0 ? [] : ['rejection IS NULL']
}

/** Records whose logged time counts for those after them: accepted ones, and of the others those whose place and append time can be read. */
function loggedOnly({ appendTime, partition, offset }: LogColumns, report: RecordsReport): string[] {
  const [accepted] = acceptedOnly(report)
  if (accepted === undefined) return []
  if (appendTime === null) return [accepted]
  const readable = [
    `${appendTime} IS NOT NULL`,
    ...(partition === null ? [] : [`${partition} BETWEEN 0 AND ${PARTITION_MAX}`]),
    ...(offset === null ? [] : [`${offset} BETWEEN 0 AND ${OFFSET_MAX}`]),
  ]
  return [`(${accepted} OR (${readable.join(' AND ')}))`]
}

function whereSql(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
}

/** The window's order; without partitions and offsets it is that of the rows, which need not be sorted. */
function logOrder({ partition, offset }: LogColumns): string {
  if (partition === null && offset === null) return ''
  return `${partition === null ? '' : 'PARTITION BY log_partition '}ORDER BY ${offset === null ? 'log_row' : 'log_offset'} `
}

/** Whether the records are in log order with times that never go back, so that each is its own running maximum. */
async function isOrderly(session: DuckDbSession, { partition, offset }: LogColumns, logged: string): Promise<boolean> {
  const steps = [
    'logged_time < lag(logged_time) OVER ()',
    ...(offset === null ? [] : ['log_offset < lag(log_offset) OVER ()']),
  ].join(' OR ')
  const step = partition === null ? steps : `log_partition < lag(log_partition) OVER () OR (log_partition = lag(log_partition) OVER () AND (${steps}))`
  const [found] = await session.rows(`SELECT count(*) AS n FROM (SELECT ${step} AS goes_back FROM (${logged})) WHERE goes_back`)
  return found!['n'] === 0n
}
