// CSV as other programs write it: unnamed columns, blank lines, line breaks in fields, mixed line ends, misplaced quotes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { CSV_REASON_SQL, CSV_REJECTS_TABLE, readCsv } from './csv-file.ts'
import { openDuckDb } from './duckdb-session.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
})
afterAll(() => rm(folder, { recursive: true }))

interface Read {
  readonly names: readonly string[]
  readonly rows: readonly unknown[][]
  /** Numbers count the header. */
  readonly refused: readonly unknown[][]
}

async function read(text: string): Promise<Read> {
  const path = join(folder, 'table.csv')
  await writeFile(path, text)
  await using database = await openDuckDb({ threads: 1 })
  await using session = await database.openSession()
  let names: readonly string[] = []
  await readCsv(session, path, async (scan) => {
    names = [...scan.columnTypes.keys()]
    await session.run(`CREATE TABLE ${session.schema}.t AS SELECT ${names.map((name) => scan.rawColumn(name)).join(', ')} FROM ${scan.relation}`)
  })
  const rows = await session.rows(`SELECT * FROM ${session.schema}.t ORDER BY rowid`)
  const refused = await session.rows(`SELECT line, ${CSV_REASON_SQL} AS reason FROM ${CSV_REJECTS_TABLE} ORDER BY line`)
  return { names, rows: rows.map((row) => Object.values(row)), refused: refused.map(({ line, reason }) => [Number(line), reason]) }
}

describe('readCsv', () => {
  it.each<[string, string, string[], unknown[][]]>([
    ['a first column without a name', ',ts,k\n0,t,a\n', ['unnamed_1', 'ts', 'k'], [['0', 't', 'a']]],
    ['a last column without a name', 'k,\na,001\n', ['k', 'unnamed_2'], [['a', '001']]],
    ['quoted names', '"a,b","c""d"\n1,2\n', ['a,b', 'c"d'], [['1', '2']]],
    ['a name with a line break', '"a\nb",c\n1,2\n', ['a\nb', 'c'], [['1', '2']]],
    ['a byte order mark', '\uFEFFk,x\na,1\n', ['k', 'x'], [['a', '1']]],
    ['blank lines in front', '\n\r\n\nk,x\na,1\n', ['k', 'x'], [['a', '1']]],
    ['a line feed in a field of a file with CRLF', 'k,z\r\na,"x\ny"\r\nb,c\r\n', ['k', 'z'], [['a', 'x\ny'], ['b', 'c']]],
    ['CRLF in a field of a file with line feeds', 'k,z\na,"x\r\ny"\nb,c\n', ['k', 'z'], [['a', 'x\r\ny'], ['b', 'c']]],
    ['a carriage return in a field', 'k,z\na,"x\ry"\nb,c\n', ['k', 'z'], [['a', 'x\ry'], ['b', 'c']]],
    ['one line that ends otherwise', 'k,z\na,1\r\nb,"2\n3"\nc,\n', ['k', 'z'], [['a', '1'], ['b', '2\n3'], ['c', null]]],
    ['mixed ends, a mark and blank lines', '\uFEFF\n\nk,z\r\na,1\nb,2\r\n\nc,3', ['k', 'z'], [['a', '1'], ['b', '2'], ['c', '3']]],
    ['no record', 'k,z', ['k', 'z'], []],
  ])('reads %s', async (_, text, names, rows) => {
    expect(await read(text)).toEqual({ names, rows, refused: [] })
  })

  it('refuses a record with a quote in the wrong place, and no other', async () => {
    const { rows, refused } = await read('k,z\na,1\r\nb,"2"3\nc,4"\nd,5\n')
    expect(rows).toEqual([['a', '1'], ['d', '5']])
    expect(refused).toEqual([[3, 'A quote stands in the wrong place'], [4, 'A quote stands in the wrong place']])
  })

  it('refuses a record of another number of fields', async () => {
    expect(await read('k,z\na,"x\ny"\na\n')).toMatchObject({ rows: [['a', 'x\ny']], refused: [[3, expect.stringContaining('Expected Number of Columns')]] })
  })

  it.each(['', '\n\n', '\uFEFF\n'])('says that %j is empty', async (text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  })
})
