// The real demo: three million flights through Kafka, S3, Cassandra, Redis, BullMQ and HTTP, each layer a process of its own, in real time; and every answer
// held against brute-force SQL, also those in the middle of the stream. `--serve` keeps the API up afterwards.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pc from 'picocolors'
import { openDuckDb, type DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { createProgress } from '@tidemark/servers/progress'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { listen } from '@tidemark/machine/http-listener'
import { loadArrivals, type Arrivals } from '../arrivals.ts'
import { percentilesOf, type DemoFigures } from '../demo-figures.ts'
import type { DemoOptions } from '../demo-options.ts'
import { airportTable, AIRPORTS_SHOWN, describeDegraded, describeGenerations, formatCount, formatPercentiles, formatVerdict } from '../demo-report.ts'
import { exampleCommands } from '../example-commands.ts'
import { flightsFilePath } from '../flights-file.ts'
import { comparedCount } from '../oracle/comparison.ts'
import { readRoutes } from '../questions.ts'
import type { Judgement } from './judge-answers.ts'
import { costsOf, lookAtUsage, peakBytesOf, usageTable } from './process-usage.ts'
import { DEMO_PACE } from './real-definitions.ts'
import { RealPhases } from './real-phases.ts'
import { RealRun } from './real-run.ts'
import { Screen } from './screen.ts'
import { SERVERS } from './service-environment.ts'
import { Troubles } from './troubles.ts'

/** In the raw file. */
const JUNE_FROM_MS = Date.UTC(2001, 5, 1)
/** The last flights depart so long after the demo began: what departs after the log took it counts as of then. */
const LAST_DEPARTURE_AFTER_MS = 3_600_000
const ORACLE_LIMITS = { threads: 2, memoryLimitBytes: 2 ** 30 }
const NAMESPACE = 'demo'

/** Ends with the exit code 1 where anything differs. */
export async function runRealDemo({ serve, port, seed }: DemoOptions, signal: AbortSignal): Promise<DemoFigures> {
  const startedAtMs = performance.now()
  const screen = new Screen()
  const troubles = new Troubles((text) => screen.print(pc.yellow(`  ${text}`)))
  await using opened = new AsyncDisposableStack()
  if (serve) await requireFree(port)
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-real-demo-'))
  opened.defer(() => rmSync(folder, { recursive: true, force: true }))

  const servers = opened.use(await screen.step('servers', () => 'waiting until each answers', () => startSet(screen, signal), () => `${SERVERS.join(', ')}, a set of their own on loopback`))
  const session = opened.use(await opened.use(await openDuckDb(ORACLE_LIMITS)).openSession())
  const arrivals = await screen.step('raw file', () => 'reading it', () => loadShiftedArrivals(session, seed), ({ historyCount, streamedCount, lateCount }) =>
    `${formatCount(historyCount)} flights of January to May, ${formatCount(streamedCount)} of June, of which ${formatCount(lateCount)} come late, as if June ended an hour from now; seed ${seed}`)
  const run = opened.use(await screen.step('archiver', () => 'starting it', async () => RealRun.start({
    pace: DEMO_PACE, addresses: servers.addresses, namespace: NAMESPACE, folder, session, routes: await readRoutes(session), seed, httpPort: serve ? port : 0, signal,
    onTrouble: (who, text) => troubles.add(`${who}: ${text}`),
  }), () => 'the archiver is up, and has made the topic'))

  const phases = new RealPhases({ run, screen, arrivals, lookAtUsage: () => lookAtUsage([...SERVERS.map((name) => [name, servers.identityOf(name)] as const), ...Array.from(run.layers.processes, ([name, { identity }]) => [name, identity] as const)]) })
  const history = await phases.history()
  const firstGeneration = await phases.firstGeneration()
  await phases.startStreaming()
  await phases.stream()
  const stream = await phases.rush()
  await phases.atRest()
  const judgement = await phases.judge(session)
  const letters = await phases.deadLetters()

  report({ run, phases, troubles, arrivals, judgement, letters })
  const seconds = (performance.now() - startedAtMs) / 1_000
  console.log(pc.dim(`${seconds.toFixed(1)} s`))
  if (serve) await serveUntilEnded(run)
  return {
    comparedCount: comparedCount(judgement.comparison), differingCount: judgement.comparison.differingCount,
    rates: { ...history, firstGeneration, stream },
    latencies: { whileStreaming: percentilesOf(run.underway.latenciesMs), atRest: percentilesOf(run.atRest.latenciesMs) },
    costs: costsOf(phases.phases), peakBytes: peakBytesOf(phases.phases.at(-1)!.after), seconds,
  }
}

interface Outcome {
  readonly run: RealRun
  readonly phases: RealPhases
  readonly troubles: Troubles
  readonly arrivals: Arrivals
  readonly judgement: Judgement
  readonly letters: readonly string[]
}

function report({ run: { underway, atRest }, phases, troubles, arrivals: { senselessCount }, judgement: { comparison, unavailableCount }, letters }: Outcome): void {
  console.log(`\n${airportTable(atRest, AIRPORTS_SHOWN)}\n\n${usageTable(phases.phases)}\n`)
  console.log(`serving over HTTP, each request for one entity, at a steady rate:\n  while flights stream, with its explanation: ${formatCount(underway.latenciesMs.length)} requests, ${formatPercentiles(underway.latenciesMs)}; lag ${formatPercentiles(underway.lagsMs)}; ${describeGenerations(underway)}\n  at rest: ${formatCount(atRest.latenciesMs.length)} requests, ${formatPercentiles(atRest.latenciesMs)}`)
  for (const line of [...describeDegraded(underway), ...describeDegraded(atRest)]) console.log(line)
  for (const [why, count] of phases.unanswered) console.log(`  ${formatCount(count)} times: ${why}`)
  for (const line of troubles.repeated()) console.log(`  ${line}`)
  if (unavailableCount > 0) console.log(`  ${formatCount(unavailableCount)} answers had values that were UNAVAILABLE, and are not compared`)
  console.log(`${formatCount(letters.length)} of ${formatCount(senselessCount)} senseless flights are in the dead letters:`)
  for (const letter of letters.slice(0, 3)) console.log(`  ${letter}`)
  const isRight = comparison.differingCount === 0 && letters.length === senselessCount && atRest.degraded.size === 0
  console.log(`\n${formatVerdict(comparison, isRight)}`)
  if (!isRight) process.exitCode = 1
}

async function startSet(screen: Screen, signal: AbortSignal): Promise<StartedServers> {
  using progress = createProgress((line) => screen.print(pc.dim(`  ${line}`)))
  return await startServers({ names: SERVERS, set: `demo-${process.pid}`, watch: progress.watch, signal })
}

async function loadShiftedArrivals(session: DuckDbSession, seed: number): Promise<Arrivals> {
  const path = flightsFilePath()
  const [last] = await session.rows(`SELECT max(epoch_ms("date"))::DOUBLE AS ms FROM read_parquet('${path.replaceAll("'", "''")}')`)
  const shiftMs = Date.now() + LAST_DEPARTURE_AFTER_MS - (last!['ms'] as number)
  return loadArrivals(session, path, { cutMs: JUNE_FROM_MS + shiftMs, seed, shiftMs })
}

/** Throws PORT_IN_USE before anything is started. */
async function requireFree(port: number): Promise<void> {
  await (await listen(() => undefined, { host: '127.0.0.1', port }))[Symbol.asyncDispose]()
}

/** Until somebody ends it, or a service ends. */
async function serveUntilEnded({ layers: { url }, signal }: RealRun): Promise<void> {
  console.log(`\n${pc.green('listening')} on ${pc.bold(url)}; Ctrl-C ends it\n`)
  for (const { title, command } of exampleCommands(url, Date.now())) console.log(`${pc.bold(title)}\n${command}\n`)
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  throw signal.reason
}
