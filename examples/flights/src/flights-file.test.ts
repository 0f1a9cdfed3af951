import { expect, it } from '@jest/globals'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { flightsFilePath } from './flights-file.ts'

it('holds three million flights', async () => {
  using session = await openDuckDb({ threadCount: 1, memoryMaxMiB: 256 })
  const reader = await session.connection.runAndReadAll(`select count(*) from read_parquet($1)`, [flightsFilePath()])
  expect(reader.getRows()).toEqual([[3_000_000n]])
})
