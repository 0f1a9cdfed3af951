// Law 4 for training sets: on random definitions, histories and rows, DuckDB and the in-memory engine give each row what the oracle
// says was known at its time, in both known-at modes. Engines that are wrong on purpose are caught.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import { CASES_TIMEOUT_MS, checkCases, findFailure, type AsyncProperty } from './check-cases.ts'
import { asOfMutants } from './engine-mutants.ts'
import { generateTrainingCase, judgePointInTime, judgeTraining, shrinkTrainingCase, type TrainingCase } from './training-judge.ts'

const memory = createMemoryBatchEngine({ batchRowCount: 7 })

function property(runs: number, engine: BatchEngine): AsyncProperty<TrainingCase> {
  return { runs, generate: generateTrainingCase, shrink: shrinkTrainingCase, judge: (example) => judgeTraining(engine, example) }
}

describe('the in-memory engine', () => {
  it('laws 1, 2 and 4: gives each row the values of the oracle', () => checkCases(property(250, memory)), CASES_TIMEOUT_MS)

  it('law 4: gives an entity at a time what a training row of that time has', () =>
    checkCases({ ...property(100, memory), judge: (example) => judgePointInTime(memory, example) }), CASES_TIMEOUT_MS)

  it.each(asOfMutants)('is caught when $bug', async ({ mutate }) => {
    expect(await findFailure(property(1_000, mutate(memory)))).not.toBeNull()
  })
})

describe('DuckDB', () => {
  let duckdb: BatchEngine

  beforeAll(async () => {
    duckdb = await createDuckDbBatchEngine({ threads: 2 })
  })
  afterAll(async () => duckdb[Symbol.asyncDispose]())

  it('laws 1, 2 and 4: gives each row the values of the oracle', () => checkCases(property(50, duckdb)), CASES_TIMEOUT_MS)
})
