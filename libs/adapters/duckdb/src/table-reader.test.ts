import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Value } from '@tidemark/feature-schema/value'
import type { TableColumn } from '@tidemark/ports/batch-engine'
import { createDuckDbBatchEngine } from './duckdb-batch-engine.ts'
import { openDuckDb } from './duckdb-session.ts'
import { quoteText } from './sql-text.ts'

describe('reading a table', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function read(format: 'csv' | 'parquet', path: string): Promise<{ columns: readonly TableColumn[]; rows: Record<string, Value>[] }> {
    await using engine = await createDuckDbBatchEngine({ threads: 1 })
    await using table = await engine.readTable({ format, path })
    const rows: Record<string, Value>[] = []
    for await (const { rowCount, columns } of table.batches) {
      for (let i = 0; i < rowCount; i++) rows.push(Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[i]!])))
    }
    expect(table.rowCount).toBe(rows.length)
    return { columns: table.columns, rows }
  }

  async function readCsv(text: string): ReturnType<typeof read> {
    const path = join(folder, 'table.csv')
    await writeFile(path, text)
    return read('csv', path)
  }

  it('takes a CSV column as numbers, booleans or times where all of it is', async () => {
    const { columns, rows } = await readCsv('n,x,ok,at,s\n9223372036854775807,0.5,true,1970-01-01T00:00:05.000Z,a\n,2,,,\n-3,-1e3,false,1970-01-01,"1"\n')
    expect(columns.map(({ type }) => type)).toEqual(['int64', 'double', 'boolean', 'timestamp', 'string'])
    expect(rows).toEqual([
      { n: 2n ** 63n - 1n, x: 0.5, ok: true, at: 5_000, s: 'a' },
      { n: null, x: 2, ok: null, at: null, s: null },
      { n: -3, x: -1_000, ok: false, at: 0, s: '1' },
    ])
  })

  it('leaves text that would say less as a value', async () => {
    const { columns, rows } = await readCsv('zip,us,none\n01234,1970-01-01T00:00:00.123456Z,\n8,1970-01-01,\n')
    expect(columns.map(({ type }) => type)).toEqual(['string', 'string', 'string'])
    expect(rows[0]).toEqual({ zip: '01234', us: '1970-01-01T00:00:00.123456Z', none: null })
  })

  it('reads the types of Parquet, in the order of the rows', async () => {
    const path = join(folder, 'table.parquet')
    await using database = await openDuckDb()
    await using session = await database.openSession()
    await session.run(`COPY (
      SELECT range::INTEGER AS n, (range / 4)::DECIMAL(9, 2) AS d, if(range = 1, 'nan', '-0.0')::DOUBLE AS x, range % 2 = 0 AS ok,
        make_timestamp(range::BIGINT) AS at, DATE '1970-01-02' AS day, [range, 1] AS list, range::HUGEINT AS h FROM range(5000)
    ) TO ${quoteText(path)}`)
    const { columns, rows } = await read('parquet', path)
    expect(columns.map(({ type }) => type)).toEqual(['int64', 'double', 'double', 'boolean', 'timestamp', 'timestamp', 'string', expect.any(String)])
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 5_000 }, (_, i) => i))
    expect(rows[1]).toMatchObject({ n: 1, d: 0.25, x: null, ok: false, at: 0.001, day: 86_400_000, list: '[1, 1]', h: 1 })
    expect(Object.is(rows[0]!['x'], 0)).toBe(true)
  })

  it('says that a file is missing or damaged', async () => {
    await writeFile(join(folder, 'torn.parquet'), 'PAR1')
    await expect(read('parquet', join(folder, 'torn.parquet'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await expect(read('csv', join(folder, 'missing.csv'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })
})
