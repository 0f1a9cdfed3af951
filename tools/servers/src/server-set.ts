// A set of servers: brought up together, each on its own, looked at, hurt and taken down. What the command line does and what tests
// do is the same: `ServerSet` for sets that outlive their starter, `startServers` for those that end with a test.
import { existsSync } from 'node:fs'
import { buildsFolder, ensureBuild, folderOfBuild } from './build-cache.ts'
import { addressesOf, type Addresses } from './addresses.ts'
import { redisBuild, redisOnPath, type PinnedBuild } from './builds.ts'
import { acquireLock } from './lock.ts'
import { demandTools, javaProgram, type ToolNeed } from './machine-tools.ts'
import { CLUSTER_NAMES, expandNames, isClusterNode, type NameOrGroup, type ServerName } from './names.ts'
import { findFreePorts, isFree, LOOPBACK, PORT_NAMES, portNamesOf, type Ports } from './ports.ts'
import { describeListener, identifyProcess, isPaused, isRunning, residentBytesOf, signalProcess, startedAtMsOf, type ProcessIdentity } from './process-identity.ts'
import { formCluster } from './redis-cluster.ts'
import { endProcess, killProcess, launch, pauseProcess, waitUntilReady } from './server-process.ts'
import { SERVER_SPECS, type ServerPlace, type ServerSpecs } from './server-specs.ts'
import { ServersError } from './servers-error.ts'
import { listSets, SetFolder, SETS_FOLDER } from './set-folder.ts'

export type ServerEvent =
  | { readonly kind: 'building' | 'waiting'; readonly build: PinnedBuild }
  | { readonly kind: 'built'; readonly folder: string }
  | { readonly kind: 'starting' | 'stopping' }
  /** It answers; `wasRunning` where it had been started before. */
  | { readonly kind: 'ready'; readonly identity: ProcessIdentity; readonly wasRunning: boolean }
  | { readonly kind: 'failed'; readonly error: Error }
  | { readonly kind: 'stopped'; readonly wasKilled: boolean }

export type Watch = (name: ServerName, event: ServerEvent) => void

export interface ServerStatus {
  readonly name: ServerName
  readonly state: 'running' | 'paused' | 'stopped'
  readonly port: number
  readonly pid?: number
  readonly residentBytes?: number
  readonly startedAtMs?: number
}

export interface UpOptions {
  readonly watch?: Watch
  readonly signal?: AbortSignal | undefined
}

/** What a set starts its servers with: the real ones from the usual cache, unless a test brings small ones. */
export interface SetMeans {
  readonly specs?: ServerSpecs
  readonly buildsRoot?: string
}

const unwatched: Watch = () => undefined

export class ServerSet {
  readonly folder: SetFolder
  readonly ports: Ports
  readonly #specs: ServerSpecs
  readonly #buildsRoot: string
  /** Of builds that have been found or made in this process. */
  readonly #builds = new Map<PinnedBuild, Promise<string>>()

  constructor(folder: SetFolder, ports: Ports, { specs = SERVER_SPECS, buildsRoot = buildsFolder() }: SetMeans = {}) {
    this.folder = folder
    this.ports = ports
    this.#specs = specs
    this.#buildsRoot = buildsRoot
  }

  get addresses(): Addresses {
    return addressesOf(this.ports)
  }

