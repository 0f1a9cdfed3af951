// The levels of cells (as-of-cells.ts) that are worth making for some measures, and making them: each level's states are merged from
// the next finer level's.
import { COARSEST_PER_WINDOW_MIN, type CellLevel } from './as-of-cells.ts'
import type { DuckDbSession } from './duckdb-session.ts'
import { foldSql, isOneRow, mergeSql, type BoundMeasure } from './measure-sql.ts'
import { floorToMultiple } from './sql-text.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Lengths of cells, each a multiple of the one before. */
const LEVEL_LENGTHS_MS: readonly number[] = [MINUTE_MS, 15 * MINUTE_MS, 4 * HOUR_MS, 2 * DAY_MS, 32 * DAY_MS, 512 * DAY_MS]
/** A level is made where its states are at most this part of the finer level's. */
const REDUCTION_MIN = 3
/** How many entities are looked at: those with the most pairs of a row and an event, which are what levels save. */
const SAMPLED_ENTITY_COUNT = 4

export interface AsOfTables {
  /** entity, event_start, known_start, and what the measures' expressions name: single events as cells of 1 ms. */
  readonly events: string
  /** row_index, entity, asked_time, cut: what each row with a known entity and a time asks. */
  readonly questions: string
}

/** The lengths of the levels to make above the events themselves, ascending. `longestMs` null: there is a lifetime window. */
export async function chooseLevels(
  session: DuckDbSession,
  { events, questions }: AsOfTables,
  measures: readonly BoundMeasure[],
  longestMs: number | null,
): Promise<number[]> {
  const candidates = LEVEL_LENGTHS_MS.filter((lengthMs) => longestMs === null || lengthMs * COARSEST_PER_WINDOW_MIN <= longestMs)
  const { columns, perCell } = statesOf(measures)
  const counts = candidates.map((lengthMs, i) => {
    const state = ['entity', ...cellStarts(lengthMs), ...columns].join(', ')
    return `approx_count_distinct(hash(${state})) * ${perCell} AS n${i}`
  })
  const [sample] = await session.rows(`
    WITH asked AS (SELECT entity, count(*) AS n FROM ${questions} GROUP BY entity),
      had AS (SELECT entity, count(*) AS n FROM ${events} GROUP BY entity),
      costly AS (SELECT entity FROM asked JOIN had USING (entity) ORDER BY asked.n::DOUBLE * had.n DESC, entity LIMIT ${SAMPLED_ENTITY_COUNT})
    SELECT ${['count(*) AS events', ...counts].join(', ')} FROM ${events} SEMI JOIN costly USING (entity)`)
  const chosen: number[] = []
  let finer = Number(sample!['events'])
  for (const [i, lengthMs] of candidates.entries()) {
    const states = Number(sample![`n${i}`])
    if (states * REDUCTION_MIN > finer) continue
    chosen.push(lengthMs)
    finer = states
  }
  return chosen
}

/** Makes the tables of the levels for measures that share a query. The first level is the events themselves. */
export async function makeLevels(
  session: DuckDbSession,
  events: string,
  lengthsMs: readonly number[],
  measures: readonly BoundMeasure[],
  tablePrefix: string,
): Promise<CellLevel[]> {
  const levels: CellLevel[] = [{ lengthMs: 1, table: events }]
  for (const lengthMs of lengthsMs) {
    const finer = levels.at(-1)!
    const [eventStart, knownStart] = cellStarts(lengthMs)
    const from = `(SELECT * REPLACE (${eventStart} AS event_start, ${knownStart} AS known_start) FROM ${finer.table})`
    const statesSql = finer.lengthMs === 1 ? foldSql : mergeSql
    const table = `${tablePrefix}_${lengthMs}`
    await session.run(`CREATE TABLE ${table} AS ${statesSql(measures, from, ['entity', 'event_start', 'known_start'])}`)
    levels.push({ lengthMs, table })
  }
  return levels
}

function cellStarts(lengthMs: number): [eventStart: string, knownStart: string] {
  return [floorToMultiple('event_start', lengthMs), floorToMultiple('known_start', lengthMs)]
}

/** What tells the states of a cell apart, and about how many a cell has for each of those. */
function statesOf(measures: readonly BoundMeasure[]): { columns: string[]; perCell: number } {
  const [bound] = measures
  if (bound === undefined || isOneRow(bound.measure)) return { columns: [], perCell: 1 }
  const { measure, of, groupBy } = bound
  const isByValue = measure.kind === 'values' || measure.kind === 'registers' || measure.kind === 'bins'
  return {
    columns: [...(groupBy === null ? [] : [groupBy]), ...(isByValue && of !== null ? [of] : [])],
    perCell: 'k' in measure ? measure.k : 1,
  }
}
