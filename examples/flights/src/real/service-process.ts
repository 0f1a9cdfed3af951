// A layer as a process: started, waited for until it says that it is ready, killed or asked to end. Its log is JSON, a line each; what it says at
// the levels of warnings and above is told, and the end of it is kept for whoever wants to know why it ended.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { identifyProcess, type ProcessIdentity } from '@tidemark/servers/process-identity'

/** A line of its log; what it said that is no JSON has no level. */
export interface LogLine {
  readonly level?: number | string
  readonly msg: string
  readonly code?: string
  readonly where?: string
  readonly url?: string
}

export interface ServiceOptions {
  readonly name: string
  /** The file that Node runs. */
  readonly main: string
  readonly env: Readonly<Record<string, string>>
  /** Told of warnings and errors, and of what is no log line. */
  readonly onTrouble: (line: LogLine) => void
}

/** It ended though nobody asked it to. */
export class ServiceEnded extends Error {
  override readonly name = 'ServiceEnded'
}

const READY_WITHIN_MS = 120_000
const END_WITHIN_MS = 30_000
const KEPT_LINES = 20
const WARNING_LEVEL = 40
const LEVELS: Readonly<Record<string, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 }

export class ServiceProcess implements AsyncDisposable {
  readonly name: string
  readonly identity: ProcessIdentity
  /** Rejects with ServiceEnded where it ends without being asked to; resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
  private readonly child: ChildProcess
  private readonly lastLines: string[] = []
  private readonly ready = Promise.withResolvers<LogLine>()
  private isAskedToEnd = false

  private constructor({ name, onTrouble }: ServiceOptions, child: ChildProcess, identity: ProcessIdentity) {
    this.name = name
    this.child = child
    this.identity = identity
    for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', (text) => this.take(text, onTrouble))
    this.ended = once(child, 'exit').then((exit) => {
      const [code, signal] = exit as [number | null, NodeJS.Signals | null]
      const how = code ?? signal!
      if (this.isAskedToEnd) return how
      throw new ServiceEnded(`${name} ended (${how}) though nobody asked it to. The end of its log:\n${this.lastLines.join('\n')}`)
    })
    this.ended.catch((error: unknown) => this.ready.reject(error))
    this.ready.promise.catch(() => undefined)
  }

  /** Resolves once it is running; whether it is ready is another question. */
  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    // A group of its own: an interrupt at the terminal is for who started it, who ends it in its turn.
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', options.main], { env: { ...withoutSettings(process.env), ...options.env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    await once(child, 'spawn')
    const identity = identifyProcess(child.pid!)
    if (identity === undefined) throw new ServiceEnded(`${options.name} ended as soon as it had started.`)
    return new ServiceProcess(options, child, identity)
  }

  /** The line that says so. Throws ServiceEnded, or that it is not ready for too long. */
  async untilReady(): Promise<LogLine> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error(`${this.name} was not ready after ${READY_WITHIN_MS / 1_000} s. The end of its log:\n${this.lastLines.join('\n')}`)), READY_WITHIN_MS)
    try {
      return await Promise.race([this.ready.promise, late])
    } finally {
      clearTimeout(timer)
    }
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
    if (this.child.exitCode === null && this.child.signalCode === null) await this.stop()
  }

  private take(text: string, onTrouble: (line: LogLine) => void): void {
    this.lastLines.push(text)
    if (this.lastLines.length > KEPT_LINES) this.lastLines.shift()
    const line = lineOf(text)
    if (line.msg === 'ready') this.ready.resolve(line)
    if (levelOf(line) >= WARNING_LEVEL) onTrouble(line)
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
