// The rows of a window's measures: single events folded and cells merged for each training row, in one query.
import { levelParts, type CellLevel } from './as-of-cells.ts'
import { foldSql, mergeSql, outputSql, type BoundMeasure } from './measure-sql.ts'

/** The columns that the port names for some measures of one window, by `row_index`: one-row measures, or exactly one other. */
export function asOfSql(levels: readonly CellLevel[], windowMs: number | null, measures: readonly BoundMeasure[], questions: string): string {
  const parts = levelParts(levels, windowMs, questions)
  const states = parts.map(({ level, sql }) => (level.lengthMs === 1 ? foldSql(measures, `(${sql})`, ['row_index']) : sql))
  const merged = states.length === 1 ? states[0]! : mergeSql(measures, `(${states.join('\nUNION ALL BY NAME\n')})`, ['row_index'])
  return `${outputSql(measures, `(${merged})`, ['row_index'])} ORDER BY row_index`
}
