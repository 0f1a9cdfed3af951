// `tidemark dev`: the whole system in one process, durable in a folder, with HTTP to send events and to ask for features.
import type { Definitions } from '@tidemark/feature-schema/definition'
import { parseDurationMs } from '@tidemark/feature-schema/duration'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { isLoopback } from '@tidemark/machine/loopback'
import { listen } from '@tidemark/machine/http-listener'
import type { LambdaPorts } from '@tidemark/pipelines/lambda/lambda-ports'
import type { Command } from 'commander'
import { DATA_FOLDER_DEFAULT, REJECTED_SHARE_OPTION } from '../data-folder.ts'
import { changesBetween } from '@tidemark/pipelines/definitions/definition-changes'
import { registerDefinitions } from '@tidemark/pipelines/definitions/definition-registry'
import { markOfModules, watchModules } from '../dev/definition-file.ts'
import { batchTeller, describeFolder, emptiedAlarm, tellAlarm, tellCatchingUp, tellError, tellOpened, tellReady, tellRefused, tellTakenUp } from '../dev/dev-report.ts'
import { DevSystem } from '../dev/dev-system.ts'
import { exampleRequests } from '../dev/example-requests.ts'
import { untilFresh } from '../dev/until-fresh.ts'
import { usageError } from '../failure.ts'
import { listenForInterrupts } from '../interrupt.ts'
import { loadSoundDefinitions } from '../load-definitions.ts'
import type { Output } from '../output.ts'

const PARTITION_COUNT_DEFAULT = 4
const PARTITION_COUNT_MAX = 1_024

interface DevOptions {
  readonly definitions: string
  readonly data: string
  readonly port: number
  readonly host: string
  readonly unauthenticated?: boolean
  readonly partitions: number
  readonly batchEvery?: number
  readonly rejectedShareMax?: number
}

export function addDevCommand(program: Command, output: Output): void {
  program
    .command('dev')
    .summary('run the whole system in one process: send it events, ask it for features')
    .description('Runs log, archive, batch, stream and serving in one process, durable in a folder, with HTTP on loopback to send events and to ask for features. Definitions that change on disk are taken up. Ends with Ctrl-C.')
    .requiredOption('--definitions <file>', 'definitions, .ts or .json')
    .option('--data <folder>', 'where everything is kept', DATA_FOLDER_DEFAULT)
    .option('--port <port>', 'port to listen on; 0: any that is free', wholeNumber('--port', 0, 65_535), 8080)
    .option('--host <address>', 'address to listen on; outside loopback only with --unauthenticated', '127.0.0.1')
    .option('--unauthenticated', 'let whoever reaches the address send events and ask: nobody is asked who they are')
    .option('--partitions <count>', 'partitions of the log, by source; one that has more keeps them', wholeNumber('--partitions', 1, PARTITION_COUNT_MAX), PARTITION_COUNT_DEFAULT)
    .option('--batch-every <duration>', 'how often due generations are made: 10m, 6h (default: whenever an epoch is sealed)', readDuration)
    .option(...REJECTED_SHARE_OPTION)
    .addHelpText('after', '\nExample:\n  tidemark dev --definitions features.ts')
    .action((options: DevOptions) => runDev(output, options))
}

function wholeNumber(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    if (number >= min && number <= max) return number
    throw usageError(`${JSON.stringify(text)} is no whole number from ${min} to ${max}.`, option, 'Write one.')
  }
}

function readDuration(text: string): number {
  const durationMs = parseDurationMs(text)
  if (durationMs === null || durationMs <= 0) throw usageError(`${JSON.stringify(text)} is no length of time.`, '--batch-every', 'Write a whole number and a unit: 10m, 6h, 1d.')
  return durationMs
}

