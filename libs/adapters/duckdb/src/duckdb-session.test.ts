import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { openDuckDb } from './duckdb-session.ts'

describe('openDuckDb', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('answers a query, keeps to its limit of threads, and leaves no folder behind', async () => {
    {
      await using database = await openDuckDb({ threads: 1, memoryLimitBytes: 256 * 2 ** 20, temporaryFolder: folder })
      await using session = await database.openSession()
      expect(await session.rows(`select 6 * 7 as answer, current_setting('threads') as threads`)).toEqual([{ answer: 42, threads: 1n }])
      expect(await readdir(folder)).toHaveLength(1)
    }
    expect(await readdir(folder)).toEqual([])
  })

  it('drops the tables of a session at its end', async () => {
    await using database = await openDuckDb({ temporaryFolder: folder })
    {
      await using session = await database.openSession()
      await session.run(`CREATE TABLE ${session.schema}.t AS SELECT 1 AS a`)
    }
    await using other = await database.openSession()
    expect(await other.rows('SELECT count(*) AS n FROM duckdb_tables()')).toEqual([{ n: 0n }])
  })

  it('says that room for intermediate results ran out', async () => {
    await using database = await openDuckDb({ threads: 1, memoryLimitBytes: 32 * 2 ** 20, temporaryFolder: folder, temporaryMaxBytes: 2 ** 20 })
    await using session = await database.openSession()
    await expect(session.run(`CREATE TABLE ${session.schema}.t AS SELECT md5(range::VARCHAR) AS a FROM range(3000000)`)).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
    })
  })

  it('says that its folder cannot be made', async () => {
    await expect(openDuckDb({ temporaryFolder: join(folder, 'nowhere') })).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
  })
})
