import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { groupPanesContract } from '@tidemark/ports/testing/batch-engine-contract'
import type { BatchEngineHarness } from '@tidemark/ports/testing/batch-engine-fixture'
import { writeRecordFiles } from '@tidemark/ports/testing/record-files'
import { createDuckDbBatchEngine } from './duckdb-batch-engine.ts'
import { openDuckDb } from './duckdb-session.ts'
import { quoteText } from './sql-text.ts'

for (const format of ['records', 'ndjson', 'csv', 'parquet'] as const) {
  groupPanesContract(`DuckDB, ${format}`, () => createHarness(format))
}

async function createHarness(format: 'records' | 'ndjson' | 'csv' | 'parquet'): Promise<BatchEngineHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  const engine = await createDuckDbBatchEngine({ threads: 2, temporaryFolder: folder })
  let inputCount = 0
  return {
    engine,
    async inputOf(source, records, { columns, fileCount } = {}) {
      const shared = { source, ...(columns && { columns }) }
      if (format === 'records') return { ...shared, kind: 'records', records }
      const own = await mkdtemp(join(folder, `input-${inputCount++}-`))
      const texts = await writeRecordFiles(own, format === 'parquet' ? 'csv' : format, records, fileCount)
      return { ...shared, kind: 'files', format, paths: format === 'parquet' ? await toParquet(texts) : texts }
    },
    rowsOf: () => Promise.reject(new Error('training rows have a suite of their own')),
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

/** Parquet with the types that DuckDB sniffs from the text: integers, doubles, booleans, timestamps. */
async function toParquet(paths: readonly string[]): Promise<string[]> {
  await using database = await openDuckDb()
  await using session = await database.openSession()
  for (const path of paths) {
    const rows = `read_csv(${quoteText(path)}, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, sample_size = -1)`
    await session.run(`COPY (SELECT * FROM ${rows}) TO ${quoteText(`${path}.parquet`)}`)
  }
  return paths.map((path) => `${path}.parquet`)
}
