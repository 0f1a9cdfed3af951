// The embedded demo: three million real flights through log, archive, batch, stream and serving in one process, and every answer held against
// brute-force SQL over the raw file. `--serve` keeps the API up afterwards.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pc from 'picocolors'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { openEmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { createSimulatedClock } from '@tidemark/embedded-system/simulated-clock'
import { requireSound } from '@tidemark/feature-schema/check-definitions'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { loadArrivals, type Arrivals } from '../arrivals.ts'
import { percentilesOf, perSecond, TOGETHER, type DemoFigures, type ProcessCost } from '../demo-figures.ts'
import type { DemoOptions } from '../demo-options.ts'
import { airportTable, AIRPORTS_SHOWN, describeDegraded, describeGenerations, formatCount, formatLatencies, formatMemory, formatRate, formatVerdict, formatWork, MemoryPeak, step, type Step } from '../demo-report.ts'
import { exampleCommands } from '../example-commands.ts'
import { flightsFilePath } from '../flights-file.ts'
import * as flights from '../flights.ts'
import { compareWithOracle } from '../oracle/compare-answers.ts'
import { comparedCount, type Comparison } from '../oracle/comparison.ts'
import { arrivedFlights } from '../oracle/oracle-sql.ts'
import { readRoutes } from '../questions.ts'
import { DemoRun } from './demo-run.ts'
import { openDemoServer } from './demo-server.ts'

const HISTORY_FROM_MS = Date.UTC(2001, 0, 1)
const CUT_MS = Date.UTC(2001, 5, 1)
const SECOND_CUT_MS = Date.UTC(2001, 5, 16)
const ASK_EVERY_MS = 12 * 3_600_000
/** Once June is over; of each two requests. */
const FLIGHTS_ASKED_AT_REST = 200
const MEMORY_LOOK_EVERY_MS = 100
const ORACLE_LIMITS = { threads: 2, memoryLimitBytes: 320 * 2 ** 20 }
/** Of each of the two databases that the system has: for batch, and for the archive. */
const SYSTEM_LIMITS = { threads: 2, memoryLimitBytes: 256 * 2 ** 20 }

/** Ends with the exit code 1 where anything differs. */
export async function runEmbeddedDemo({ serve, port, seed }: DemoOptions, signal: AbortSignal): Promise<DemoFigures> {
  const startedAtMs = performance.now()
  const memory = new MemoryPeak()
  await using opened = new AsyncDisposableStack()
  const looking = setInterval(() => memory.look(), MEMORY_LOOK_EVERY_MS).unref()
  opened.defer(() => clearInterval(looking))
  const server = serve ? opened.use(await openDemoServer(port)) : null
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-demo-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))
  const definitions = requireSound(collectDefinitions(Object.values(flights)))
  console.log(`${formatCount(definitions.views.length)} views of US flights: ${definitions.views.map(({ name }) => name).join(', ')}; seed ${seed}\n`)

  const session = opened.use(await opened.use(await openDuckDb(ORACLE_LIMITS)).openSession())
  const { result: arrivals } = await step('raw file', () => loadArrivals(session, flightsFilePath(), { cutMs: CUT_MS, seed }), ({ historyCount, streamedCount, lateCount }) =>
    `${formatCount(historyCount)} flights of January to May, ${formatCount(streamedCount)} of June, of which ${formatCount(lateCount)} arrive up to 30 minutes late`)

  const clock = createSimulatedClock(HISTORY_FROM_MS)
  const ports = opened.use(await openEmbeddedPorts({ folder, clock, durability: 'process', verify: false, hasArchiverThread: true, duckDb: SYSTEM_LIMITS }))
  let onAlarm = ({ code, message, where }: Alarm): void => {
    throw new Error(`${code} at ${where}: ${message}`)
  }
  const routes = await readRoutes(session)
  const run = opened.use(await DemoRun.start({
    ports, clock, definitions, session, arrivals, routes, cutMs: CUT_MS, seed, askEveryMs: ASK_EVERY_MS, signal, onAlarm: (alarm) => onAlarm(alarm),
  }))

  const { rates, costs, latenciesMs } = await playPhases(run, arrivals)
  const peakBytes = memory.allBytes
  const { result: [comparison, letters] } = await step('oracle', () => Promise.all([compareWithOracle(session, arrivedFlights(session), run.questions.answers), run.findDeadLetters()]), ([compared]) =>
    `${formatCount(comparedCount(compared))} values asked again in SQL over the raw file, by what had arrived before each question`)
  report({ run, arrivals, comparison, letters, latenciesMs: latenciesMs.whileStreaming })
  const seconds = (performance.now() - startedAtMs) / 1_000
  console.log(pc.dim(`${seconds.toFixed(1)} s, ${formatMemory(memory)}, one process`))

  if (server !== null) {
    clock.goOn()
    onAlarm = ({ code, message, where }) => console.error(`alarm ${code} at ${where}: ${message}`)
    server.serve(run.system, ports, (error) => console.error(error))
    console.log(`\n${pc.green('listening')} on ${pc.bold(server.url)}; it is ${new Date(clock.nowMs()).toISOString()} and time goes on; Ctrl-C ends it\n`)
    for (const { title, command } of exampleCommands(server.url, clock.nowMs())) console.log(`${pc.bold(title)}\n${command}\n`)
    await run.goOn()
  }
  return {
    comparedCount: comparedCount(comparison), differingCount: comparison.differingCount,
    rates, costs, peakBytes, seconds,
    latencies: { whileStreaming: percentilesOf(latenciesMs.whileStreaming), atRest: percentilesOf(latenciesMs.atRest) },
  }
}

