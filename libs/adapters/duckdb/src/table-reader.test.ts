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

  it('leaves CSV as its texts', async () => {
    const { columns, rows } = await readCsv('n,x,at,s\n0123,0.50,1970-01-01T00:00:05.000Z,"1"\n,,,""\n')
    expect(columns.map(({ type }) => type)).toEqual(['string', 'string', 'string', 'string'])
    expect(rows).toEqual([{ n: '0123', x: '0.50', at: '1970-01-01T00:00:05.000Z', s: '1' }, { n: null, x: null, at: null, s: '' }])
  })

  it('reads the types of Parquet, in the order of the rows', async () => {
    const path = join(folder, 'table.parquet')
    await using database = await openDuckDb()
    await using session = await database.openSession()
    await session.run(`COPY (
      SELECT range::INTEGER AS n, (range / 4)::DECIMAL(9, 2) AS d, if(range = 1, 'nan', '-0.0')::DOUBLE AS x, range % 2 = 0 AS ok,
        make_timestamp(range::BIGINT) AS at, DATE '1970-01-02' AS day, [range, 1] AS list, range::HUGEINT AS h,
        '1.000000000000000001'::DECIMAL(20, 18) AS long, make_timestamp_ns(range::BIGINT * 1000) AS us, make_timestamp_ns(range::BIGINT) AS ns, if(range = 1, '-inf', 'inf')::DOUBLE AS inf FROM range(5000)
    ) TO ${quoteText(path)}`)
    const { columns, rows } = await read('parquet', path)
    expect(columns.map(({ type }) => type)).toEqual(['int64', 'string', 'double', 'boolean', 'timestamp', 'timestamp', 'string', expect.any(String), 'string', 'timestamp', 'string', 'double'])
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: 5_000 }, (_, i) => i))
    expect(rows[1]).toMatchObject({
      n: 1, d: '0.25', x: NaN, ok: false, at: 0.001, day: 86_400_000, list: '[1, 1]', h: 1,
      long: '1.000000000000000001', us: 0.001, ns: '1970-01-01 00:00:00.000000001', inf: -Infinity,
    })
  })

  it('says that a file is missing or damaged', async () => {
    await writeFile(join(folder, 'torn.parquet'), 'PAR1')
    await expect(read('parquet', join(folder, 'torn.parquet'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await expect(read('csv', join(folder, 'missing.csv'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })
})
