import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { groupAsOfContract } from '@tidemark/ports/testing/batch-engine-contract'
import type { BatchEngineHarness } from '@tidemark/ports/testing/batch-engine-fixture'
import { writeRecordFiles, type JsonRecord } from '@tidemark/ports/testing/record-files'
import { createDuckDbBatchEngine } from './duckdb-batch-engine.ts'
import { openDuckDb } from './duckdb-session.ts'
import { quoteText } from './sql-text.ts'

for (const format of ['records', 'csv', 'parquet'] as const) {
  groupAsOfContract(`DuckDB, ${format}`, () => createHarness(format))
}

/** Events as records, which decodes them as the stream does; the rows in the format. */
async function createHarness(format: 'records' | 'csv' | 'parquet'): Promise<BatchEngineHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  const engine = await createDuckDbBatchEngine({ threads: 2, temporaryFolder: folder })
  return {
    engine,
    inputOf: (source, records, { columns } = {}) => Promise.resolve({ source, kind: 'records', records, ...(columns && { columns }) }),
    async rowsOf(records, timeColumn) {
      if (format === 'records') return { timeColumn, format, records }
      const [text] = await writeRecordFiles(await mkdtemp(join(folder, 'rows-')), 'csv', records)
      return { timeColumn, format, path: format === 'csv' ? text! : await toParquet(text!, records) }
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

/** Parquet with the types that DuckDB sniffs from the text. */
async function toParquet(path: string, records: readonly JsonRecord[]): Promise<string> {
  await using database = await openDuckDb()
  await using session = await database.openSession()
  const sniffs = records.length > 0 ? 'sample_size = -1' : 'all_varchar = true'
  const rows = `read_csv(${quoteText(path)}, header = true, delim = ',', quote = '"', escape = '"', nullstr = '', allow_quoted_nulls = false, ${sniffs})`
  await session.run(`COPY (SELECT * FROM ${rows}) TO ${quoteText(`${path}.parquet`)}`)
  return `${path}.parquet`
}
