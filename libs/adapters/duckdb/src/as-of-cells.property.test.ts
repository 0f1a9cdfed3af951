// Law 4: whatever the levels, the cells and events that a row takes are the events of its quadrant, each exactly once. The deliberate
// bugs at the end are in the conditions that decide it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { levelParts, type CellLevel } from './as-of-cells.ts'
import { openDuckDb, type DuckDb, type DuckDbSession } from './duckdb-session.ts'
import { floorToMultiple } from './sql-text.ts'

interface Case {
  readonly events: readonly { entity: number; eventTime: number; lateness: number }[]
  readonly rows: readonly { entity: number; asked: number; delay: number }[]
  readonly lengths: readonly number[]
  readonly window: { lengthMs: number; resolutionMs: number } | null
}

/** Lengths of cells so short that times often meet their edges. */
const LENGTHS = [3, 6, 24, 48]
const time = fc.integer({ min: -100, max: 100 })
const entity = fc.integer({ min: 0, max: 2 })
const lateness = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 100 }))
const cases: fc.Arbitrary<Case> = fc.record({
  events: fc.array(fc.record({ entity, eventTime: time, lateness }), { minLength: 40, maxLength: 80 }),
  rows: fc.array(fc.record({ entity: fc.integer({ min: 0, max: 3 }), asked: time, delay: lateness }), { minLength: 20, maxLength: 40 }),
  lengths: fc.subarray(LENGTHS),
  window: fc.option(fc.record({ lengthMs: fc.integer({ min: 1, max: 120 }), resolutionMs: fc.constantFrom(1, 2, 5, 12, 24) })),
})

/** `row:event` for each event that a row takes, sorted. */
type Taken = readonly string[]

function expected({ events, rows, window }: Case): Taken {
  const taken = rows.flatMap((row, i) => {
    const tail = window === null ? -Infinity : Math.floor((row.asked - window.lengthMs) / window.resolutionMs) * window.resolutionMs
    return events.flatMap((event, id) => {
      const isTaken = event.entity === row.entity && event.eventTime >= tail && event.eventTime + event.lateness < row.asked - row.delay
      return isTaken ? [`${i}:${id}`] : []
    })
  })
  return taken.sort()
}

/** What the parts take, with `break_` applied to their SQL. */
async function takenBy(session: DuckDbSession, one: Case, break_: (sql: string) => string): Promise<Taken> {
  const s = session.schema
  const values = (rows: readonly (readonly number[])[]): string => rows.map((row) => `(${row.join(', ')})`).join(', ')
  const eventRows = one.events.map((event, id) => [event.entity, event.eventTime, event.eventTime + event.lateness, id])
  await session.run(`CREATE OR REPLACE TABLE ${s}.events AS SELECT entity, event_start::BIGINT AS event_start, known_start::BIGINT AS known_start, [id] AS ids
    FROM (VALUES ${values(eventRows)}) e(entity, event_start, known_start, id)`)
  const levels: CellLevel[] = [{ lengthMs: 1, table: `${s}.events` }]
  for (const lengthMs of one.lengths) {
    const table = `${s}.cells_${lengthMs}`
    await session.run(`CREATE OR REPLACE TABLE ${table} AS
      SELECT entity, ${floorToMultiple('event_start', lengthMs)} AS event_start, ${floorToMultiple('known_start', lengthMs)} AS known_start, flatten(list(ids)) AS ids
      FROM ${s}.events GROUP BY ALL`)
    levels.push({ lengthMs, table })
  }
  const tail = one.window === null ? 'NULL::BIGINT' : floorToMultiple(`(asked - ${one.window.lengthMs})`, one.window.resolutionMs)
  const rowRows = one.rows.map((row, i) => [i, row.entity, row.asked, row.asked - row.delay])
  await session.run(`CREATE OR REPLACE TABLE ${s}.questions AS SELECT row_index, entity, cut::BIGINT AS cut, ${tail} AS tail
    FROM (SELECT row_index, entity, asked::BIGINT AS asked, cut FROM (VALUES ${values(rowRows)}) q(row_index, entity, asked, cut))`)
  const parts = levelParts(levels, one.window?.lengthMs ?? null, `${s}.questions`)
  const taken = await session.rows(`SELECT row_index || ':' || unnest(ids) AS taken FROM (${parts.map(({ sql }) => break_(sql)).join(' UNION ALL ')})`)
  return taken.map((row) => String(row['taken'])).sort()
}

describe('law 4: the cells that a training row takes', () => {
  let database: DuckDb
  let session: DuckDbSession
  beforeAll(async () => {
    database = await openDuckDb({ threads: 1 })
    session = await database.openSession()
  })
  afterAll(async () => database[Symbol.asyncDispose]())

  it('are the events of its quadrant, each exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (one) => {
        expect(await takenBy(session, one, (sql) => sql)).toEqual(expected(one))
      }),
      { numRuns: 60 },
    )
  }, 60_000)

  const bugs: readonly [name: string, from: RegExp, to: string][] = [
    ['what is known at the cut counts', /c\.known_start < q\.before_start/g, 'c.known_start <= q.before_start'],
    ['the tail is not rounded up to a cell', /c\.event_start >= q\.from_start/g, 'c.event_start >= q.tail - 12'],
    ['the tail itself does not count', /c\.event_start >= q\.from_start/g, 'c.event_start > q.from_start'],
    ['the left edge reaches into A', /c\.known_start < q\.below_a/g, 'true'],
    ['the left edge stops short of A', /c\.known_start < q\.below_a/g, 'c.known_start < q.below_a - 12'],
    ['entities are mixed', /c\.entity = q\.entity/g, 'c.entity <= q.entity'],
  ]
  it.each(bugs)('a deliberate bug is noticed: %s', async (_, from, to) => {
    const outcome = await fc.check(
      fc.asyncProperty(cases, async (one) => {
        const taken = await takenBy(session, one, (sql) => sql.replaceAll(from, to))
        return JSON.stringify(taken) === JSON.stringify(expected(one))
      }),
      { numRuns: 100, endOnFailure: true },
    )
    expect(outcome.failed).toBe(true)
  }, 60_000)
})
