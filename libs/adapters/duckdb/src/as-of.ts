// Groups events by training row and window (law 4). The rows become questions: an entity, a time asked at, and the cut below which the
// log was known. Levels of cells are made once for measures that share a query, whatever windows they are asked in.
import type { AsOfQuery, AsOfResult, AsOfWindow, ColumnBatch, MeasureStream } from '@tidemark/ports/batch-engine'
import type { CellLevel } from './as-of-cells.ts'
import { chooseLevels, makeLevels, type AsOfTables } from './as-of-levels.ts'
import { eventsOfInstants, groupInstants } from './as-of-instants.ts'
import { loadAskedRows } from './as-of-rows.ts'
import { asOfSql } from './as-of-stream.ts'
import { queryBatches } from './column-batches.ts'
import type { DuckDb, DuckDbSession } from './duckdb-session.ts'
import { sketchedValuesSql, type BoundMeasure } from './measure-sql.ts'
import { shareQueries } from './pane-sql.ts'
import { selectEvents, type SelectedEvents } from './selection-sql.ts'
import { floorToMultiple } from './sql-text.ts'

/** Throws INPUT_UNREADABLE and UNKNOWN_NAME for files and columns that cannot be read, OUTPUT_FAILED where memory and disk run out. */
export async function groupAsOf(database: DuckDb, query: AsOfQuery): Promise<AsOfResult> {
  await using cleanUp = new AsyncDisposableStack()
  const session = cleanUp.use(await database.openSession())
  const askedRows = await loadAskedRows(session, query)
  const events = await selectEvents(session, query, {
    measures: query.windows.flatMap(({ measures, instants = [] }) => [...measures, ...instants.map(eventsOfInstants)]),
    times: query.knownAt === 'append' ? ['known_time'] : [],
  })
  const tables = await askQuestions(session, query, askedRows, events)
  const instants = await groupInstants(session, query, tables, events.bind, (window) => questionsSql(window, tables.questions))
  const streams = [...(await groupMeasures(session, query, tables, events)), ...instants]
  const [size] = await session.rows(`SELECT count(*) AS n FROM ${askedRows}`)
  const keys = query.keys.map((_, i) => `key_${i}`)
  const owned = cleanUp.move()
  return {
    report: events.report,
    rowCount: Number(size!['n']),
    rows: queryBatches(session, `SELECT ${['rowid::DOUBLE AS "row"', 'asked_time::DOUBLE AS "timeMs"', ...keys].join(', ')} FROM ${askedRows} ORDER BY rowid`),
    streams,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The questions of rows that have a time and an entity with events, and the events that any of them may see. */
async function askQuestions(session: DuckDbSession, { keys, knownAt, input, windows }: AsOfQuery, askedRows: string, events: SelectedEvents): Promise<AsOfTables> {
  const questions = `${session.schema}.questions`
  const delayMs = knownAt === 'append' ? input.source.delayMs : 0
  await session.run(`
    CREATE TABLE ${questions} AS
    SELECT asked.rowid AS row_index, entity, asked_time, asked_time - ${delayMs} AS cut
    FROM ${askedRows} asked JOIN ${events.entities} entities ON ${keys.map((_, i) => `asked.key_${i} = entities.key_${i}`).join(' AND ')}
    WHERE asked_time IS NOT NULL`)
  const table = `${session.schema}.as_of_events`
  const [known, times] = knownAt === 'append' ? ['known_time', 'event_time, known_time'] : ['event_time', 'event_time']
  const reachMs = longestReachMs(windows)
  await session.run(`
    CREATE TABLE ${table} AS
    SELECT event_time AS event_start, ${known} AS known_start, * EXCLUDE (${times}, newest, oldest)
    FROM ${events.selected} JOIN (SELECT entity, max(cut) AS newest, min(asked_time) AS oldest FROM ${questions} GROUP BY entity) USING (entity)
    WHERE ${known} < newest${reachMs === null ? '' : ` AND event_time >= oldest - ${reachMs}`}`)
  await session.run(`DROP TABLE ${events.selected}`)
  return { events: table, questions }
}

/** How long before its time a row sees events at most; null: there is no bound. */
function longestReachMs(windows: readonly AsOfWindow[]): number | null {
  const reaches = windows.map(({ lengthMs, resolutionMs }) => (lengthMs === null || resolutionMs === null ? Infinity : lengthMs + resolutionMs))
  const longest = Math.max(0, ...reaches)
  return longest === Infinity ? null : longest
}

async function groupMeasures(session: DuckDbSession, { windows }: AsOfQuery, tables: AsOfTables, { bind }: SelectedEvents): Promise<MeasureStream[]> {
  const bound = await sketchValues(session, tables.events, bindOnce(windows, bind))
  const longestMs = windows.some(({ lengthMs }) => lengthMs === null) ? null : Math.max(...windows.map(({ lengthMs }) => lengthMs!))
  const levels = new Map<BoundMeasure, readonly CellLevel[]>()
  for (const [i, measures] of shareQueries([...new Set(bound.flat())]).entries()) {
    const lengthsMs = await chooseLevels(session, tables, measures, longestMs)
    const made = await makeLevels(session, tables.events, lengthsMs, measures, `${session.schema}.cells_${i}`)
    for (const measure of measures) levels.set(measure, made)
  }
  return windows.flatMap((window, ladder) =>
    shareQueries(bound[ladder]!).map((measures) => {
      const indexes = measures.map((measure) => bound[ladder]!.indexOf(measure))
      const sql = asOfSql(levels.get(measures[0]!)!, window.lengthMs, measures, questionsSql(window, tables.questions))
      return { ladder, measures: indexes, batches: withPrefixes(queryBatches(session, sql), measures, indexes) }
    }),
  )
}

/** Each window's measures; those of different windows that are the same are one, so that they share levels. */
function bindOnce(windows: readonly AsOfWindow[], bind: SelectedEvents['bind']): BoundMeasure[][] {
  const distinct = new Map<string, BoundMeasure>()
  return windows.map(({ measures }) => {
    const own = new Set<string>()
    return measures.map((measure) => {
      const candidate = bind(measure, distinct.size)
      // The same measure twice in one window has two columns, so it is told apart by how often it came before.
      let text = textOf(candidate)
      while (own.has(text)) text += ' again'
      own.add(text)
      if (!distinct.has(text)) distinct.set(text, candidate)
      return distinct.get(text)!
    })
  })
}

/** The measures, with a table of what each sketch makes of the events' values: they are folded window by window. */
async function sketchValues(session: DuckDbSession, events: string, bound: readonly (readonly BoundMeasure[])[]): Promise<BoundMeasure[][]> {
  const sketched = new Map<BoundMeasure, BoundMeasure>()
  for (const measure of new Set(bound.flat())) {
    if (measure.measure.kind !== 'registers' && measure.measure.kind !== 'bins') continue
    const sketchedValues = `${session.schema}.sketched_${sketched.size}`
    await session.run(`CREATE TABLE ${sketchedValues} AS ${sketchedValuesSql(measure, `(SELECT ${measure.of} AS value FROM ${events} WHERE ${measure.of} IS NOT NULL)`)}`)
    sketched.set(measure, { ...measure, sketchedValues })
  }
  return bound.map((measures) => measures.map((measure) => sketched.get(measure) ?? measure))
}

/** The same for measures that are the same. */
function textOf({ measure, of, where, groupBy, boundariesTable }: BoundMeasure): string {
  const { kind, k, limit, precision } = { k: null, limit: null, precision: null, ...measure }
  return JSON.stringify([kind, k, limit, precision, of, where, groupBy, boundariesTable])
}

/** The questions with the tail of a window. */
function questionsSql({ lengthMs, resolutionMs }: AsOfWindow, questions: string): string {
  if (lengthMs === null || resolutionMs === null) return `(SELECT row_index, entity, cut FROM ${questions})`
  return `(SELECT row_index, entity, cut, ${floorToMultiple(`(asked_time - ${lengthMs})`, resolutionMs)} AS tail FROM ${questions})`
}

/** A measure has one index in the levels' tables and another in each window: columns are given the window's. */
async function* withPrefixes(batches: AsyncIterable<ColumnBatch>, measures: readonly BoundMeasure[], indexes: readonly number[]): AsyncGenerator<ColumnBatch> {
  const prefixes = new Map(measures.map(({ index }, i) => [`m${index}`, `m${indexes[i]}`]))
  const renamed = (name: string): string => name.replace(/^m\d+(?=_)/, (prefix) => prefixes.get(prefix) ?? prefix)
  for await (const { rowCount, columns } of batches) {
    yield { rowCount, columns: Object.fromEntries(Object.entries(columns).map(([name, column]) => [renamed(name), column])) }
  }
}
