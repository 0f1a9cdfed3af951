// npm run servers -- up|build|down|status|logs|addresses [name…] [--set NAME]
// Exit codes: 0, 1 where a server failed, does not run or cannot be started, 2 for a wrong call, 128 + the signal's number when interrupted.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import picocolors from 'picocolors'
import { environmentOf } from './addresses.ts'
import { DEFAULT_NAMES, expandNames, SERVER_NAMES, type ServerName } from './names.ts'
import { DEFAULT_PORTS, PORT_MAX, PORT_NAMES, portsFrom, type Ports } from './ports.ts'
import { createProgress } from './progress.ts'
import { ServerSet, sweepAbandonedSets } from './server-set.ts'
import { ServersError } from './servers-error.ts'
import { SHARED_SET_VARIABLE } from './shared-servers.ts'
import { describeStatus } from './status-table.ts'
import { DEFAULT_SET, isSetName, listSets, SET_NAME_FORM, SetFolder } from './set-folder.ts'

interface SetOption {
  readonly set: string
}

const EXIT = { failed: 1, usage: 2 } as const
/** Of errors that commander has not told of already. */
const OWN_CODE = 'tidemark.usage'
/** How a write ends once nobody reads: a closed pipe, a terminal that is gone. */
const READER_LEFT_CODES: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO'])
const print = (line: string): void => void process.stdout.write(`${line}\n`)

// What cannot be said is lost, and what is done goes on to its end: whoever reads the output may leave.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (!READER_LEFT_CODES.has(code)) process.exitCode = EXIT.failed
  })
}

const program = new Command('npm run servers --')
  .description('The real servers on loopback, without Docker. Names: ' + SERVER_NAMES.join(', ') + '; redis-cluster is its three nodes.')
  .exitOverride()
const command = (name: string, description: string): Command =>
  program.command(name).description(description).argument('[name...]').addOption(new Option('--set <name>', 'which set of servers').argParser(readSetName).env(SHARED_SET_VARIABLE).default(DEFAULT_SET))

command('up', `start them, and return when each answers; without names ${DEFAULT_NAMES.join(', ')}`)
  .option('--ports-from <port>', `ports of a set that is not the default one: ${PORT_NAMES.length} from this one on`, readFirstPort)
  .action(up)
command('build', 'make what they run from, where it is not there yet, and start nothing').action(build)
command('down', 'stop them and remove their data').option('--keep-data', 'stop only').action(down)
command('status', 'which run, where, since when, with how much memory; exit code 0 when all do').action(status)
command('logs', 'the end of their logs').option('-f, --follow', 'and what is added').option('-n, --lines <count>', 'lines of each', readCount, 50).action(logs)
command('addresses', 'where they are, as environment variables').action(addresses)

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = tellFailure(error)
}

async function up(names: readonly string[], { set, portsFrom: first }: SetOption & { portsFrom?: number }): Promise<void> {
  await sweepAbandonedSets()
  const folder = new SetFolder(set)
  const wanted = names.length === 0 ? DEFAULT_NAMES : demandNames(names)
  const ports = first === undefined ? usualPorts(folder) : portsFrom(first)
  using progress = createProgress(print)
  const failures = await new ServerSet(folder, ports).up(wanted, { watch: progress.watch, signal: listenForInterrupts() })
  if (failures.size === 0) return
  const others = wanted.filter((name) => !failures.has(name))
  print(`\n${[...failures.keys()].join(', ')} failed; ${others.length === 0 ? 'nothing was started' : `${others.join(', ')} stay up`}.`)
  process.exitCode = EXIT.failed
}

async function build(names: readonly string[], { set }: SetOption): Promise<void> {
  using progress = createProgress(print)
  const wanted = names.length === 0 ? DEFAULT_NAMES : demandNames(names)
  const failures = await new ServerSet(new SetFolder(set), DEFAULT_PORTS).build(wanted, { watch: progress.watch, signal: listenForInterrupts() })
  if (failures.size > 0) process.exitCode = EXIT.failed
}

/** Aborted with the signal's name. */
function listenForInterrupts(): AbortSignal {
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.abort(signal))
  return interrupt.signal
}

async function down(names: readonly string[], { set, keepData }: SetOption & { keepData?: boolean }): Promise<void> {
  const found = findSet(set)
  if (found === undefined) return print(`There is no set ${set}: nothing to stop.`)
  using progress = createProgress(print)
  await found.down(names.length === 0 ? found.folder.names() : demandNames(names), { keepData: keepData === true, watch: progress.watch })
}

