// Puts every answer's question to the oracle, at the answer's own time, and compares value by value.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { RecordedAnswer } from '../questions.ts'
import { compareValue, newComparison, type Comparison } from './comparison.ts'
import { askOracle, type OracleFlights } from './oracle-sql.ts'

export type Answers = ReadonlyMap<ViewPlan, readonly RecordedAnswer[]>

/** Counts into `comparison`, which is given back; `onView` hears of each view before its questions are put. */
export async function compareWithOracle(session: DuckDbSession, flights: OracleFlights<RecordedAnswer>, answers: Answers, comparison: Comparison = newComparison(), onView?: (view: string, count: number) => void): Promise<Comparison> {
  for (const [plan, asked] of answers) {
    onView?.(plan.view.name, asked.length)
    const expected = await askOracle(session, flights, plan, asked)
    for (const [i, { keys, t, generation, values }] of asked.entries()) {
      const where = `${plan.view.name} of ${keys.join(' → ')} at ${new Date(t).toISOString()}, generation ${generation},`
      for (const feature of plan.features) compareValue(comparison, feature, where, values[feature.index]!.value, expected[i]?.[feature.name])
    }
  }
  return comparison
}
