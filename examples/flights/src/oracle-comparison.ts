// Puts every answer's question to the oracle, at the answer's own time, and compares value by value.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { compareValue, newComparison, type Comparison } from './comparison.ts'
import { askOracle } from './oracle-sql.ts'
import type { Questions } from './questions.ts'

export async function compareWithOracle(session: DuckDbSession, { answers }: Questions): Promise<Comparison> {
  const comparison = newComparison()
  for (const [plan, asked] of answers) {
    const expected = await askOracle(session, plan, asked)
    for (const [i, { keys, t, generation, values }] of asked.entries()) {
      const where = `${plan.view.name} of ${keys.join(' → ')} at ${new Date(t).toISOString()}, generation ${generation},`
      for (const feature of plan.features) compareValue(comparison, feature, where, values[feature.index]!.value, expected[i]?.[feature.name])
    }
  }
  return comparison
}