function status(names: readonly string[], { set }: SetOption): void {
  const found = findSet(set)
  const statuses = found === undefined ? [] : namesOrAll(found, names).map((name) => found.status(name))
  if (statuses.length === 0) print(`Nothing of the set ${set} was started${otherSets(set)}: ${callToStart(set)}`)
  else print(describeStatus(statuses, Date.now()))
  if (statuses.length === 0 || statuses.some(({ state }) => state !== 'running')) process.exitCode = EXIT.failed
}

async function logs(names: readonly string[], { set, follow, lines }: SetOption & { follow?: boolean; lines: number }): Promise<void> {
  const found = demandSet(set)
  const paths = namesOrAll(found, names).map((name) => found.folder.logOf(name)).filter((path) => existsSync(path))
  if (paths.length === 0) throw new ServersError(`There is no log of ${names.join(', ') || 'any server'} in the set ${set}: none was started.`)
  const tail = spawn('tail', [...(follow ? ['-F'] : []), '-n', `${lines}`, ...paths], { stdio: 'inherit' })
  process.on('SIGINT', () => tail.kill('SIGINT'))
  const code = await new Promise<number | null>((resolve, reject) => tail.on('close', resolve).on('error', reject))
  if (code !== 0 && code !== null) process.exitCode = EXIT.failed
}

function addresses(names: readonly string[], { set }: SetOption): void {
  const found = demandSet(set)
  for (const [name, value] of Object.entries(environmentOf(found.addresses, namesOrAll(found, names)))) print(`${name}=${value}`)
}

/** Where a set is, or would be, that nobody says another place for. */
function usualPorts(folder: SetFolder): Ports {
  const known = folder.readAddresses()?.ports
  if (known !== undefined) return known
  if (folder.set === DEFAULT_SET) return DEFAULT_PORTS
  throw wrongCall(`The set ${folder.set} is not there yet, and nothing says where it may listen.\n  do  --ports-from PORT takes ${PORT_NAMES.length} ports from PORT on.`)
}

function readSetName(text: string): string {
  if (isSetName(text)) return text
  throw new InvalidArgumentError(`It is not ${SET_NAME_FORM}.`)
}

function readFirstPort(text: string): number {
  const port = readCount(text)
  const portMax = PORT_MAX - PORT_NAMES.length + 1
  if (port >= 1 && port <= portMax) return port
  throw new InvalidArgumentError(`It is a port with ${PORT_NAMES.length - 1} more above it: from 1 to ${portMax}.`)
}

function readCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is no whole number.')
}

function demandNames(names: readonly string[]): ServerName[] {
  const expanded = expandNames(names)
  if (expanded === undefined) throw wrongCall(`Of ${names.join(', ')} not all are servers: ${SERVER_NAMES.join(', ')}, redis-cluster.`)
  return expanded
}

function namesOrAll(found: ServerSet, names: readonly string[]): ServerName[] {
  return names.length === 0 ? found.folder.names() : demandNames(names)
}

function findSet(set: string): ServerSet | undefined {
  const folder = new SetFolder(set)
  const ports = folder.readAddresses()?.ports
  return ports === undefined ? undefined : new ServerSet(folder, ports)
}

function demandSet(set: string): ServerSet {
  const found = findSet(set)
  if (found === undefined) throw new ServersError(`There is no set ${set}${otherSets(set)}.\n  do  ${callToStart(set)}`)
  return found
}

/** What commander itself does not notice. */
function wrongCall(message: string): CommanderError {
  return new CommanderError(EXIT.usage, OWN_CODE, message)
}

/** What brings this set up. */
function callToStart(set: string): string {
  const isThere = set === DEFAULT_SET || findSet(set) !== undefined
  return `npm run servers -- up${set === (process.env[SHARED_SET_VARIABLE] ?? DEFAULT_SET) ? '' : ` --set ${set}`}${isThere ? '' : ' --ports-from PORT'}`
}

function otherSets(set: string): string {
  const others = listSets().filter((each) => each !== set)
  return others.length === 0 ? '' : ` (there is ${others.join(', ')})`
}

function tellFailure(error: unknown): number {
  if (typeof error === 'string' && error in constants.signals) {
    print('interrupted: what this call had started is stopped')
    return 128 + constants.signals[error as NodeJS.Signals]
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code === OWN_CODE) process.stderr.write(`${picocolors.red('error')} ${error.message}\n`)
    return EXIT.usage
  }
  const text = error instanceof ServersError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`${picocolors.red('error')} ${text}\n`)
  return EXIT.failed
}
