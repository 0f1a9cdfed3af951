// From accepted events to those a query asks for: derived columns, the filter, bounds of epoch and time, and entities with dense numbers.
// Every expression of the measures is evaluated here, once for each event, into a column of its own; measures then only name columns.
//   entities   entity INTEGER (from 0, in the order of the keys), key_0 …, log_time, event_count BIGINT
//   selected   entity, event_time, append_time, known_time (the latter two where asked for), event_order (where a measure needs it), x0, x1 …
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import { expressionSql } from '@tidemark/feature-schema/expression/sql'
import type { Value, ValueType } from '@tidemark/feature-schema/value'
import type { EventInput, EventSelection, InputReport, Measure } from '@tidemark/ports/batch-engine'
import { openAppender } from './append-rows.ts'
import type { DuckDbSession } from './duckdb-session.ts'
import { orderSql } from './event-order.ts'
import type { EventTable } from './event-table.ts'
import { loadEvents } from './input-sql.ts'
import { needsOrder, type BoundMeasure } from './measure-sql.ts'

export interface SelectedEvents {
  /** Names of the tables. */
  readonly selected: string
  readonly entities: string
  readonly entityCount: number
  readonly report: InputReport
  /** A measure of those that were given, over the columns of `selected`. */
  bind(measure: Measure, index: number): BoundMeasure
}

export interface SelectOptions {
  readonly measures: readonly Measure[]
  /** Time columns of `selected`, besides event_time. */
  readonly times: readonly ('append_time' | 'known_time')[]
}

/** Loads, filters and numbers the events of a selection. Throws what `loadEvents` throws. */
export async function selectEvents(session: DuckDbSession, selection: EventSelection, { measures, times }: SelectOptions): Promise<SelectedEvents> {
  const { fromMs, beforeMs } = knownBounds(selection)
  const loaded = await loadEvents(session, selection.input, {
    fields: fieldsOf(selection, measures),
    needsKnownTime: fromMs !== null || beforeMs !== null || times.includes('known_time'),
    fromMs,
    beforeMs,
  })
  const columns = derivedColumns(selection, loaded)
  const keyed = keyedSql(selection, columns)
  const entities = `${session.schema}.entities`
  const keys = selection.keys.map((_, i) => `key_${i}`)
  await session
    .run(`
    CREATE TABLE ${entities} AS
    SELECT (row_number() OVER (ORDER BY ${keys.join(', ')}) - 1)::INTEGER AS entity, *
    FROM (SELECT ${keys.join(', ')}, max(append_time) AS log_time, count(*) AS event_count FROM (${keyed}) GROUP BY ${keys.join(', ')})`)
    .catch(loaded.rethrow)
  const expressions = expressionColumns(measures, columns.columnSql)
  const kept = ['event_time', ...times, ...(measures.some(needsOrder) ? [`${orderSql('event_time', 'log_partition', 'log_offset')} AS event_order`] : [])]
  const xs = [...expressions].map(([sql, name]) => `${sql} AS ${name}`)
  const selected = `${session.schema}.selected`
  await session
    .run(`CREATE TABLE ${selected} AS SELECT entity, ${[...kept, ...xs].join(', ')} FROM (${keyed}) JOIN ${entities} USING (${keys.join(', ')})`)
    .catch(loaded.rethrow)
  const [size] = await session.rows(`SELECT count(*) AS entities, coalesce(sum(event_count), 0) AS events FROM ${entities}`)
  const counts = await countLeftOut(session, selection, columns, loaded.report.acceptedCount, Number(size!['events']))
  const boundaries = await boundariesTables(session, measures)
  for (const table of ['records', 'known_records']) await session.run(`DROP TABLE IF EXISTS ${session.schema}.${table} CASCADE`)
  const column = (expression: Expression | null): string | null => (expression === null ? null : expressions.get(expressionSql(expression, columns.columnSql))!)
  return {
    selected,
    entities,
    entityCount: Number(size!['entities']),
    report: { ...loaded.report, ...counts },
    bind: (measure, index) => ({
      measure,
      index,
      of: column(measure.of),
      where: column(measure.where),
      groupBy: column(measure.groupBy),
      boundariesTable: measure.kind === 'bins' ? boundaries.get(measure.boundaries)! : null,
    }),
  }
}

interface Columns {
  /** SELECT of the events with the derived columns. */
  readonly sql: string
  readonly columnSql: (name: string) => string
}

/** Derived columns d0, d1 …, each on a level of its own, so that one may name those before it and is evaluated once. */
function derivedColumns({ derive }: EventSelection, loaded: EventTable): Columns {
  const names = new Map<string, string>()
  const columnSql = (name: string): string => names.get(name) ?? loaded.columnOf(name)
  let sql = `SELECT * FROM ${loaded.relation}`
  for (const [i, { definition, expression }] of derive.entries()) {
    sql = `SELECT *, ${expressionSql(expression, columnSql)} AS d${i} FROM (${sql})`
    names.set(definition.name, `d${i}`)
  }
  return { sql, columnSql }
}

/** The events that are asked for and have a key, with the columns key_0 … */
function keyedSql(selection: EventSelection, { sql, columnSql }: Columns): string {
  const keys = selection.keys.map(({ column }, i) => `${columnSql(column)} AS key_${i}`)
  const present = selection.keys.map(({ column }) => `${columnSql(column)} IS NOT NULL`)
  const only = (selection.entity ?? []).map((value, i) => `${columnSql(selection.keys[i]!.column)} = ${literalSql(value, selection.keys[i]!.type)}`)
  const conditions = [...askedSql(selection), ...filterSql(selection, columnSql), ...present, ...only]
  return `SELECT ${keys.join(', ')}, * FROM (${sql}) WHERE ${conditions.join(' AND ')}`
}

