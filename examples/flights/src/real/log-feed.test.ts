// The feed's account is the log, whatever becomes of an append: each flight is where the account says, and every flight is there once; unless a broker
// takes an attempt late, which then is accounted for too.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { openDuckDb, type DuckDb, type DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import type { AppendedAt, EventLog, LogAppend } from '@tidemark/ports/event-log'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { arrivalsTable } from '../arrivals.ts'
import { LOGGED_TABLE } from '../oracle/logged-flights.ts'
import { LogFeed } from './log-feed.ts'

const TOPIC = 'flights'
const PARTITION_COUNT = 3
const FLIGHT_COUNT = 500
const PAGE = { countMax: 10_000, sizeMaxBytes: 2 ** 24, waitMaxMs: 0 }

let database: DuckDb
let session: DuckDbSession
beforeAll(async () => {
  database = await openDuckDb({ threads: 1, memoryLimitBytes: 2 ** 28 })
  session = await database.openSession()
  await session.run(`
    CREATE TABLE ${arrivalsTable(session)} AS
    SELECT i AS row, 1000 + i AS ms, (i % 50)::INTEGER AS delay, 100 AS distance, 'A' || i % 7 AS origin, 'B' || i % 3 AS destination, 1000 + i AS arrival_ms, true AS is_sensible FROM range(${FLIGHT_COUNT}) t(i)`)
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
})

type Append = EventLog['append']

/** Feeds everything into a log whose appends are made worse, and holds what the log has then to the account. */
async function feedAll(seed: number, worse: (append: Append) => Append): Promise<{ readonly troubleCount: number; readonly recordCount: number }> {
  await session.run(`DROP TABLE IF EXISTS ${session.schema}.${LOGGED_TABLE}`)
  const clock = createSteppedClock(5_000)
  const log = new MemoryEventLog({ clock })
  await log.ensureTopic(TOPIC, PARTITION_COUNT)
  let troubleCount = 0
  const feed = new LogFeed({
    session, topic: TOPIC, partitionCount: PARTITION_COUNT, signal: new AbortController().signal, retryAfterMs: 0, onTrouble: () => troubleCount++,
    log: { append: worse((appends) => log.append(appends)), extent: (...place) => log.extent(...place), fetch: (...asked) => log.fetch(...asked) },
  })
  const random = seededRandom(seed)
  while ((await feed.append(random.between(1, 40))) > 0) clock.step(7)
  await feed.settle()
  await feed.account.load(session, LOGGED_TABLE)
  const known = await session.rows(`
    SELECT l."partition"::INT AS partition, l."offset"::INT AS "offset", l.append_ms::DOUBLE AS "appendTimeMs", a.ms::DOUBLE AS ms
    FROM ${session.schema}.${LOGGED_TABLE} l JOIN ${arrivalsTable(session)} a USING (row) ORDER BY ALL`)
  const there = []
  for (let partition = 0; partition < PARTITION_COUNT; partition++) {
    for (const { offset, appendTimeMs, value } of (await log.fetch(TOPIC, partition, 0, PAGE)).records) there.push({ partition, offset, appendTimeMs, ms: (JSON.parse(Buffer.from(value!).toString()) as { date: number }).date })
  }
  expect(known).toEqual(there)
  expect(new Set(there.map(({ ms }) => ms)).size).toBe(FLIGHT_COUNT)
  return { troubleCount, recordCount: there.length }
}

const unavailable = (): TidemarkError => new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It does not answer.', where: 'log', action: 'Wait.' }])

describe('the feed', () => {
  it('brings every flight once, an origin to one partition', async () => {
    expect(await feedAll(1, (append) => append)).toEqual({ troubleCount: 0, recordCount: FLIGHT_COUNT })
    const [spread] = await session.rows(`SELECT max(n)::INT AS n FROM (SELECT count(DISTINCT l."partition") AS n FROM ${session.schema}.${LOGGED_TABLE} l JOIN ${arrivalsTable(session)} a USING (row) GROUP BY a.origin)`)
    expect(spread).toEqual({ n: 1 })
  })

  it.each([1, 2, 3])('looks up what became of appends that were not answered, seed %d', async (seed) => {
    const random = seededRandom(seed)
    const { troubleCount, recordCount } = await feedAll(seed, (append) => async (appends) => {
      if (random.chance(0.3)) throw unavailable()
      const appended = await append(appends)
      if (random.chance(0.3)) throw unavailable()
      return appended
    })
    expect(troubleCount).toBeGreaterThan(20)
    expect(recordCount).toBe(FLIGHT_COUNT)
  })

  it('accounts for an attempt that the log takes late, after another one', async () => {
    let late: readonly LogAppend[] | null = null
    let lateCount = 0
    const { recordCount } = await feedAll(4, (append) => async (appends): Promise<readonly AppendedAt[]> => {
      if (late === null && appends[0]!.partition === 1 && lateCount++ % 3 === 0) {
        late = appends
        throw unavailable()
      }
      const appended = await append(appends)
      if (late !== null && appends[0]!.partition === 1) {
        await append(late)
        late = null
      }
      return appended
    })
    expect(recordCount).toBeGreaterThan(FLIGHT_COUNT)
  })

  it('refuses a log that has what nobody sent', async () => {
    let count = 0
    await expect(feedAll(5, (append) => async (appends) => {
      if (count++ === 10) await append([{ ...appends[0]!, records: [{ key: null, value: Buffer.from('{}') }] }])
      return append(appends)
    })).rejects.toThrow('that were not sent there')
  })

  it('ends with what is no trouble of the log', async () => {
    await expect(feedAll(6, () => () => Promise.reject(new Error('a bug')))).rejects.toThrow('a bug')
  })
})
