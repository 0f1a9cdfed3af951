import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { ValueType } from '@tidemark/feature-schema/value'
import { loadAskedRows } from './as-of-rows.ts'
import { openDuckDb, type DuckDb, type DuckDbSession, type SqlRow } from './duckdb-session.ts'
import { quoteText } from './sql-text.ts'

describe('training rows', () => {
  let folder: string
  let database: DuckDb
  let session: DuckDbSession
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
    database = await openDuckDb({ threads: 1 })
    session = await database.openSession()
  })
  afterEach(async () => {
    await database[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  async function load(path: string, type: ValueType = 'int64', column = 'user'): Promise<SqlRow[]> {
    const format = path.endsWith('.csv') ? 'csv' : 'parquet'
    const keys = [{ key: 'user_id', column: 'unused', type }]
    const table = await loadAskedRows(session, { rows: { format, path, timeColumn: 'when' }, keys, rowKeys: { user_id: column } })
    return session.rows(`SELECT asked_time, key_0 FROM ${table} ORDER BY rowid`)
  }

  async function csv(text: string): Promise<string> {
    await writeFile(join(folder, 'rows.csv'), text)
    return join(folder, 'rows.csv')
  }

  async function parquet(sql: string): Promise<string> {
    await session.run(`COPY (${sql}) TO ${quoteText(join(folder, 'rows.parquet'))}`)
    return join(folder, 'rows.parquet')
  }

  it('in CSV are typed as their key is, and a cell that cannot be read is NULL', async () => {
    const path = await csv('user,when,x\n7,2001-01-01T00:00:00Z,1\n7.5,978307200000,2\n,soon,3\n9223372036854775807,2001-02-30,4\n')
    expect(await load(path)).toEqual([
      { asked_time: 978307200000n, key_0: 7n },
      { asked_time: 978307200000n, key_0: null },
      { asked_time: null, key_0: null },
      { asked_time: null, key_0: 9223372036854775807n },
    ])
  })

  it('in Parquet have times as timestamps, dates, numbers or text', async () => {
    for (const when of [`TIMESTAMP '2001-01-01'`, `TIMESTAMP_NS '2001-01-01'`, `DATE '2001-01-01'`, '978307200000', '978307200000.0::DOUBLE', `'2001-01-01'`]) {
      expect(await load(await parquet(`SELECT 7 AS user, ${when} AS "when"`))).toEqual([{ asked_time: 978307200000n, key_0: 7n }])
      await session.run(`DROP TABLE ${session.schema}.asked_rows`)
    }
  })

  it('lack a column: the error says which was probably meant', async () => {
    const path = await csv('usr,when\n1,2\n')
    await expect(load(path)).rejects.toMatchObject({ code: 'UNKNOWN_NAME', message: expect.stringContaining('Did you mean usr?') })
  })

  it('cannot be read: the error names the file, the record or the column', async () => {
    await expect(load(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', message: expect.stringContaining('none.csv') })
    await expect(load(await csv('user,when\n1,2\n1,2,3\n'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', message: expect.stringContaining('record 2') })
    await expect(load(await parquet(`SELECT [1] AS user, 1 AS "when"`))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', message: expect.stringContaining('column user') })
    await writeFile(join(folder, 'rows.parquet'), 'PAR1 and not')
    await expect(load(join(folder, 'rows.parquet'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })
})
