// The demo on a hundredth and a half of the flights: every answer is the oracle's. And the oracle is one: it finds flights that are missing.
import { describe, expect, it } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { openEmbeddedPorts, type EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { createSimulatedClock } from '@tidemark/embedded-system/simulated-clock'
import { requireSound } from '@tidemark/feature-schema/check-definitions'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { loadArrivals, type Arrivals } from '../arrivals.ts'
import { writeFewFlights } from '../few-flights.ts'
import * as flights from '../flights.ts'
import { compareWithOracle } from '../oracle/compare-answers.ts'
import { comparedCount, type Comparison } from '../oracle/comparison.ts'
import { arrivedFlights } from '../oracle/oracle-sql.ts'
import { readRoutes, type Questions } from '../questions.ts'
import { DemoRun, type Published } from './demo-run.ts'

const DAY_MS = 86_400_000
const CUT_MS = Date.UTC(2001, 5, 1)
const SECOND_CUT_MS = Date.UTC(2001, 5, 16)
const LIMITS = { threads: 1, memoryLimitBytes: 2 ** 28 }

interface Played {
  readonly arrivals: Arrivals
  readonly questions: Questions
  readonly published: readonly Published[]
  readonly deadLetterCount: number
  readonly comparison: Comparison
}

/** Plays the demo with one of 150 flights and all the senseless ones, on ports that may have a bug. */
async function play(withBug: (ports: EmbeddedPorts) => EmbeddedPorts = (ports) => ports): Promise<Played> {
  await using opened = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-test-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const session = opened.use(await opened.use(await openDuckDb(LIMITS)).openSession())
  const path = join(folder, 'flights.parquet')
  await writeFewFlights(session, path, 150)
  const arrivals = await loadArrivals(session, path, { cutMs: CUT_MS, seed: 1 })
  const clock = createSimulatedClock(CUT_MS - 151 * DAY_MS)
  const ports = opened.use(await openEmbeddedPorts({ folder: join(folder, 'data'), clock, durability: 'process', verify: false, hasArchiverThread: true, duckDb: LIMITS }))
  const run = opened.use(await DemoRun.start({
    ports: withBug(ports), clock, session, arrivals, cutMs: CUT_MS, seed: 1, askEveryMs: DAY_MS, signal: new AbortController().signal,
    definitions: requireSound(collectDefinitions(Object.values(flights))), routes: await readRoutes(session),
    onAlarm: ({ message }) => {
      throw new Error(message)
    },
  }))
  await run.loadHistory()
  const published = [await run.publish()]
  await run.streamUntil(SECOND_CUT_MS + 60_000)
  published.push(await run.publishWhileAsking())
  await run.streamUntil(arrivals.endMs)
  await run.questions.askForAll()
  const { count: deadLetterCount } = await run.findDeadLetters()
  return { arrivals, questions: run.questions, published, deadLetterCount, comparison: await compareWithOracle(session, arrivedFlights(session), run.questions.answers) }
}

describe('the demo, on some of the flights', () => {
  it('gives the oracle\'s answers, from both generations, and keeps what is senseless', async () => {
    const { arrivals, questions, published, deadLetterCount, comparison } = await play()
    expect(comparison.examples).toEqual([])
    expect(comparison.differingCount).toBe(0)
    expect(comparedCount(comparison)).toBeGreaterThan(10_000)
    expect(arrivals.lateCount / arrivals.streamedCount).toBeCloseTo(0.05, 1)
    expect(published[0]!.recordCount).toBe(arrivals.historyCount)
    expect(new Set([...questions.answers.values()].flat().map(({ generation }) => generation))).toEqual(new Set([1, 2]))
    expect([...questions.degraded]).toEqual([])
    expect([deadLetterCount, arrivals.senselessCount]).toEqual([11, 11])
  }, 300_000)

  it('is found out where late flights get lost', async () => {
    const { comparison } = await play((ports) => ({
      ...ports,
      log: {
        ...ports.log,
        appendAt: (appends) => ports.log.appendAt(appends.filter(({ records, appendTimeMs }) => (JSON.parse(Buffer.from(records[0]!.value!).toString()) as { date: number }).date === appendTimeMs)),
      },
    }))
    expect(comparison.differingCount).toBeGreaterThan(0)
  }, 300_000)

  it('is found out where the second generation lacks its last epoch', async () => {
    const lastEpoch = SECOND_CUT_MS / DAY_MS - 1
    const { comparison } = await play((ports) => ({
      ...ports,
      format: { ...ports.format, open: (opening) => ports.format.open({ ...opening, segments: opening.segments.filter(({ key }) => !key.includes(`/${lastEpoch}/`)) }) },
    }))
    expect(comparison.differingCount).toBeGreaterThan(0)
  }, 300_000)
})