function literalSql(value: Value, type: ValueType): string {
  return expressionSql({ node: 'literal', value, type, nullable: false }, () => 'NULL')
}

/** The known times that the bounds of epoch and time admit: an epoch is a range of them, unless the input says each record's epoch. */
function knownBounds({ input, untilMs, ...selection }: EventSelection): { fromMs: number | null; beforeMs: number | null } {
  const { epochLengthMs } = input.source
  const { afterEpoch, throughEpoch } = input.columns?.epoch === undefined ? selection : { afterEpoch: null, throughEpoch: null }
  const before = [...(throughEpoch === null ? [] : [(throughEpoch + 1) * epochLengthMs]), ...(untilMs === null ? [] : [untilMs])]
  return { fromMs: afterEpoch === null ? null : (afterEpoch + 1) * epochLengthMs, beforeMs: before.length === 0 ? null : Math.min(...before) }
}

function askedSql(selection: EventSelection): string[] {
  const { fromMs, beforeMs } = knownBounds(selection)
  const { input: { columns }, afterEpoch, throughEpoch } = selection
  const epochs = columns?.epoch === undefined ? [] : [...(afterEpoch === null ? [] : [`log_epoch > ${afterEpoch}`]), ...(throughEpoch === null ? [] : [`log_epoch <= ${throughEpoch}`])]
  return [...(fromMs === null ? [] : [`known_time >= ${fromMs}`]), ...(beforeMs === null ? [] : [`known_time < ${beforeMs}`]), ...epochs]
}

function filterSql({ where }: EventSelection, columnSql: (name: string) => string): string[] {
  return where === null ? [] : [`(${expressionSql(where, columnSql)})`]
}

/** Counts again what was left out, where anything could be. */
async function countLeftOut(
  session: DuckDbSession, selection: EventSelection, { sql, columnSql }: Columns, acceptedCount: number, keyedCount: number,
): Promise<Pick<InputReport, 'filteredCount' | 'nullKeyCount'>> {
  const asked = askedSql(selection)
  const filter = filterSql(selection, columnSql)
  if (filter.length === 0 && selection.keys.every(({ column }) => isNeverNull(selection.input, column))) return { filteredCount: 0, nullKeyCount: 0 }
  let [askedCount, passingCount, presentCount] = [acceptedCount, acceptedCount, keyedCount]
  if (asked.length + filter.length > 0 || selection.entity !== undefined) {
    const passing = filter.length === 0 ? 'true' : filter[0]!
    // The events of other entities have a key too.
    const present = selection.entity === undefined ? `${keyedCount}` : `count(*) FILTER (WHERE ${[passing, ...selection.keys.map(({ column }) => `${columnSql(column)} IS NOT NULL`)].join(' AND ')})`
    const [counts] = await session.rows(`SELECT count(*) AS asked, count(*) FILTER (WHERE ${passing}) AS passing, ${present} AS present FROM (${sql})${asked.length === 0 ? '' : ` WHERE ${asked.join(' AND ')}`}`)
    ;[askedCount, passingCount, presentCount] = [Number(counts!['asked']), Number(counts!['passing']), Number(counts!['present'])]
  }
  return { filteredCount: askedCount - passingCount, nullKeyCount: passingCount - presentCount }
}

function isNeverNull({ source }: EventInput, column: string): boolean {
  return source.fields.some(({ name, nullable }) => name === column && !nullable)
}

/** The column of each different expression of the measures, by its SQL. */
function expressionColumns(measures: readonly Measure[], columnSql: (name: string) => string): Map<string, string> {
  const columns = new Map<string, string>()
  for (const { of, where, groupBy } of measures) {
    for (const expression of [of, where, groupBy]) {
      if (expression === null) continue
      const sql = expressionSql(expression, columnSql)
      if (!columns.has(sql)) columns.set(sql, `x${columns.size}`)
    }
  }
  return columns
}

/** Fields that anything of the query names. */
function fieldsOf({ derive, where, keys }: EventSelection, measures: readonly Measure[]): Set<string> {
  const names = new Set(keys.map(({ column }) => column))
  const expressions = [where, ...derive.map(({ expression }) => expression), ...measures.flatMap(({ of, where: only, groupBy }) => [of, only, groupBy])]
  for (const expression of expressions) {
    if (expression !== null) expressionSql(expression, (name) => (names.add(name), 'NULL'))
  }
  return names
}

/** A table for each list of boundaries, bit for bit: numbers never pass through text. */
async function boundariesTables(session: DuckDbSession, measures: readonly Measure[]): Promise<Map<Float64Array, string>> {
  const tables = new Map<Float64Array, string>()
  for (const measure of measures) {
    if (measure.kind !== 'bins' || tables.has(measure.boundaries)) continue
    const name = `boundaries_${tables.size}`
    await session.run(`CREATE TABLE ${session.schema}.${name} (boundary DOUBLE, bin BIGINT)`)
    using appender = await openAppender(session, name, ['double', 'int64'])
    appender.append([measure.boundaries, Array.from(measure.boundaries, (_, i) => i + 1)], measure.boundaries.length)
    tables.set(measure.boundaries, `${session.schema}.${name}`)
  }
  return tables
}