  /**
   * Starts those of `names` that do not run, together, and resolves when each has answered or failed: the errors by name. One that
   * fails is ended and leaves its log; the others stay. An abort ends what this call has started, and is thrown. A set that was not
   * there is there from the start of its first server on.
   */
  async up(names: readonly ServerName[], { watch = unwatched, signal }: UpOptions = {}): Promise<Map<ServerName, Error>> {
    await using _lock = await acquireLock(`set ${this.folder.path}`, { ...(signal && { signal }) })
    this.#demandRecordedPorts()
    const started = names.filter((name) => this.identityOf(name) === undefined)
    demandTools(started.flatMap((name) => this.#toolNeedsOf(name)))
    await this.#demandPorts(started)
    using _record = this.#record()
    const failures = new Map<ServerName, Error>()
    const fail = (name: ServerName, error: Error): void => {
      if (signal?.aborted) return
      failures.set(name, error)
      watch(name, { kind: 'failed', error })
    }
    await Promise.all(names.map((name) => this.#bringUp(name, watch, signal).catch((error: Error) => fail(name, error))))
    const cluster = names.filter(isClusterNode)
    await this.#joinCluster(cluster, signal).catch((error: Error) => cluster.forEach((name) => fail(name, error)))
    if (signal?.aborted) {
      await this.#endAll(started, watch)
      throw signal.reason
    }
    return failures
  }

  /** Makes what those of `names` run from, where it is not there, and starts nothing: the errors by name. */
  async build(names: readonly ServerName[], { watch = unwatched, signal }: UpOptions = {}): Promise<Map<ServerName, Error>> {
    demandTools(names.flatMap((name) => this.#toolNeedsOf(name)))
    const failures = new Map<ServerName, Error>()
    await Promise.all(names.map(async (name) => {
      const { build } = this.#specs[name]
      try {
        watch(name, { kind: 'built', folder: await this.#buildFor(name, build, watch, signal) })
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        failures.set(name, error as Error)
        watch(name, { kind: 'failed', error: error as Error })
      }
    }))
    return failures
  }

  /** Ends these servers and, unless it is kept, removes all that they had; with the last of them the set's folder goes. */
  async down(names: readonly ServerName[], { keepData = false, watch = unwatched }: { keepData?: boolean; watch?: Watch } = {}): Promise<void> {
    await using _lock = await acquireLock(`set ${this.folder.path}`)
    await this.#endAll(names, watch)
    if (keepData) return
    for (const name of names) this.folder.removeServer(name)
    if (this.folder.names().length === 0) this.folder.removeAll()
  }

  status(name: ServerName): ServerStatus {
    const [portName] = portNamesOf(name)
    const port = this.ports[portName]
    const identity = this.identityOf(name)
    if (identity === undefined) return { name, state: 'stopped', port }
    return {
      name, port, pid: identity.pid, state: isPaused(identity) ? 'paused' : 'running',
      residentBytes: residentBytesOf(identity), startedAtMs: startedAtMsOf(identity),
    }
  }

  /** SIGTERM, then SIGKILL after the limit; the data stays. */
  async stop(name: ServerName): Promise<void> {
    await this.#endAll([name], unwatched)
  }

  /** SIGKILL; resolves when the process is gone. The data stays as it was at that moment. */
  async kill(name: ServerName): Promise<void> {
    await killProcess(this.#demandRunning(name))
  }

  /** SIGSTOP, resolved when it holds: connections stay open and are accepted, and nothing is answered. */
  async pause(name: ServerName): Promise<void> {
    await pauseProcess(this.#demandRunning(name))
  }

  resume(name: ServerName): void {
    signalProcess(this.#demandRunning(name), 'SIGCONT')
  }

  /** Starts the server on its data and ports, after stopping it where it runs; resolves when it answers. */
  async restart(name: ServerName): Promise<void> {
    await this.stop(name)
    const failures = await this.up([name])
    for (const [, error] of failures) throw error
  }

  /** undefined: it does not run. */
  identityOf(name: ServerName): ProcessIdentity | undefined {
    const identity = this.folder.readProcess(name)
    return identity !== undefined && isRunning(identity) ? identity : undefined
  }

  #demandRunning(name: ServerName): ProcessIdentity {
    const identity = this.identityOf(name)
    if (identity === undefined) throw new ServersError(`${name} of the set ${this.folder.set} does not run.`)
    return identity
  }

  async #bringUp(name: ServerName, watch: Watch, signal?: AbortSignal): Promise<void> {
    const spec = this.#specs[name]
    const found = this.identityOf(name)
    const identity = found ?? (await this.#launch(name, watch, signal))
    try {
      await waitUntilReady(identity, () => spec.probe(this.ports), this.folder.logOf(name), { signal })
    } catch (error) {
      if (found === undefined) await endProcess(identity)
      throw error
    }
    watch(name, { kind: 'ready', identity, wasRunning: found !== undefined })
  }

  async #launch(name: ServerName, watch: Watch, signal?: AbortSignal): Promise<ProcessIdentity> {
    const spec = this.#specs[name]
    const build = await this.#buildFor(name, spec.build, watch, signal)
    watch(name, { kind: 'starting' })
    const place: ServerPlace = { name, ports: this.ports, folder: this.folder.folderOf(name), build, java: javaProgram() }
    return launch(spec, place, this.folder, signal)
  }

  /** The folder of the build; several servers of one build wait for the same. */
  #buildFor(name: ServerName, build: PinnedBuild, watch: Watch, signal?: AbortSignal): Promise<string> {
    const installed = this.#installedFolder(build)
    if (installed !== undefined) return Promise.resolve(installed)
    const known = this.#builds.get(build)
    if (known !== undefined) return known
    const told = { building: () => watch(name, { kind: 'building', build }), waiting: () => watch(name, { kind: 'waiting', build }) }
    const made = ensureBuild(build, this.#buildsRoot, told, signal)
    this.#builds.set(build, made)
    made.catch(() => this.#builds.delete(build))
    return made
  }

  #isMade(build: PinnedBuild): boolean {
    return existsSync(folderOfBuild(build, this.#buildsRoot))
  }

  /** Where this machine has the pinned version already, so that it need not be made. */
  #installedFolder(build: PinnedBuild): string | undefined {
    return build === redisBuild && !this.#isMade(build) ? redisOnPath() : undefined
  }

  #toolNeedsOf(name: ServerName): ToolNeed[] {
    const { build, java } = this.#specs[name]
    const neededBy = `${name} (${build.name} ${build.version})`
    const isThere = this.#isMade(build) || this.#installedFolder(build) !== undefined
    const tools = isThere ? [] : build.tools.map((tool) => ({ tool, neededBy }))
    return [...(java === undefined ? [] : [{ tool: 'java' as const, neededBy, ...java }]), ...tools]
  }

  #demandRecordedPorts(): void {
    const recorded = this.folder.readAddresses()?.ports
    if (recorded === undefined || PORT_NAMES.every((name) => recorded[name] === this.ports[name])) return
    const { set } = this.folder
    throw new ServersError(`The set ${set} has other ports already.\n  do  Take it down first (npm run servers -- down --set ${set}), or leave --ports-from away.`)
  }

  /** Says where the set is before any of it starts; disposing takes that back where none has. */
  #record(): Disposable {
    if (this.folder.readAddresses() !== undefined) return { [Symbol.dispose]: () => undefined }
    this.folder.writeAddresses(this.ports)
    return { [Symbol.dispose]: () => (this.folder.names().length === 0 ? this.folder.removeAll() : undefined) }
  }

  async #demandPorts(names: readonly ServerName[]): Promise<void> {
    const wanted = names.flatMap((name) => portNamesOf(name).map((portName) => ({ name, portName, port: this.ports[portName] })))
    const free = await Promise.all(wanted.map(({ port }) => isFree(port)))
    const lines = wanted.flatMap(({ name, portName, port }, index) => {
      if (free[index]) return []
      const who = describeListener(port) ?? 'a process that this user may not see'
      return [`  ${name} wants ${LOOPBACK}:${port}${portName === name ? '' : ` (${portName})`}, and ${who} has it`]
    })
    if (lines.length === 0) return
    throw new ServersError(['Ports are in use:', ...lines, '  do  End what has them, or bring up a set of another name elsewhere: --set NAME --ports-from PORT'].join('\n'))
  }

  /** Joins the nodes when all of them run; a single one is brought up without its cluster. */
  async #joinCluster(names: readonly ServerName[], signal?: AbortSignal): Promise<void> {
    if (names.length > 0 && CLUSTER_NAMES.every((name) => this.identityOf(name) !== undefined)) await formCluster(this.ports, signal)
  }

  async #endAll(names: readonly ServerName[], watch: Watch): Promise<void> {
    await Promise.all(names.map(async (name) => {
      const identity = this.identityOf(name)
      if (identity !== undefined) {
        watch(name, { kind: 'stopping' })
        watch(name, { kind: 'stopped', wasKilled: await endProcess(identity) })
      }
      this.folder.removeProcess(name)
    }))
  }
}

/** Servers of a test. Disposing them ends them and removes their data. */
export interface StartedServers extends AsyncDisposable {
  readonly set: string
  readonly addresses: Addresses
  /** undefined: it does not run. */
  identityOf(name: ServerName): ProcessIdentity | undefined
  stop(name: ServerName): Promise<void>
  kill(name: ServerName): Promise<void>
  pause(name: ServerName): Promise<void>
  resume(name: ServerName): void
  restart(name: ServerName): Promise<void>
}

export interface StartOptions extends UpOptions {
  readonly names: readonly NameOrGroup[]
  /** The set's name; without one it gets a name of its own. */
  readonly set?: string
  readonly root?: string
}

let startedCount = 0

/** Starts these servers on free ports, in a set that ends with this process at the latest: whoever comes next sweeps it away. */
export async function startServers({ names, set = `test-${process.pid}-${++startedCount}`, root = SETS_FOLDER, ...options }: StartOptions): Promise<StartedServers> {
  await sweepAbandonedSets(root)
  const servers = expandNames(names)
  if (servers === undefined) throw new ServersError(`Of ${names.join(', ')} not all are servers.`)
  const folder = new SetFolder(set, root)
  const found = folder.readAddresses()
  const started = new ServerSet(folder, found?.ports ?? (await findFreePorts()))
  if (found === undefined) folder.writeAddresses(started.ports, identifyProcess(process.pid))
  const end = (): Promise<void> => started.down(folder.names())
  try {
    const failures = await started.up(servers, options)
    if (failures.size > 0) throw new ServersError([...failures].map(([name, { message }]) => `${name}: ${message}`).join('\n'))
  } catch (error) {
    await end()
    throw error
  }
  return {
    set,
    addresses: started.addresses,
    identityOf: (name) => started.identityOf(name),
    stop: (name) => started.stop(name),
    kill: (name) => started.kill(name),
    pause: (name) => started.pause(name),
    resume: (name) => started.resume(name),
    restart: (name) => started.restart(name),
    [Symbol.asyncDispose]: end,
  }
}

/** Takes down the sets whose owner has ended without doing so. */
export async function sweepAbandonedSets(root: string = SETS_FOLDER): Promise<void> {
  for (const name of listSets(root)) {
    const folder = new SetFolder(name, root)
    const found = folder.readAddresses()
    if (found?.owner !== undefined && !isRunning(found.owner)) await new ServerSet(folder, found.ports).down(folder.names())
  }
}
