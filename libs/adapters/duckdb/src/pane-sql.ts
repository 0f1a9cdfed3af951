// Events by entity and pane. The oldest event time that a rung keeps depends on the entity's log time alone, so it is worked out once
// an entity; an event then takes the first rung that keeps it. A rung keeps whole panes, its edge being a multiple of its length, so
// comparing the event time decides as comparing the pane's start would.
import type { LadderGrouping } from '@tidemark/ports/batch-engine'
import { isOneRow, foldSql, needsOrder, outputSql, type BoundMeasure } from './measure-sql.ts'
import { floorToMultiple } from './sql-text.ts'

const PANE_COLUMNS = ['entity', 'rung', 'start']

/** Measures that are read by one query: all one-row ones together, each other one alone. */
export function shareQueries(measures: readonly BoundMeasure[]): BoundMeasure[][] {
  const shared = measures.filter(({ measure }) => isOneRow(measure))
  const single = measures.filter(({ measure }) => !isOneRow(measure)).map((bound) => [bound])
  return shared.length === 0 ? single : [shared, ...single]
}

/** The relation of a ladder's events: entity, rung, start and what its measures name of `selected`; events that no rung keeps are left out. */
export function paneEventsSql(rungs: LadderGrouping['rungs'], measures: readonly BoundMeasure[], selected: string, entities: string): string {
  const named = new Set(measures.flatMap(({ of, where, groupBy }) => [of, where, groupBy]).filter((column) => column !== null))
  if (measures.some(({ measure }) => needsOrder(measure))) named.add('event_order')
  const columns = ['entity', ...named].join(', ')
  const edges: string[] = []
  const rungCases: string[] = []
  const startCases: string[] = []
  for (const [i, { lengthMs, horizonMs, alignMs }] of rungs.entries()) {
    if (lengthMs === null || horizonMs === null || alignMs === null) {
      rungCases.push(`ELSE ${i}`)
      startCases.push(`ELSE 0`)
      break
    }
    edges.push(`${floorToMultiple(`(log_time + ${1 - horizonMs})`, alignMs)} AS edge_${i}`)
    rungCases.push(`WHEN event_time >= edge_${i} THEN ${i}`)
    startCases.push(`WHEN ${i} THEN ${floorToMultiple('event_time', lengthMs)}`)
  }
  if (edges.length === 0) return `(SELECT ${columns}, 0 AS rung, 0 AS start FROM ${selected})`
  const kept = `SELECT s.*, (CASE ${rungCases.join(' ')} END)::TINYINT AS rung FROM ${selected} s JOIN (SELECT entity, ${edges.join(', ')} FROM ${entities}) USING (entity)`
  return `(SELECT ${columns}, rung, CASE rung ${startCases.join(' ')} END AS start FROM (${kept}) WHERE rung IS NOT NULL)`
}

/** The port's rows of measures that share a query, by entity, rung and start. */
export function paneRowsSql(measures: readonly BoundMeasure[], events: string): string {
  const rows = outputSql(measures, `(${foldSql(measures, events, PANE_COLUMNS)})`, PANE_COLUMNS)
  const [first] = measures
  const columns = first !== undefined && first.groupBy !== null ? ['grp'] : []
  return `SELECT entity::DOUBLE AS entity, rung::DOUBLE AS rung, start::DOUBLE AS start, * EXCLUDE (entity, rung, start) FROM (${rows}) ORDER BY ${[...PANE_COLUMNS, ...columns].join(', ')}`
}
