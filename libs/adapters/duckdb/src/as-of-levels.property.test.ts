// Law 2 and law 4: levels of cells only save work. Every measure says the same of a row's events whether they are folded one by one or
// merged from the cells of any levels.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Measure } from '@tidemark/ports/batch-engine'
import fc from 'fast-check'
import { chooseLevels, makeLevels } from './as-of-levels.ts'
import { asOfSql } from './as-of-stream.ts'
import { openDuckDb, type DuckDb, type DuckDbSession } from './duckdb-session.ts'
import { shareQueries } from './pane-sql.ts'
import type { BoundMeasure } from './measure-sql.ts'

const HOUR_MS = 3_600_000
const boundaries = Float64Array.from({ length: 60 }, (_, i) => 0.5 * 1.2 ** i)
const all = { of: null, where: null, groupBy: null }

/** Kinds over a number x, a text s, a condition w and a group g; the columns may be NULL. */
const measures: readonly (Measure & { readonly on?: 'x' | 's'; readonly isFiltered?: true; readonly isGrouped?: true })[] = [
  { kind: 'count', ...all },
  { kind: 'count', ...all, on: 'x', isFiltered: true },
  { kind: 'sum', ...all, on: 'x' },
  { kind: 'moments', ...all, on: 'x' },
  { kind: 'min', ...all, on: 's' },
  { kind: 'max', ...all, on: 'x', isFiltered: true },
  { kind: 'first', ...all, on: 's' },
  { kind: 'last', ...all, on: 'x' },
  { kind: 'sum', ...all, on: 'x', isGrouped: true },
  { kind: 'last', ...all, on: 's', isGrouped: true, isFiltered: true },
  { kind: 'firstK', k: 3, ...all, on: 'x' },
  { kind: 'lastK', k: 2, ...all, on: 's', isGrouped: true },
  { kind: 'topK', k: 3, ...all, on: 'x' },
  { kind: 'bottomK', k: 2, ...all, on: 's' },
  { kind: 'values', limit: 1000, ...all, on: 's' },
  { kind: 'registers', precision: 6, ...all, on: 's' },
  { kind: 'bins', boundaries, ...all, on: 'x', isFiltered: true },
]

interface Event {
  readonly entity: number
  readonly eventTime: number
  readonly lateness: number
  readonly x: number | null
  readonly s: string | null
  readonly w: boolean
  readonly g: string | null
}

const time = fc.integer({ min: -200 * HOUR_MS, max: 200 * HOUR_MS })
const lateness = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 100 * HOUR_MS }))
const eventOf: fc.Arbitrary<Event> = fc.record({
  entity: fc.integer({ min: 0, max: 1 }), eventTime: time, lateness, w: fc.boolean(),
  x: fc.option(fc.integer({ min: -40, max: 40 })), s: fc.option(fc.constantFrom('a', 'b', 'ä', '😀', '')), g: fc.option(fc.constantFrom('p', 'q')),
})
const cases = fc.record({
  events: fc.array(eventOf, { minLength: 30, maxLength: 100 }),
  rows: fc.array(fc.record({ entity: fc.integer({ min: 0, max: 1 }), asked: time }), { minLength: 5, maxLength: 20 }),
  lengths: fc.subarray([HOUR_MS / 4, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS]),
  windowMs: fc.option(fc.constantFrom(HOUR_MS, 24 * HOUR_MS, 150 * HOUR_MS)),
})

describe('law 4: levels of cells', () => {
  let database: DuckDb
  let session: DuckDbSession
  let bound: BoundMeasure[]
  beforeAll(async () => {
    database = await openDuckDb({ threads: 1 })
    session = await database.openSession()
    const boundariesTable = `${session.schema}.boundaries`
    await session.run(`CREATE TABLE ${boundariesTable} AS SELECT unnest([${boundaries.join(', ')}])::DOUBLE AS boundary, unnest(range(1, ${boundaries.length + 1})) AS bin`)
    bound = measures.map(({ on, isFiltered, isGrouped, ...measure }, index) => ({
      measure: isGrouped ? { ...measure, groupBy: { node: 'column', name: 'g', type: 'string', nullable: true } } : measure,
      index, of: on ?? null, where: isFiltered ? 'w' : null, groupBy: isGrouped ? 'g' : null,
      boundariesTable: measure.kind === 'bins' ? boundariesTable : null,
    }))
  })
  afterAll(async () => {
    await database[Symbol.asyncDispose]()
  })

  it('say of every measure what its events say one by one', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(cases, async ({ events, rows, lengths, windowMs }) => {
        const tables = await makeTables(session, `case_${run++}`, events, rows, windowMs)
        for (const [i, shared] of shareQueries(bound).entries()) {
          const levels = await makeLevels(session, tables.events, lengths, shared, `${tables.events}_${i}`)
          const merged = await session.rows(asOfSql(levels, windowMs, shared, tables.questions))
          const folded = await session.rows(asOfSql(levels.slice(0, 1), windowMs, shared, tables.questions))
          expect(merged.map(textOf).sort()).toEqual(folded.map(textOf).sort())
        }
      }),
      { numRuns: 12 },
    )
  }, 60_000)

  it('are made where they hold far fewer states than there are events', async () => {
    const events = Array.from({ length: 2_000 }, (_, i): Event => ({ entity: 0, eventTime: i * 1_000, lateness: 0, x: i, s: 'a', w: true, g: 'p' }))
    const tables = await makeTables(session, 'dense', events, [{ entity: 0, asked: 0 }], null)
    const lengthsOf = (kind: Measure['kind'], longestMs: number | null): Promise<number[]> =>
      chooseLevels(session, tables, bound.filter(({ measure }) => measure.kind === kind).slice(0, 1), longestMs)
    expect((await lengthsOf('count', HOUR_MS)).slice(0, 2)).toEqual([60_000, 900_000])
    expect(await lengthsOf('count', 90_000)).toEqual([])
    // Every value of x is another.
    expect(await lengthsOf('bins', HOUR_MS)).toEqual([])
  })
})

async function makeTables(
  session: DuckDbSession, name: string, events: readonly Event[], rows: readonly { entity: number; asked: number }[], windowMs: number | null,
): Promise<{ events: string; questions: string }> {
  const [table, questions] = [`${session.schema}.${name}`, `${session.schema}.${name}_questions`]
  const text = (value: string | null): string => (value === null ? 'NULL' : `'${value}'`)
  const values = events.map(({ entity, eventTime, lateness: late, x, s, w, g }, i) =>
    `(${entity}, ${eventTime}::BIGINT, ${eventTime + late}::BIGINT, ${eventTime}::HUGEINT * 9444732965739290427392 + ${i}, ${x ?? 'NULL'}::BIGINT, ${text(s)}, ${w}, ${text(g)})`)
  await session.run(`CREATE TABLE ${table} AS FROM (VALUES ${values.join(', ')}) e(entity, event_start, known_start, event_order, x, s, w, g)`)
  const asked = rows.map((row, i) => `(${i}, ${row.entity}, ${row.asked}::BIGINT, ${row.asked - (windowMs ?? 0)}::BIGINT)`)
  await session.run(`CREATE TABLE ${questions} AS FROM (VALUES ${asked.join(', ')}) q(row_index, entity, cut, tail)`)
  return { events: table, questions }
}

/** Doubles to ten digits: moments depend on the order of addition. */
function textOf(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(row, (name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : typeof value === 'number' && /mean|m2/.test(name) ? (Math.abs(value) < 1e-9 ? '0' : value.toPrecision(10)) : value)
}
