// The windows of training rows that hold more different event times than `countMax`. An instant is known from the first of its events
// that was: as one point of (event time, known time) it is counted through the same cells as an event is. Entities that cannot have so
// many are left out at once, and those are mostly all.
import type { AsOfQuery, AsOfWindow, InstantsMeasure, Measure, MeasureStream } from '@tidemark/ports/batch-engine'
import type { CellLevel } from './as-of-cells.ts'
import { chooseLevels, makeLevels, type AsOfTables } from './as-of-levels.ts'
import { asOfSql } from './as-of-stream.ts'
import { queryBatches } from './column-batches.ts'
import type { DuckDbSession } from './duckdb-session.ts'
import type { BoundMeasure } from './measure-sql.ts'
import type { SelectedEvents } from './selection-sql.ts'

/** The measure whose events are counted once an instant: their condition is bound as any measure's is. */
export function eventsOfInstants({ where }: InstantsMeasure): Measure {
  return { kind: 'count', of: null, where, groupBy: null }
}

/** Counts points, which have been selected already. */
const POINTS: BoundMeasure = { measure: { kind: 'count', of: null, where: null, groupBy: null }, index: 0, of: null, where: null, groupBy: null, boundariesTable: null }

/** `questionsSql` gives the questions of a window, with their tails. */
export async function groupInstants(
  session: DuckDbSession, { windows }: AsOfQuery, tables: AsOfTables, bind: SelectedEvents['bind'], questionsSql: (window: AsOfWindow) => string,
): Promise<MeasureStream[]> {
  const longestMs = Math.max(...windows.flatMap(({ instants = [], lengthMs }) => (instants.length === 0 ? [] : [lengthMs ?? Infinity])))
  const levelsOf = new Map<string, readonly CellLevel[]>()
  const streams: MeasureStream[] = []
  for (const [ladder, window] of windows.entries()) {
    for (const [i, instants] of (window.instants ?? []).entries()) {
      const { countMax } = instants
      const { where } = bind(eventsOfInstants(instants), 0)
      const key = `${where} ${countMax}`
      if (!levelsOf.has(key)) levelsOf.set(key, await makePoints(session, tables, where, countMax, longestMs, `${session.schema}.instants_${levelsOf.size}`))
      const counts = asOfSql(levelsOf.get(key)!, window.lengthMs, [POINTS], questionsSql(window))
      const sql = `SELECT * FROM (${counts}) WHERE n > ${countMax} ORDER BY "row"`
      streams.push({ ladder, measures: [window.measures.length + i], batches: queryBatches(session, sql) })
    }
  }
  return streams
}

async function makePoints(session: DuckDbSession, { events, questions }: AsOfTables, where: string | null, countMax: number, longestMs: number, table: string): Promise<CellLevel[]> {
  await session.run(`
    CREATE TABLE ${table} AS
    SELECT entity, event_start, min(known_start) AS known_start FROM ${events}${where === null ? '' : ` WHERE ${where}`}
    GROUP BY entity, event_start QUALIFY count(*) OVER (PARTITION BY entity) > ${countMax}`)
  const lengthsMs = await chooseLevels(session, { events: table, questions }, [POINTS], longestMs === Infinity ? null : longestMs)
  return makeLevels(session, table, lengthsMs, [POINTS], `${table}_cells`)
}
