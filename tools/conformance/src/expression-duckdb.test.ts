// Law 1, one definition: an expression gives the same value as a closure and in DuckDB, bit for bit but where docs/expressions.md
// says otherwise. TIDEMARK_SEED replays one round, TIDEMARK_RUNS searches longer.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openDuckDb, type DuckDb, type DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { Row } from '@tidemark/feature-schema/value'
import { type Answer, answersOfDuckDb, compileClosure, describeDifferences, type Evaluator, findDifferences, loadRows } from './expression-differential.ts'
import { ExpressionGenerator } from './expression-generator.ts'
import { evaluateWith, WRONG_RULES } from './expression-wrong-rules.ts'

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 0)
const ROUND_COUNT = Number(process.env['TIDEMARK_RUNS'] ?? 4)
const ROUND_EXPRESSIONS = 500
const ROW_COUNT = 50
const DEPTH_MAX = 5

let duckDb: DuckDb
let session: DuckDbSession
beforeAll(async () => {
  duckDb = await openDuckDb({ threads: 1 })
  session = await duckDb.openSession()
})
afterAll(() => duckDb[Symbol.dispose]())

interface Round {
  readonly rows: readonly Row[]
  readonly answers: readonly Answer[]
}

/** What one seed draws, and what DuckDB says to it. */
async function drawRound(seed: number): Promise<Round> {
  const generator = new ExpressionGenerator(seed)
  const rows = Array.from({ length: ROW_COUNT }, () => generator.row())
  const texts = Array.from({ length: ROUND_EXPRESSIONS }, (_, i) => generator.expression(1 + (i % DEPTH_MAX)))
  await loadRows(session, rows)
  return { rows, answers: await answersOfDuckDb(session, texts) }
}

const rounds: Round[] = []
const differencesOf = ({ answers, rows }: Round, evaluator: Evaluator) => findDifferences(answers, rows, evaluator)

describe('law 1: closures and DuckDB', () => {
  const seeds = SEED > 0 ? [SEED] : Array.from({ length: ROUND_COUNT }, (_, i) => i + 1)
  it.each(seeds)(`agree on ${ROUND_EXPRESSIONS} random expressions × ${ROW_COUNT} rows, TIDEMARK_SEED=%i`, async (seed) => {
    const round = await drawRound(seed)
    rounds.push(round)
    expect(describeDifferences(differencesOf(round, compileClosure))).toEqual([])
  }, 120_000)
})

describe('law 1: the suite notices an evaluator', () => {
  it('but not the right one, put together node by node', () => {
    expect(describeDifferences(differencesOf(rounds[0]!, evaluateWith(() => undefined)))).toEqual([])
  })

  it.each(Object.entries(WRONG_RULES))('that %s', (_, rule) => {
    expect(rounds.some((round) => differencesOf(round, evaluateWith(rule)).length > 0)).toBe(true)
  })
})