async function runDev(output: Output, { definitions: file, data, port, host, unauthenticated = false, partitions, batchEvery, rejectedShareMax }: DevOptions): Promise<void> {
  if (!unauthenticated && !isLoopback(host)) {
    throw usageError(`Others reach ${host}, and \`tidemark dev\` asks nobody who they are.`, '--host', 'Listen on 127.0.0.1, add --unauthenticated, or run the services, which ask: docs/access.md.')
  }
  const mark = markOfModules(file)
  const definitions = await loadSoundDefinitions(file)
  using interrupts = listenForInterrupts()
  await using opened = new AsyncDisposableStack()
  // Loaded here, so that other commands start without stores and server.
  const [{ openEmbeddedPorts }, { claimMember }, { localBatch }, { createServingApp }, { addEventRoutes, openApiDocumentWithEvents }] = await Promise.all([
    import('@tidemark/embedded-system/embedded-ports'), import('@tidemark/embedded-system/claim-member'), import('@tidemark/embedded-system/archive-and-batch'),
    import('@tidemark/serving-http/serving-app'), import('@tidemark/serving-http/event-routes'),
  ])
  const emptied: string[] = []
  const ports = opened.use(await openEmbeddedPorts({
    folder: data, hasArchiverThread: true,
    onEmptied: ({ database, where, message }) => {
      emptied.push(database)
      tellAlarm(output, emptiedAlarm(where, message))
    },
  }))
  await registerDefinitions(ports.registers, definitions)
  const system = opened.use(await DevSystem.start({
    ports, definitions, member: await claimMember(ports.registers, 'dev'), partitionCount: partitions, batch: localBatch(rejectedShareMax),
    ...(batchEvery !== undefined && { batchEveryMs: batchEvery }),
    onAlarm: (alarm) => tellAlarm(output, alarm),
    onBatch: batchTeller(output),
  }))
  const catalog = (): ReturnType<DevSystem['catalog']> => system.catalog()
  const app = createServingApp({
    server: system.server, catalog, openApi: openApiDocumentWithEvents,
    onError: (error) => tellError(output, error),
    extend: (express, fail) => addEventRoutes(express, fail, { log: ports.log, isAllJson: true, catalog }),
  })
  const { url } = opened.use(await listen(app, { host, port }))
  tellOpened(output, data, await describeFolder(ports, catalog()), emptied)
  system.run()
  const ending = new AbortController()
  opened.defer(() => ending.abort())
  const signal = AbortSignal.any([interrupts.signal, ending.signal])
  const fresh = untilFresh({ system, clock: ports.clock, signal, onWait: (late) => tellCatchingUp(output, late) })
  const late = await Promise.race([system.failed, fresh])
  if (!interrupts.signal.aborted) tellReady(output, url, file, exampleRequests(url, catalog(), ports.clock.nowMs()), late)
  const watch = watchModules(file, mark, ports.clock, signal, definitionReloader(output, file, ports, system, definitions))
  // What is being taken up is whole before the system ends.
  opened.defer(() => {
    ending.abort()
    return watch
  })
  await Promise.race([system.failed, watch])
  output.remark(`ends; everything that was acknowledged is in ${data}`)
}

/** Takes up what the file says by now; or says why not, and goes on with what was there before. */
function definitionReloader(output: Output, file: string, { registers }: LambdaPorts, system: DevSystem, first: Definitions): (outdated: AbortSignal) => Promise<void> {
  let taken = first
  let isRefused = false
  return async (outdated) => {
    const loaded = await loadAgain(output, file, registers, outdated)
    if (loaded === null) return
    const wasRefused = isRefused
    isRefused = loaded === 'refused'
    if (loaded === 'refused') return
    const changes = changesBetween(taken, loaded)
    if (changes.length > 0) {
      await system.takeUp(loaded)
      taken = loaded
    }
    if (changes.length > 0 || wasRefused) tellTakenUp(output, file, changes)
  }
}

/** What is wrong with the file, not with the folder. */
const ABOUT_DEFINITIONS: readonly ErrorCode[] = ['DEFINITION_INVALID', 'DEFINITION_TOO_NEW', 'EXPRESSION_INVALID', 'INPUT_UNREADABLE', 'UNKNOWN_NAME', 'USAGE']

/** 'refused': it cannot be taken up, which was told. null: it is not worth it any more. */
async function loadAgain(output: Output, file: string, registers: LambdaPorts['registers'], outdated: AbortSignal): Promise<Definitions | 'refused' | null> {
  try {
    const definitions = await loadSoundDefinitions(file, { signal: outdated })
    await registerDefinitions(registers, definitions)
    return definitions
  } catch (error) {
    if (error === outdated.reason) return null
    if (!(error instanceof TidemarkError) || !ABOUT_DEFINITIONS.includes(error.code)) throw error
    tellRefused(output, file, error)
    return 'refused'
  }
}
