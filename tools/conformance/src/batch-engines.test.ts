// Laws 1, 2, 3 and 9 of the batch layer: on random definitions and histories, DuckDB, the in-memory engine and the oracle agree, and a
// run on a base gives what a full run gives. Engines that are wrong on purpose are caught.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import type { BatchEngine, EventInput } from '@tidemark/ports/batch-engine'
import { writeRecordFiles } from '@tidemark/ports/testing/record-files'
import { judgeAlike, judgeFullRun, judgeIncrementalRuns } from './batch-judge.ts'
import { CASES_TIMEOUT_MS, checkCases, findFailure, type AsyncProperty } from './check-cases.ts'
import { generateArchiveCase, shrinkArchiveCase, type ArchiveCase, type RecordsInput } from './event-records.ts'
import { incrementalMutants, paneMutants, unalignedMutant } from './engine-mutants.ts'

const memory = createMemoryBatchEngine({ batchRowCount: 7 })

function property(runs: number, judge: (example: ArchiveCase) => Promise<string | null>): AsyncProperty<ArchiveCase> {
  return { runs, generate: generateArchiveCase, shrink: shrinkArchiveCase, judge }
}

describe('the in-memory engine', () => {
  it('laws 1 and 9: gives the values of the oracle', () => checkCases(property(250, (example) => judgeFullRun(memory, example))), CASES_TIMEOUT_MS)

  it('law 3: gives the same on a base as in a full run', () => checkCases(property(200, (example) => judgeIncrementalRuns(memory, example))), CASES_TIMEOUT_MS)

  it.each(paneMutants)('is caught when $bug', async ({ mutate }) => {
    expect(await findFailure(property(1_000, (example) => judgeFullRun(mutate(memory), example)))).not.toBeNull()
  })

  it(`is caught when ${unalignedMutant.bug}`, async () => {
    expect(await findFailure(property(1_000, (example) => judgeAlike(unalignedMutant.mutate(memory), memory, example)))).not.toBeNull()
  })

  it.each(incrementalMutants)('is caught when $bug', async ({ mutate }) => {
    expect(await findFailure(property(1_000, (example) => judgeIncrementalRuns(mutate(memory), example)))).not.toBeNull()
  })
})

describe('DuckDB', () => {
  let duckdb: BatchEngine

  beforeAll(async () => {
    duckdb = await createDuckDbBatchEngine({ threads: 2 })
  })
  afterAll(async () => duckdb[Symbol.asyncDispose]())

  it('law 1: makes the panes of the in-memory engine', () => checkCases(property(60, (example) => judgeAlike(duckdb, memory, example))), CASES_TIMEOUT_MS)

  it.each(['ndjson', 'csv'] as const)('law 1: makes them of %s files too', async (format) => {
    const folder = await mkdtemp(join(tmpdir(), 'tidemark-conformance-'))
    const toFiles = async ({ records, kind: _, ...shared }: RecordsInput): Promise<EventInput> => {
      const paths = await writeRecordFiles(await mkdtemp(join(folder, 'case-')), format, records, 2)
      return { ...shared, kind: 'files', format, paths }
    }
    await checkCases(property(15, (example) => judgeAlike(duckdb, memory, example, toFiles)))
    await rm(folder, { recursive: true })
  }, CASES_TIMEOUT_MS)

  it('laws 1 and 9: gives the values of the oracle', () => checkCases(property(20, (example) => judgeFullRun(duckdb, example))), CASES_TIMEOUT_MS)

  it('law 3: gives the same on a base as in a full run', () => checkCases(property(10, (example) => judgeIncrementalRuns(duckdb, example))), CASES_TIMEOUT_MS)
})
