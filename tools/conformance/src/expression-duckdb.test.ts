// Law 1, one definition: an expression gives the same value as a closure and in DuckDB, bit for bit but where docs/expressions.md
// says otherwise. TIDEMARK_SEED replays one round, TIDEMARK_RUNS searches longer.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { openDuckDb, type DuckDb, type DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { EXPRESSION_DEPTH_MAX } from '@tidemark/feature-schema/expression/scan'
import type { Row } from '@tidemark/feature-schema/value'
import {
  type Answer,
  answersOfDuckDb,
  compileClosure,
  describeDifferences,
  type Evaluator,
  findDifferences,
  findFilterDifferences,
  loadRows,
} from './expression-differential.ts'
import { ExpressionGenerator } from './expression-generator.ts'
import { evaluateWith, TELLING_TEXTS, WRONG_RULES } from './expression-wrong-rules.ts'

const SEED = Number(process.env['TIDEMARK_SEED'] ?? 0)
const ROUND_COUNT = Number(process.env['TIDEMARK_RUNS'] ?? 4)
const ROUND_EXPRESSIONS = 500
const ROW_COUNT = 50
const DEPTH_MAX = 5
/** Rows enough that each wrong rule meets a value that gives it away. */
const TELLING_ROW_COUNT = 400

let duckDb: DuckDb
let session: DuckDbSession
beforeAll(async () => {
  duckDb = await openDuckDb({ threads: 1 })
  session = await duckDb.openSession()
})
afterAll(async () => {
  await duckDb[Symbol.asyncDispose]()
})

interface Round {
  readonly rows: readonly Row[]
  readonly answers: readonly Answer[]
}

/** What DuckDB says to the texts over random rows. */
async function askDuckDb(generator: ExpressionGenerator, texts: readonly string[], rowCount: number): Promise<Round> {
  const rows = Array.from({ length: rowCount }, () => generator.row())
  await loadRows(session, rows)
  return { rows, answers: await answersOfDuckDb(session, texts) }
}

const differencesOf = ({ answers, rows }: Round, evaluator: Evaluator) => findDifferences(answers, rows, evaluator)

describe('law 1: closures and DuckDB', () => {
  const seeds = SEED > 0 ? [SEED] : Array.from({ length: ROUND_COUNT }, (_, i) => i + 1)
  it.each(seeds)(
    `agree on ${ROUND_EXPRESSIONS} random expressions × ${ROW_COUNT} rows, as values and as filters, TIDEMARK_SEED=%i`,
    async (seed) => {
      const generator = new ExpressionGenerator(seed)
      const texts = Array.from({ length: ROUND_EXPRESSIONS }, (_, i) => generator.expression(1 + (i % DEPTH_MAX)))
      const round = await askDuckDb(generator, texts, ROW_COUNT)
      expect(describeDifferences(differencesOf(round, compileClosure))).toEqual([])
      expect(await findFilterDifferences(session, texts, round.rows)).toEqual([])
    },
    120_000,
  )
})

describe('law 1: the deepest expressions', () => {
  const nested = (leaf: string, wrap: (inner: string) => string, count: number): string =>
    count === 0 ? leaf : wrap(nested(leaf, wrap, count - 1))
  const half = EXPRESSION_DEPTH_MAX / 2 - 1
  it.each([
    ['sums', nested('l1', (x) => `l2 + (${x})`, EXPRESSION_DEPTH_MAX)],
    ['quotients', nested('d1', (x) => `d2 / (${x})`, EXPRESSION_DEPTH_MAX)],
    ['timestamps', nested('t1', (x) => `(${x}) - l2`, EXPRESSION_DEPTH_MAX)],
    ['casts to text and back', nested('t1', (x) => `timestamp(string(${x}))`, half)],
    ['starts', nested('t1', (x) => `startOf(${x}, 'hour', 'Asia/Kolkata')`, EXPRESSION_DEPTH_MAX - 1)],
    ['hours', nested('t1', (x) => `t2 + hour(${x}, 'Asia/Kolkata')`, half)],
  ])(
    'run in DuckDB: %s',
    async (_, text) => {
      const round = await askDuckDb(new ExpressionGenerator(1), [text], 2)
      expect(describeDifferences(differencesOf(round, compileClosure))).toEqual([])
    },
    120_000,
  )
})

describe('law 1: the suite notices an evaluator', () => {
  let round: Round
  beforeAll(async () => {
    round = await askDuckDb(new ExpressionGenerator(1), TELLING_TEXTS, TELLING_ROW_COUNT)
  })

  it('but not the right one, put together node by node', () => {
    expect(
      describeDifferences(
        differencesOf(
          round,
          evaluateWith(() => undefined),
        ),
      ),
    ).toEqual([])
  })

  it.each(Object.entries(WRONG_RULES))('that %s', (_, rule) => {
    expect(differencesOf(round, evaluateWith(rule))).not.toEqual([])
  })
})
