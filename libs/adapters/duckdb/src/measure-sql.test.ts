// Law 2 for measures in SQL: folding events at once, and merging what was folded of any parts of them, give the same rows.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import type { Measure } from '@tidemark/ports/batch-engine'
import { openDuckDb, type DuckDb, type DuckDbSession, type SqlRow } from './duckdb-session.ts'
import { foldSql, isOneRow, mergeSql, outputSql, type BoundMeasure } from './measure-sql.ts'

const boundaries = Float64Array.from([0.5, 1, 2, 4, 8, 1e150])
const column: Expression = { node: 'column', name: 'x', type: 'double', nullable: true }

type Kind = Measure extends infer M ? (M extends Measure ? Omit<M, 'of' | 'where' | 'groupBy'> : never) : never

const KINDS: readonly Kind[] = [
  { kind: 'count' }, { kind: 'sum' }, { kind: 'moments' }, { kind: 'min' }, { kind: 'max' }, { kind: 'first' }, { kind: 'last' },
  { kind: 'firstK', k: 3 }, { kind: 'lastK', k: 3 }, { kind: 'topK', k: 4 }, { kind: 'bottomK', k: 4 },
  { kind: 'values', limit: 1_000 }, { kind: 'registers', precision: 5 }, { kind: 'bins', boundaries },
]

let database: DuckDb
let session: DuckDbSession
beforeAll(async () => {
  database = await openDuckDb({ threads: 2 })
  session = await database.openSession()
  const { schema } = session
  await session.run('SELECT setseed(0.25)')
  await session.run(`
    CREATE TABLE ${schema}.events AS
    SELECT (random() * 5)::INTEGER AS entity, (random() * 7)::INTEGER AS part, i::HUGEINT AS event_order,
      CASE (random() * 6)::INTEGER WHEN 0 THEN NULL WHEN 1 THEN 0.0 WHEN 2 THEN -random() * 10 ELSE round(random() * 10) / 2 END AS x,
      CASE (random() * 3)::INTEGER WHEN 0 THEN NULL WHEN 1 THEN false ELSE true END AS asked, CASE (random() * 3)::INTEGER WHEN 0 THEN NULL WHEN 1 THEN 'a' ELSE 'b' END AS g
    FROM range(2000) t(i)`)
  await session.run(`CREATE TABLE ${schema}.huge AS SELECT * REPLACE (CASE WHEN event_order = 77 THEN -1e200 ELSE x END AS x, 1 AS entity) FROM ${schema}.events`)
  await session.run(`CREATE TABLE ${schema}.boundaries (boundary DOUBLE, bin BIGINT)`)
  for (const [i, boundary] of boundaries.entries()) await session.run(`INSERT INTO ${schema}.boundaries VALUES (${boundary}, ${i + 1})`)
})
afterAll(async () => database[Symbol.asyncDispose]())

function bind(kind: Kind, index: number, { where = false, groupBy = false } = {}): BoundMeasure {
  const measure = { ...kind, of: column, where: null, groupBy: groupBy ? column : null } as Measure
  return { measure, index, of: 'x', where: where ? 'asked' : null, groupBy: groupBy ? 'g' : null, boundariesTable: `${session.schema}.boundaries` }
}

/** Folded at once, and folded by part and merged twice. */
async function bothWays(measures: readonly BoundMeasure[], table: string): Promise<[SqlRow[], SqlRow[]]> {
  const sorted = (sql: string): Promise<SqlRow[]> => session.rows(`SELECT * FROM (${sql}) ORDER BY ALL`)
  const parts = foldSql(measures, table, ['entity', 'part'])
  const halves = mergeSql(measures, `(SELECT * REPLACE (part % 2 AS part) FROM (${parts}))`, ['entity', 'part'])
  return [
    await sorted(outputSql(measures, `(${foldSql(measures, table, ['entity'])})`, ['entity'])),
    await sorted(outputSql(measures, `(${mergeSql(measures, `(${halves})`, ['entity'])})`, ['entity'])),
  ]
}

/** Doubles within 1e-9 of each other's size, as law 1 has it; everything else equal. */
function rounded(rows: readonly SqlRow[]): unknown[] {
  return rows.map((row) => Object.entries(row).map(([name, value]) => (/sum|mean|m2/.test(name) && typeof value === 'number' ? Number(value.toPrecision(9)) : value)))
}

describe('law 2: a merge of parts equals the whole', () => {
  const shapes = [{}, { where: true }, { groupBy: true }, { where: true, groupBy: true }]
  it.each(KINDS.flatMap((kind) => shapes.map((shape) => [`${kind.kind} ${Object.keys(shape).join(' ')}`, kind, shape] as const)))('%s', async (_, kind, shape) => {
    const [whole, merged] = await bothWays([bind(kind, 0, shape)], `${session.schema}.events`)
    expect(whole.length).toBeGreaterThan(4)
    expect(rounded(merged)).toEqual(rounded(whole))
  })

  it('one-row measures side by side', async () => {
    const measures = KINDS.filter((kind) => isOneRow({ ...kind, of: null, where: null, groupBy: null } as Measure)).map((kind, i) => bind(kind, i, { where: i % 2 === 1 }))
    const [whole, merged] = await bothWays(measures, `${session.schema}.events`)
    expect(Object.keys(whole[0]!)).toContain('m6_eventTimeMs')
    expect(rounded(merged)).toEqual(rounded(whole))
  })

  it('moments of a value too large to square stay NULL', async () => {
    const [whole, merged] = await bothWays([bind({ kind: 'moments' }, 0)], `${session.schema}.huge`)
    expect(whole).toEqual([{ entity: 1, n: expect.any(Number), mean: null, m2: null }])
    expect(merged).toEqual(whole)
  })
})
