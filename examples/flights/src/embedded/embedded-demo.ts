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
import { loadArrivals } from '../arrivals.ts'
import type { DemoOptions } from '../demo-options.ts'
import { airportTable, AIRPORTS_SHOWN, describeDegraded, describeGenerations, formatCount, formatLatencies, formatMemory, formatRate, formatVerdict, formatWork, MemoryPeak, step } from '../demo-report.ts'
import { exampleCommands } from '../example-commands.ts'
import { flightsFilePath } from '../flights-file.ts'
import * as flights from '../flights.ts'
import { compareWithOracle } from '../oracle/compare-answers.ts'
import { comparedCount } from '../oracle/comparison.ts'
import { arrivedFlights } from '../oracle/oracle-sql.ts'
import { readRoutes } from '../questions.ts'
import { DemoRun } from './demo-run.ts'
import { openDemoServer } from './demo-server.ts'

const HISTORY_FROM_MS = Date.UTC(2001, 0, 1)
const CUT_MS = Date.UTC(2001, 5, 1)
const SECOND_CUT_MS = Date.UTC(2001, 5, 16)
const ASK_EVERY_MS = 12 * 3_600_000
const MEMORY_LOOK_EVERY_MS = 100
const ORACLE_LIMITS = { threads: 2, memoryLimitBytes: 320 * 2 ** 20 }
/** Of each of the two databases that the system has: for batch, and for the archive. */
const SYSTEM_LIMITS = { threads: 2, memoryLimitBytes: 256 * 2 ** 20 }

/** Ends with the exit code 1 where anything differs. */
export async function runEmbeddedDemo({ serve, port, seed }: DemoOptions, signal: AbortSignal): Promise<void> {
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
  const arrivals = await step('raw file', () => loadArrivals(session, flightsFilePath(), { cutMs: CUT_MS, seed }), ({ historyCount, streamedCount, lateCount }) =>
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
  const { work, questions } = run

  await step('history', () => run.loadHistory(), () => `${formatWork('into the log', work.log, 'flights')}; ${formatWork('out of it into the archive', work.archive, 'flights')}, side by side`)
  await step('generation 1', () => run.publish(), ({ entityCount, recordCount }, ms) => `${formatCount(recordCount)} flights → ${formatCount(entityCount)} entities of ${definitions.views.length} views; ${formatRate(recordCount, ms, 'flights')}`)
  for (const each of Object.values(work)) Object.assign(each, { count: 0, ms: 0 })
  await step('June, first half', () => run.streamUntil(SECOND_CUT_MS + 60_000), () => formatWork('through the stream', work.speed, 'flights'))
  const before = questions.latenciesMs.length
  await step('generation 2', () => run.publishWhileAsking(), ({ entityCount, recordCount }, ms) =>
    `${formatCount(recordCount)} flights more → ${formatCount(entityCount)} entities, ${formatRate(recordCount, ms, 'flights')}, while ${formatCount(questions.latenciesMs.length - before)} requests were answered`)
  await step('June, the rest', () => run.streamUntil(arrivals.endMs), () => `${formatWork('through the stream in June', work.speed, 'flights')}, which the archive followed`)
  await step('everything', () => questions.askForAll(), () => `every entity of every view asked once more`)

  const [comparison, letters] = await step('oracle', () => Promise.all([compareWithOracle(session, arrivedFlights(session), questions.answers), run.findDeadLetters()]), ([compared]) =>
    `${formatCount(comparedCount(compared))} values asked again in SQL over the raw file, by what had arrived before each question`)

  console.log(`\n${airportTable(questions, AIRPORTS_SHOWN)}\n`)
  console.log(`${formatLatencies(questions.latenciesMs)}; ${describeGenerations(questions)}`)
  for (const line of describeDegraded(questions)) console.log(line)
  console.log(`${formatCount(letters.count)} of ${formatCount(arrivals.senselessCount)} senseless flights are in the dead letters:`)
  for (const sample of letters.samples.slice(0, 3)) console.log(`  ${sample}`)

  const isRight = comparison.differingCount === 0 && letters.count === arrivals.senselessCount
  console.log(`\n${formatVerdict(comparison, isRight)}`)
  if (!isRight) process.exitCode = 1
  console.log(pc.dim(`${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s, ${formatMemory(memory)}, one process`))

  if (server === null) return
  clock.goOn()
  onAlarm = ({ code, message, where }) => console.error(`alarm ${code} at ${where}: ${message}`)
  server.serve(run.system, ports, (error) => console.error(error))
  console.log(`\n${pc.green('listening')} on ${pc.bold(server.url)}; it is ${new Date(clock.nowMs()).toISOString()} and time goes on; Ctrl-C ends it\n`)
  for (const { title, command } of exampleCommands(server.url, clock.nowMs())) console.log(`${pc.bold(title)}\n${command}\n`)
  await run.goOn()
}
