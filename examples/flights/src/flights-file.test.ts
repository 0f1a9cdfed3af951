import { expect, it } from '@jest/globals'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { flightsFilePath } from './flights-file.ts'

it('holds three million flights', async () => {
  await using database = await openDuckDb({ threads: 1, memoryLimitBytes: 2 ** 28 })
  await using session = await database.openSession()
  expect(await session.rows(`SELECT count(*) AS n FROM read_parquet('${flightsFilePath()}')`)).toEqual([{ n: 3_000_000n }])
})