interface Played extends Pick<DemoFigures, 'rates' | 'costs'> {
  readonly latenciesMs: { readonly whileStreaming: readonly number[]; readonly atRest: readonly number[] }
}

/** History, a generation, June with a second one in the middle of it, and everything asked once more at the end. */
async function playPhases(run: DemoRun, { historyCount, streamedCount, endMs }: Arrivals): Promise<Played> {
  const { work, questions } = run
  const viewCount = run.system.catalog().plans.length
  const history = await step('history', () => run.loadHistory(), () => `${formatWork('into the log', work.log, 'flights')}; ${formatWork('out of it into the archive', work.archive, 'flights')}, side by side`)
  const [log, archive] = [perSecond(work.log.count, work.log.ms), perSecond(work.archive.count, work.archive.ms)]
  const first = await step('generation 1', () => run.publish(), ({ entityCount, recordCount }, ms) => `${formatCount(recordCount)} flights → ${formatCount(entityCount)} entities of ${viewCount} views; ${formatRate(perSecond(recordCount, ms), 'flights')}`)
  for (const each of Object.values(work)) Object.assign(each, { count: 0, ms: 0 })
  const firstHalf = await step('June, first half', () => run.streamUntil(SECOND_CUT_MS + 60_000), () => formatWork('through the stream', work.speed, 'flights'))
  const before = questions.latenciesMs.length
  const second = await step('generation 2', () => run.publishWhileAsking(), ({ entityCount, recordCount }, ms) =>
    `${formatCount(recordCount)} flights more → ${formatCount(entityCount)} entities, ${formatRate(perSecond(recordCount, ms), 'flights')}, while ${formatCount(questions.latenciesMs.length - before)} requests were answered`)
  const rest = await step('June, the rest', () => run.streamUntil(endMs), () => `${formatWork('through the stream in June', work.speed, 'flights')}, which the archive followed`)
  const stream = perSecond(work.speed.count, work.speed.ms)
  const whileStreaming = [...questions.latenciesMs]
  await step('everything', async () => {
    for (let i = 0; i < FLIGHTS_ASKED_AT_REST; i++) await questions.askForFlight()
    await questions.askForAll()
  }, () => `every entity of every view asked once more`)

  const cost = (phase: string, flightCount: number, ...steps: readonly Step<unknown>[]): ProcessCost =>
    ({ process: TOGETHER, phase, flightCount, cpuMs: steps.reduce((sum, { cpuMs }) => sum + cpuMs, 0) })
  return {
    rates: { log, archive, firstGeneration: perSecond(first.result.recordCount, first.ms), stream },
    costs: [cost('history', historyCount, history), cost('generation 1', historyCount, first), cost('June', streamedCount, firstHalf, second, rest)],
    latenciesMs: { whileStreaming, atRest: questions.latenciesMs.slice(whileStreaming.length) },
  }
}

interface Outcome {
  readonly run: DemoRun
  readonly arrivals: Arrivals
  readonly comparison: Comparison
  readonly letters: Awaited<ReturnType<DemoRun['findDeadLetters']>>
  /** While flights streamed. */
  readonly latenciesMs: readonly number[]
}

function report({ run: { questions }, arrivals: { senselessCount }, comparison, letters, latenciesMs }: Outcome): void {
  console.log(`\n${airportTable(questions, AIRPORTS_SHOWN)}\n`)
  console.log(`${formatLatencies(latenciesMs)}; ${describeGenerations(questions)}`)
  for (const line of describeDegraded(questions)) console.log(line)
  console.log(`${formatCount(letters.count)} of ${formatCount(senselessCount)} senseless flights are in the dead letters:`)
  for (const sample of letters.samples.slice(0, 3)) console.log(`  ${sample}`)
  const isRight = comparison.differingCount === 0 && letters.count === senselessCount
  console.log(`\n${formatVerdict(comparison, isRight)}`)
  if (!isRight) process.exitCode = 1
}
