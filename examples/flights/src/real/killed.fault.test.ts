// Whoever is killed (-9) while flights stream, each layer and each server, and started again: no answer differs, in the middle and at rest, no flight is lost or
// counted twice, and all of it goes on by itself. TIDEMARK_SEED replays flights, questions and order, TIDEMARK_VICTIMS=archiver,kafka kills these alone.
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuckDb, type DuckDb, type DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { seededRandom } from '@tidemark/aggregation/testing/random'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { LAYER_NAMES, type LayerName } from '@tidemark/servers/service-process'
import { loadArrivals, type Arrivals } from '../arrivals.ts'
import { writeFewFlights } from '../few-flights.ts'
import { comparedCount } from '../oracle/comparison.ts'
import { readRoutes } from '../questions.ts'
import { judgeAnswers, type Judgement } from './judge-answers.ts'
import type { Pace } from './real-definitions.ts'
import { RealRun } from './real-run.ts'
import { SERVERS } from './service-environment.ts'
import { pause } from './until-answered.ts'

const PACE: Pace = { epochLengthMs: 3_000, skewMaxMs: 1_000, batchEveryMs: 4_000, jobLeaseMs: 5_000 }
const ONE_OF = 60
/** All of it takes as long as it takes to kill each of a kind, and to start it again. */
const STREAM_PER_SECOND = 110
/** Of two requests each. */
const ASKED_PER_SECOND = 4
const AWAY_MS = 2_000
const DAY_MS = 86_400_000
/** Of some 50,000 on a machine that does nothing else; where it is busy, answers are late, and have no values to compare. */
const COMPARED_MIN = 10_000
const CASE_WITHIN_MS = 420_000
const SEED = Number(process.env['TIDEMARK_SEED'] ?? Date.now() % 1_000_000)

let servers: StartedServers
let database: DuckDb
let folder: string
let caseCount = 0
beforeAll(async () => {
  servers = await startServers({ names: SERVERS })
  database = await openDuckDb({ threads: 1, memoryLimitBytes: 2 ** 28 })
  folder = mkdtempSync(join(tmpdir(), 'tidemark-killed-test-'))
}, 300_000)
afterAll(async () => {
  await database[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
}, 120_000)

type Killable = LayerName | (typeof SERVERS)[number]

interface Hurt extends Judgement {
  readonly run: RealRun
  readonly arrivals: Arrivals
  readonly letters: readonly string[]
}

/** Plays some of the flights; from a tenth of the stream on, some are killed, each started again before the next one. */
async function play(victims: readonly Killable[]): Promise<Hurt> {
  await using opened = new AsyncDisposableStack()
  const session = opened.use(await database.openSession())
  const own = mkdtempSync(join(folder, 'case-'))
  const arrivals = await loadSome(session, join(own, 'flights.parquet'))
  const run = opened.use(await RealRun.start({
    pace: PACE, addresses: servers.addresses, namespace: `killed_${++caseCount}`, folder: own, session, routes: await readRoutes(session), seed: SEED, httpPort: 0,
    signal: new AbortController().signal, onTrouble: () => undefined,
  }))
  await run.appendSteadily(arrivals.historyCount, Infinity)
  await run.untilSealed()
  await run.start('batch-layer')
  await run.untilPublished()
  await run.start('speed-layer', 'serving-layer')
  await run.untilCaughtUp(() => undefined)
  await run.askWhile(run.underway, { perSecond: ASKED_PER_SECOND, onFailure: () => undefined }, async () => {
    const killing = (async () => {
      while (run.feed.account.recordCount < arrivals.historyCount + arrivals.streamedCount / 10) await pause(20, run.signal)
      for (const victim of victims) await kill(run, victim)
    })()
    await Promise.all([run.appendSteadily(arrivals.streamedCount, STREAM_PER_SECOND), killing])
    // The stream has got over it, and archive and batch too.
    await run.untilCaughtUp(() => undefined)
    await run.untilPublished()
  })
  await run.untilCaughtUp(() => undefined)
  await run.atRest.askForAll()
  const letters = await run.watch.deadLetters()
  const judgement = await judgeAnswers(session, { account: run.feed.account, epochLengthMs: PACE.epochLengthMs, underway: run.underway.answers, atRest: run.atRest.answers, onProgress: () => undefined })
  return { ...judgement, run, arrivals, letters }
}

async function loadSome(session: DuckDbSession, path: string): Promise<Arrivals> {
  await writeFewFlights(session, path, ONE_OF)
  const [last] = await session.rows(`SELECT max(epoch_ms("date"))::DOUBLE AS ms FROM read_parquet('${path}')`)
  const lastMs = Date.now() + DAY_MS / 24
  return loadArrivals(session, path, { cutMs: lastMs - 30 * DAY_MS, seed: SEED, shiftMs: lastMs - (last!['ms'] as number) })
}

async function kill(run: RealRun, victim: Killable): Promise<void> {
  const isLayer = (name: Killable): name is LayerName => (LAYER_NAMES as readonly string[]).includes(name)
  if (!isLayer(victim)) {
    await servers.kill(victim)
    await pause(AWAY_MS, run.signal)
    return servers.restart(victim)
  }
  // In the middle of making a generation.
  if (victim === 'batch-layer') while ((await run.watch.pointers()).every(({ planned }) => planned === null)) await pause(20, run.signal)
  await run.layers.kill(victim)
  await pause(AWAY_MS, run.signal)
  await run.layers.start(victim)
}

function expectRight({ run, arrivals, letters, comparison }: Hurt): void {
  expect(comparison.examples).toEqual([])
  expect(comparison.differingCount).toBe(0)
  expect(comparedCount(comparison)).toBeGreaterThan(COMPARED_MIN)
  expect([...run.atRest.degraded]).toEqual([])
  expect(run.feed.account.recordCount).toBeGreaterThanOrEqual(arrivals.historyCount + arrivals.streamedCount)
  expect([letters.length, new Set(letters).size]).toEqual([arrivals.senselessCount, arrivals.senselessCount])
  const generations = [...run.underway.answers.values()].flat().map(({ generation }) => generation)
  expect(new Set(generations).size).toBeGreaterThan(2)
}

const chosen = process.env['TIDEMARK_VICTIMS']?.split(',')
const isChosen = (name: Killable): boolean => chosen?.includes(name) ?? true

it.each<[string, readonly Killable[]]>([
  ['layer', LAYER_NAMES],
  ['server', SERVERS],
])(`killed while flights stream, each %s, in an order that is drawn (TIDEMARK_SEED=${SEED})`, async (_, names) => {
  expectRight(await play(seededRandom(SEED).shuffle(names.filter(isChosen))))
}, CASE_WITHIN_MS)
