// The oracle at a position: on a system whose parts are brought forward by turns, so that an answer's cut and fences are of different moments, each
// answer is the oracle's. And it finds what is wrong: with the system, with what an answer says of itself, and with asking for all of the log instead.
import { beforeAll, afterAll, describe, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuckDb, type DuckDb, type DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { openEmbeddedPorts, type EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { createSimulatedClock } from '@tidemark/embedded-system/simulated-clock'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { topicOf } from '@tidemark/pipelines/names'
import { decodePointer, encodePointer, pointerName } from '@tidemark/pipelines/pointer'
import { createFeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { loadArrivals } from '../arrivals.ts'
import { writeFewFlights } from '../few-flights.ts'
import { Questions, readRoutes, type RecordedAnswer } from '../questions.ts'
import { LogFeed } from '../real/log-feed.ts'
import { DEMO_PACE, realDefinitions } from '../real/real-definitions.ts'
import { compareWithOracle, type Answers } from './compare-answers.ts'
import { comparedCount, type Comparison } from './comparison.ts'
import { flightsAtPosition, flightsInLog, loadLoggedFlights, LOGGED_TABLE } from './logged-flights.ts'

const LIMITS = { threads: 1, memoryLimitBytes: 2 ** 28 }
const PARTITION_COUNT = 4
const ONE_OF = 1_500
const START_MS = Date.UTC(2026, 4, 17, 12)
/** Flights of the last hours depart after the log took them. */
const LAST_DEPARTURE_MS = START_MS + 3_600_000
const DAY_MS = 86_400_000
const SECOND_MS = 1_000
const STREAMED_AT_ONCE = 4

interface Played {
  /** In the middle of the stream. */
  readonly underway: Answers
  readonly atRest: Answers
  readonly session: DuckDbSession
  readonly clampedCount: number
}

interface Bug {
  readonly ports?: (ports: EmbeddedPorts) => EmbeddedPorts
  /** Of the server alone. */
  readonly registers?: (registers: RegisterStore) => RegisterStore
}

let database: DuckDb
let folder: string
beforeAll(async () => {
  database = await openDuckDb(LIMITS)
  folder = mkdtempSync(join(tmpdir(), 'tidemark-position-test-'))
})
afterAll(async () => {
  await database[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** Plays a small demo of four partitions whose archive, batch and stream never stand at the same place. The caller ends the session. */
async function play({ ports: withBug = (ports) => ports, registers: serverRegisters = (registers) => registers }: Bug = {}): Promise<Played> {
  await using opened = new AsyncDisposableStack()
  const own = mkdtempSync(join(folder, 'run-'))
  const session = await database.openSession()
  const path = join(own, 'flights.parquet')
  await writeFewFlights(session, path, ONE_OF)
  const [last] = await session.rows(`SELECT max(epoch_ms("date"))::DOUBLE AS ms FROM read_parquet('${path}')`)
  await loadArrivals(session, path, { cutMs: LAST_DEPARTURE_MS - 30 * DAY_MS, seed: 1, shiftMs: LAST_DEPARTURE_MS - (last!['ms'] as number) })
  const clock = createSimulatedClock(START_MS)
  const sound = opened.use(await openEmbeddedPorts({ folder: join(own, 'data'), clock, durability: 'process', verify: false, duckDb: LIMITS }))
  const ports = withBug(sound)
  const onAlarm = ({ message }: { readonly message: string }): void => {
    throw new Error(message)
  }
  const system = opened.use(await LambdaSystem.start({ ports, definitions: realDefinitions(DEMO_PACE), member: 'test', partitionCount: PARTITION_COUNT, onAlarm }))
  const pipeline = [...system.sources.values()][0]!
  const catalog = system.catalog()
  const server = createFeatureServer({ ...ports, catalog: () => catalog, registers: serverRegisters(ports.registers) })
  const feed = new LogFeed({ session, log: sound.log, topic: topicOf(pipeline.source), partitionCount: PARTITION_COUNT, signal: new AbortController().signal, onTrouble: onAlarm })
  const routes = await readRoutes(session)
  const asking = { ask: server.answer.bind(server), plans: catalog.plans, routes, seed: 2, explain: true }
  const [underway, atRest] = [new Questions(asking), new Questions(asking)]

  for (let i = 0; i < 14; i++, clock.set(clock.nowMs() + SECOND_MS)) await feed.append(100)
  clock.set(clock.nowMs() + 2 * DEMO_PACE.epochLengthMs)
  await pipeline.drainArchive()
  await pipeline.runBatches()
  for (let i = 0; ; i++, clock.set(clock.nowMs() + SECOND_MS)) {
    if ((await feed.append(STREAMED_AT_ONCE)) === 0) break
    // For half a minute by turns, either the stream or archive and batch stand still.
    if (i % 60 < 30) await pipeline.drainStream()
    else if (i % 5 === 0) await pipeline.drainArchive()
    if (i % 60 >= 30 && i % 15 === 0) await pipeline.runBatches()
    for (let flight = 0; flight < 3; flight++) await underway.askForFlight()
  }
  await pipeline.drainStream()
  await atRest.askForAll()
  await feed.account.load(session, LOGGED_TABLE)
  await loadLoggedFlights(session, DEMO_PACE.epochLengthMs)
  const [clamped] = await session.rows(`SELECT count(*)::DOUBLE AS n FROM ${session.schema}.arrivals a JOIN ${session.schema}.${LOGGED_TABLE} l ON l.row = a.row WHERE a.ms > l.append_ms`)
  return { session, underway: underway.answers, atRest: atRest.answers, clampedCount: clamped!['n'] as number }
}

async function judge({ session, underway, atRest }: Played): Promise<{ readonly underway: Comparison; readonly atRest: Comparison }> {
  return {
    underway: await compareWithOracle(session, flightsAtPosition(session, PARTITION_COUNT), underway),
    atRest: await compareWithOracle(session, flightsInLog(session), atRest),
  }
}

function altered(answers: Answers, alter: (answer: RecordedAnswer) => RecordedAnswer): Answers {
  return new Map([...answers].map(([plan, recorded]) => [plan, recorded.map(alter)]))
}

function withFences(moved: (nextOffset: number) => number): (answer: RecordedAnswer) => RecordedAnswer {
  return (answer) => ({ ...answer, fences: answer.fences.map((fence) => (fence.nextOffset === null ? fence : { ...fence, nextOffset: moved(fence.nextOffset) })) })
}

describe('a system without a bug', () => {
  let played: Played
  beforeAll(async () => {
    played = await play()
  }, 300_000)

  it('answers as the oracle does at its cut and its fences, and at rest as it does with all of the log', async () => {
    const { underway, atRest } = await judge(played)
    expect([...underway.examples, ...atRest.examples]).toEqual([])
    expect(comparedCount(underway)).toBeGreaterThan(5_000)
    expect(comparedCount(atRest)).toBeGreaterThan(5_000)
    expect(played.clampedCount).toBeGreaterThan(0)
  })

  it('was asked at several generations, also while the stream was behind the cut', () => {
    const all = [...played.underway.values()].flat()
    expect(new Set(all.map(({ generation }) => generation)).size).toBeGreaterThan(2)
    expect(new Set(all.map(({ cut }) => cut)).size).toBeGreaterThan(2)
    expect(all.every(({ fences }) => fences.length === PARTITION_COUNT)).toBe(true)
  })

  it.each<{ readonly what: string; readonly alter: (answer: RecordedAnswer) => RecordedAnswer }>([
    { what: 'a cut that is one too far', alter: (answer) => ({ ...answer, cut: answer.cut! + 1 }) },
    { what: 'no cut', alter: (answer) => ({ ...answer, cut: null }) },
    { what: 'no fences', alter: (answer) => ({ ...answer, fences: [] }) },
    { what: 'fences that are too near', alter: withFences((nextOffset) => nextOffset - 3) },
    { what: 'fences at the end of the log', alter: withFences(() => Number.MAX_SAFE_INTEGER) },
  ])('is found wrong where answers say $what', async ({ alter }) => {
    const { underway } = await judge({ ...played, underway: altered(played.underway, alter) })
    expect(underway.differingCount).toBeGreaterThan(0)
  })

  it('is found wrong where flights count at the time that they were announced for', async () => {
    const { session } = played
    await session.run(`CREATE TABLE ${session.schema}.announced AS SELECT f.* REPLACE (a.ms AS ms) FROM ${session.schema}.logged_flights f JOIN ${session.schema}.${LOGGED_TABLE} l USING ("partition", "offset") JOIN ${session.schema}.arrivals a ON a.row = l.row`)
    const announced = await compareWithOracle(session, { ...flightsInLog(session), relation: `${session.schema}.announced` }, played.atRest)
    expect(announced.differingCount).toBeGreaterThan(0)
  })
})

describe('a system with a bug', () => {
  it.each<[string, Bug]>([
    ['a generation lacks records of its last epochs', {
      ports: (ports) => ({ ...ports, format: { ...ports.format, open: (opening) => ports.format.open({ ...opening, segments: opening.segments.slice(0, -1) }) } }),
    }],
    ['a generation counts records twice', {
      ports: (ports) => ({ ...ports, format: { ...ports.format, open: (opening) => ports.format.open({ ...opening, segments: [...opening.segments, ...opening.segments.slice(-1)] }) } }),
    }],
    ['a record now and then is passed over', {
      ports: (ports) => ({
        ...ports,
        log: { ...ports.log, fetch: async (...asked) => {
          const batch = await ports.log.fetch(...asked)
          return { ...batch, records: batch.records.filter(({ offset }) => offset % 97 !== 0) }
        } },
      }),
    }],
    ['the seam is one epoch too late, so that an epoch counts on neither side', {
      registers: (registers) => ({
        ...registers,
        async read(name) {
          const register = await registers.read(name)
          if (register === null || !name.startsWith(pointerName(''))) return register
          const pointer = decodePointer(register.bytes, name)
          return { ...register, bytes: encodePointer({ ...pointer, published: pointer.published.map((each) => ({ ...each, cut: each.cut + 1 })) }) }
        },
      }),
    }],
  ])('is found out: %s', async (_, bug) => {
    const played = await play(bug)
    const { underway } = await judge(played)
    expect(underway.differingCount).toBeGreaterThan(0)
  }, 300_000)
})
