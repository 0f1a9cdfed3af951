// The rows of a window's measures: single events folded and cells merged for each training row, in one query.
import { levelParts, type CellLevel } from './as-of-cells.ts'
import { foldSql, mergeSql, outputSql, type BoundMeasure } from './measure-sql.ts'

/**
 * The columns that the port names for some measures of one window, by `row`: one-row measures, or exactly one other.
 * `questions` as for `levelParts`.
 */
export function asOfSql(levels: readonly CellLevel[], windowMs: number | null, measures: readonly BoundMeasure[], questions: string): string {
  const parts = levelParts(levels, windowMs, questions)
  // Each part is in brackets: a part may be a UNION ALL itself, by position, and set operations without them read from left to right.
  const states = parts.map(({ level, sql }) => (level.lengthMs === 1 ? foldSql(measures, `(${sql})`, ['row_index']) : `SELECT * FROM (${sql})`))
  const merged = states.length === 1 ? states[0]! : mergeSql(measures, `(${states.join('\nUNION ALL BY NAME\n')})`, ['row_index'])
  const rows = outputSql(measures, `(${merged})`, ['row_index'])
  return `SELECT row_index::DOUBLE AS "row", * EXCLUDE (row_index) FROM (${rows}) ORDER BY row_index`
}
