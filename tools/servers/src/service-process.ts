// A layer as a process, for suites and demos: started, waited for until it says that it is ready, or something else, killed or asked to end. Its log
// is JSON, a line each; what it says at the levels of warnings and above is told.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { identifyProcess, type ProcessIdentity } from './process-identity.ts'

/** A line of its log; what it said that is no JSON has no level. */
export interface LogLine {
  readonly level?: number | string
  readonly msg: string
  readonly code?: string
  readonly where?: string
  readonly url?: string
  readonly [field: string]: unknown
}

export interface ServiceOptions {
  readonly name: string
  /** The file that Node runs. */
  readonly main: string
  readonly env: Readonly<Record<string, string>>
  /** The words that start Node, before its arguments; without them this process's own. Each has to replace the one before: signals are for Node. */
  readonly node?: readonly string[]
  /** Told of warnings and errors, and of what is no log line. */
  readonly onTrouble?: (line: LogLine) => void
}

/** Of a layer, the file that Node runs. */
export function mainOf(layer: LayerName): string {
  return join(import.meta.dirname, '..', '..', '..', 'apps', layer, 'src', 'main.ts')
}

export const LAYER_NAMES = ['archiver', 'speed-layer', 'batch-layer', 'serving-layer'] as const
export type LayerName = (typeof LAYER_NAMES)[number]

/** It ended though nobody asked it to. */
export class ServiceEnded extends Error {
  override readonly name = 'ServiceEnded'
  /** Its exit code, or the signal that ended it; null: it could not be started. */
  readonly how: number | NodeJS.Signals | null

  constructor(message: string, how: number | NodeJS.Signals | null) {
    super(message)
    this.how = how
  }
}

/** What a service has not said by then it never will, on a busy machine too. */
const SAID_WITHIN_MS = 120_000
/**
 * Loaded into a service before its own code: it is told to end once the channel to who started it is closed, however that one ended. As JavaScript, and in the
 * command line: no file has to be found where a service runs, and Node loads nothing to take types away.
 */
const END_WITH_PARENT = `data:text/javascript,${encodeURIComponent("process.once('disconnect', () => process.kill(process.pid, 'SIGTERM')); process.channel?.unref()")}`
const END_WITHIN_MS = 30_000
const TOLD_LINES = 20
const KEPT_LINES = 10_000
const WARNING_LEVEL = 40
const LEVELS: Readonly<Record<string, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 }

export class ServiceProcess implements AsyncDisposable {
  readonly name: string
  readonly identity: ProcessIdentity
  /** What it said, the newest last. */
  readonly lines: LogLine[] = []
  /** Rejects with ServiceEnded where it ends without being asked to; resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  private readonly child: ChildProcess
  private readonly listeners = new Set<(line: LogLine) => void>()
  private isAskedToEnd = false

  private constructor({ name, onTrouble }: ServiceOptions, child: ChildProcess, identity: ProcessIdentity) {
    this.name = name
    this.child = child
    this.identity = identity
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', (text) => this.take(text, onTrouble))
    this.ended = once(child, 'close').then((close) => {
      const [code, signal] = close as [number | null, NodeJS.Signals | null]
      const how = code ?? signal!
      if (this.isAskedToEnd) return how
      throw new ServiceEnded(`${name} ended (${how}) though nobody asked it to. ${this.told()}`, how)
    })
    this.ended.catch(() => undefined)
  }

  /** Resolves once it is running; whether it is ready is another question. */
  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    // A group of its own: an interrupt at the terminal is for who started it, who ends it in its turn.
    const [command, ...args] = [...(options.node ?? [process.execPath]), '--disable-warning=ExperimentalWarning', '--import', END_WITH_PARENT, options.main]
    const child = spawn(command!, args, { env: { ...withoutSettings(process.env), ...options.env }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true })
    await once(child, 'spawn')
    const identity = identifyProcess(child.pid!)
    if (identity === undefined) throw new ServiceEnded(`${options.name} ended as soon as it had started.`, null)
    return new ServiceProcess(options, child, identity)
  }

  /** The line that says so. Throws ServiceEnded, or that it is not ready for too long. */
  untilReady(): Promise<LogLine> {
    return this.until('that it is ready', ({ msg }) => msg === 'ready')
  }

  /** The first line that is so, of what it said and will say. Throws ServiceEnded where it ends first, or that it has not said it for too long. */
  async until(what: string, is: (line: LogLine) => boolean, withinMs = SAID_WITHIN_MS): Promise<LogLine> {
    const said = this.lines.find(is)
    if (said !== undefined) return said
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>()
    const listen = (line: LogLine): void => (is(line) ? resolve(line) : undefined)
    const timer = setTimeout(() => reject(new Error(`${this.name} has not said ${what} after ${withinMs / 1_000} s. ${this.told()}`)), withinMs)
    this.listeners.add(listen)
    this.ended.then((how) => reject(new ServiceEnded(`${this.name} was ended (${how}) before it said ${what}.`, how)), reject)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      this.listeners.delete(listen)
    }
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** SIGTERM, and SIGKILL to one that takes too long. How it ended. */
  async stop(): Promise<number | NodeJS.Signals> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), END_WITHIN_MS)
    try {
      return await this.end('SIGTERM')
    } finally {
      clearTimeout(timer)
    }
  }

  private end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.isAskedToEnd = true
    this.child.kill(signal)
    return this.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) await this.stop()
  }

  private take(text: string, onTrouble: ServiceOptions['onTrouble']): void {
    const line = lineOf(text)
    this.lines.push(line)
    if (this.lines.length > KEPT_LINES) this.lines.shift()
    for (const listen of this.listeners) listen(line)
    if (levelOf(line) >= WARNING_LEVEL) onTrouble?.(line)
  }

  /** The end of its log, for messages. */
  private told(): string {
    return `The end of its log:\n${this.lines.slice(-TOLD_LINES).map((line) => JSON.stringify(line)).join('\n')}`
  }
}

/** Settings of whoever started this are not the service's. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TIDEMARK_')))
}

function lineOf(text: string): LogLine {
  try {
    const line = JSON.parse(text) as LogLine | null
    if (typeof line?.msg === 'string') return line
  } catch {
    // Not JSON: a crash, or a warning of Node.
  }
  return { msg: text }
}

function levelOf({ level }: LogLine): number {
  return typeof level === 'number' ? level : level === undefined ? WARNING_LEVEL : (LEVELS[level] ?? WARNING_LEVEL)
}
