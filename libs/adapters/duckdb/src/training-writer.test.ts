import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import type { TableColumn, BatchEngine, ColumnBatch, RowsWriter } from '@tidemark/ports/batch-engine'
import type { Value } from '@tidemark/feature-schema/value'
import { createDuckDbBatchEngine } from './duckdb-batch-engine.ts'
import { openDuckDb } from './duckdb-session.ts'
import { quoteText } from './sql-text.ts'

const csvRows = 'id, note ,when,"a ""name"", quoted"\n007,"x,y",5,1.50\n8,"",6,\n9,,soon,"two\nlines"\n'
const columns: readonly TableColumn[] = [
  { name: 'n_1h', type: 'int64' },
  { name: 'share', type: 'double' },
  { name: 'late', type: 'boolean' },
  { name: 'last', type: 'string' },
  { name: 'seen', type: 'timestamp' },
  { name: 'top', type: 'json' },
  { name: 'small', type: 'int32' },
]
const values: readonly (readonly Value[])[] = [
  [2n ** 63n - 1n, 0.1, true, 'a,b', -1, '[1,"x"]', -7],
  [5, 100, false, '', 1_000_000_000_123, '{}', 3],
  [null, null, null, null, null, null, null],
]

describe('a training set', () => {
  let folder: string
  let engine: BatchEngine & RowsWriter
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
    engine = await createDuckDbBatchEngine({ threads: 2 })
  })
  afterEach(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  const path = (name: string): string => join(folder, name)
  const inRows = async (): Promise<{ format: 'csv'; path: string; timeColumn: string }> => {
    await writeFile(path('rows.csv'), csvRows)
    return { format: 'csv', path: path('rows.csv'), timeColumn: 'when' }
  }

  it('in CSV has the text of every field of the rows, then the features', async () => {
    const answer = await engine.writeRows(await inRows(), { format: 'csv', path: path('out.csv'), columns, batches: batchesOf(columns, values, 2) })
    expect(answer).toEqual({ rowCount: 3 })
    expect(await readFile(path('out.csv'), 'utf8')).toBe(
      [
        'id, note ,when,"a ""name"", quoted",n_1h,share,late,last,seen,top,small',
        '007,"x,y",5,1.50,9223372036854775807,0.1,true,"a,b",1969-12-31T23:59:59.999Z,"[1,""x""]",-7',
        '8,"",6,,5,100.0,false,"",2001-09-09T01:46:40.123Z,{},3',
        '9,,soon,"two\nlines",,,,,,,',
        '',
      ].join('\n'),
    )
    expect((await readdir(folder)).sort()).toEqual(['out.csv', 'rows.csv'])
  })

  it('in Parquet has typed features, and the types of the rows', async () => {
    const own = `i::SMALLINT AS small_id, i::DECIMAL(9, 2) AS price, i::FLOAT AS f, [i] AS list, TIMESTAMP_MS '2001-01-01' AS ms, DATE '2001-01-01' AS day, 'x'::BLOB AS bytes`
    await query(`COPY (SELECT ${own} FROM range(3) t(i)) TO ${quoteText(path('rows.parquet'))}`)
    const rows = { format: 'parquet', path: path('rows.parquet'), timeColumn: 'ms' } as const
    await engine.writeRows(rows, { format: 'parquet', path: path('out.parquet'), columns, batches: batchesOf(columns, values, 3) })
    const before = await query(`DESCRIBE FROM ${quoteText(path('rows.parquet'))}`)
    const after = await query(`DESCRIBE FROM ${quoteText(path('out.parquet'))}`)
    expect(after.slice(0, 7)).toEqual(before)
    expect(after.slice(7).map((column) => column['column_type'])).toEqual(['BIGINT', 'DOUBLE', 'BOOLEAN', 'VARCHAR', 'TIMESTAMP', 'VARCHAR', 'INTEGER'])
    expect(await query(`SELECT small_id, n_1h, epoch_ms(seen) AS seen, top FROM ${quoteText(path('out.parquet'))}`)).toEqual([
      { small_id: 0, n_1h: 2n ** 63n - 1n, seen: -1n, top: '[1,"x"]' },
      { small_id: 1, n_1h: 5n, seen: 1_000_000_000_123n, top: '{}' },
      { small_id: 2, n_1h: null, seen: null, top: null },
    ])
  })

  it('keeps the order of many rows, from Parquet and from CSV', async () => {
    const rowCount = 100_000
    await query(`COPY (SELECT (i * 7919) % ${rowCount} AS id FROM range(${rowCount}) t(i)) TO ${quoteText(path('rows.parquet'))} (ROW_GROUP_SIZE 10000)`)
    await query(`COPY (FROM ${quoteText(path('rows.parquet'))}) TO ${quoteText(path('rows.csv'))}`)
    const added: TableColumn[] = [{ name: 'x', type: 'int64' }]
    const expected = Array.from({ length: rowCount }, (_, i) => [(i * 7919) % rowCount])
    for (const format of ['parquet', 'csv'] as const) {
      const rows = { format, path: path(`rows.${format}`), timeColumn: 'id' }
      await engine.writeRows(rows, { format: 'parquet', path: path('out.parquet'), columns: added, batches: batchesOf(added, expected, 5_000) })
      expect(await query(`SELECT count(*) AS n, count(*) FILTER (WHERE id::BIGINT <> x) AS wrong FROM ${quoteText(path('out.parquet'))}`)).toEqual([{ n: 100_000n, wrong: 0n }])
    }
  }, 30_000)

  it('may have no row', async () => {
    await writeFile(path('rows.csv'), 'id,t\n')
    const rows = { format: 'csv', path: path('rows.csv'), timeColumn: 't' } as const
    expect(await engine.writeRows(rows, { format: 'csv', path: path('out.csv'), columns, batches: batchesOf(columns, [], 1) })).toEqual({ rowCount: 0 })
    expect(await readFile(path('out.csv'), 'utf8')).toBe('id,t,n_1h,share,late,last,seen,top,small\n')
  })

  it('is refused where a feature is named as a column of the rows, or as another feature', async () => {
    for (const [name, said] of [['WHEN', 'the rows have a column when'], ['small', 'a feature small']] as const) {
      const clashing: TableColumn[] = [{ name: 'small', type: 'int32' }, { name, type: 'int32' }]
      const written = engine.writeRows(await inRows(), { format: 'csv', path: path('out.csv'), columns: clashing, batches: batchesOf(clashing, [], 1) })
      await expect(written).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(said) })
    }
    expect(await readdir(folder)).toEqual(['rows.csv'])
  })

  it('leaves nothing where there is no folder, where a folder is in the way, and where the features fail half-way', async () => {
    const rows = await inRows()
    await expect(engine.writeRows(rows, { format: 'csv', path: path('no/out.csv'), columns, batches: batchesOf(columns, values, 1) })).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
    await mkdir(path('out.csv'))
    await expect(engine.writeRows(rows, { format: 'csv', path: path('out.csv'), columns, batches: batchesOf(columns, values, 1) })).rejects.toMatchObject({ code: 'OUTPUT_FAILED' })
    const failing = async function* (): AsyncGenerator<ColumnBatch> {
      yield* batchesOf(columns, values.slice(0, 1), 1)
      throw new Error('half-way')
    }
    await expect(engine.writeRows(rows, { format: 'csv', path: path('other.csv'), columns, batches: failing() })).rejects.toThrow('half-way')
    expect((await readdir(folder)).sort()).toEqual(['out.csv', 'rows.csv'])
  })

  it('keeps what was there before where it cannot be written anew', async () => {
    const rows = await inRows()
    await writeFile(path('out.csv'), 'before')
    await expect(engine.writeRows(rows, { format: 'csv', path: path('out.csv'), columns, batches: batchesOf(columns, values.slice(1), 1) })).rejects.toThrow('rows were expected')
    expect(await readFile(path('out.csv'), 'utf8')).toBe('before')
  })

  it('is refused where the rows are not there, or one of them cannot be read', async () => {
    const output = { format: 'csv', path: path('out.csv'), columns, batches: batchesOf(columns, values, 1) } as const
    await expect(engine.writeRows({ format: 'csv', path: path('none.csv'), timeColumn: 't' }, output)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    await writeFile(path('rows.csv'), 'id,t\n1,2\n1,2,3\n4,5\n')
    const written = engine.writeRows({ format: 'csv', path: path('rows.csv'), timeColumn: 't' }, output)
    await expect(written).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', message: expect.stringContaining('record 2') })
  })

  it('is refused where two columns of the rows differ in case only', async () => {
    await writeFile(path('rows.csv'), 'Id,id,t\n1,2,3\n')
    const output = { format: 'csv', path: path('out.csv'), columns, batches: batchesOf(columns, values.slice(0, 1), 1) } as const
    await expect(engine.writeRows({ format: 'csv', path: path('rows.csv'), timeColumn: 't' }, output)).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE', message: expect.stringContaining('id is one'),
    })
  })
})

async function* batchesOf(columns: readonly TableColumn[], rows: readonly (readonly Value[])[], batchRowCount: number): AsyncGenerator<ColumnBatch> {
  for (let from = 0; from < rows.length; from += batchRowCount) {
    const part = rows.slice(from, from + batchRowCount)
    const added = columns.map(({ name }, i) => [name, part.map((row) => row[i]!)] as const)
    yield await Promise.resolve({ rowCount: part.length, columns: { row: part.map((_, i) => from + i), ...Object.fromEntries(added) } })
  }
}

async function query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  await using database = await openDuckDb({ threads: 1 })
  await using session = await database.openSession()
  return await session.rows(sql)
}
