// Laws 1, 4 and 9: an `exact` window with more instants than are kept is unavailable in a training set, for an entity at a time and in a
// merge alike, and right where it has fewer. The laws run with a cap of a few instants,
// which short histories pass; training-set.test.ts passes the real one.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import * as ladder from '@tidemark/aggregation/ladder'
import { generateView, generateWindows } from '@tidemark/aggregation/testing/generate-definition'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import { CASES_TIMEOUT_MS, checkCases, findFailure } from './check-cases.ts'
import type { TrainingCase } from './training-judge.ts'

const FEW_INSTANTS = 4

jest.resetModules()
jest.unstable_mockModule('@tidemark/aggregation/ladder', () => ({ ...ladder, EXACT_PANES_MAX: FEW_INSTANTS }))
const { judgeFullRun } = await import('./batch-judge.ts')
const { generateTrainingCase, judgePointInTime, judgeTraining, shrinkTrainingCase } = await import('./training-judge.ts')

type Judge = typeof judgeTraining

const memory = createMemoryBatchEngine({ batchRowCount: 7 })

function property(runs: number, engine: BatchEngine, judge: Judge = judgeTraining): Parameters<typeof checkCases<TrainingCase>>[0] {
  return {
    runs,
    generate: (random) => generateTrainingCase(random, (inner, source) => generateView(inner, source, generateWindows(inner, 1))),
    shrink: shrinkTrainingCase,
    judge: (example) => judge(engine, example),
  }
}

/** An engine that is asked something else about instants. */
function askingInstants(change: (asked: { where: unknown; countMax: number }) => object | null): BatchEngine {
  return {
    ...memory,
    groupAsOf: (query) => memory.groupAsOf({
      ...query,
      windows: query.windows.map((window) => ({ ...window, instants: (window.instants ?? []).map((asked) => ({ ...asked, ...(change(asked) ?? { countMax: Infinity }) })) })),
    }),
  }
}

describe('an exact window past its cap', () => {
  let duckdb: BatchEngine

  beforeAll(async () => {
    duckdb = await createDuckDbBatchEngine({ threads: 2 })
  })
  afterAll(async () => duckdb[Symbol.asyncDispose]())

  it('law 4: is unavailable in a training set, in memory', () => checkCases(property(200, memory)), CASES_TIMEOUT_MS)

  it('law 4: is unavailable in a training set, in DuckDB', () => checkCases(property(40, duckdb)), CASES_TIMEOUT_MS)

  it('law 4: is unavailable for an entity at that time', () => checkCases(property(80, memory, judgePointInTime)), CASES_TIMEOUT_MS)

  it('law 9: is unavailable in a merge', () => checkCases(property(80, memory, judgeFullRun)), CASES_TIMEOUT_MS)

  it.each([
    ['nobody asks about instants', () => null],
    ['the cap itself is too many', ({ countMax }: { countMax: number }) => ({ countMax: countMax - 1 })],
    ['every event makes an instant, whether a slot counts it or not', () => ({ where: null })],
  ] as const)('a deliberate bug is noticed: %s', async (_, change) => {
    expect(await findFailure(property(1_000, askingInstants(change)))).not.toBeNull()
  })
})
