// Calls to servers: how many, how long, which failed; whether a server answers at all; and that none is waited for any more by a service that has to
// end. Each port is wrapped once, where it is opened, so that no adapter and no pipeline knows of it.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Histogram, Metrics } from '@tidemark/observability/metrics'
import { NO_TRACES, type Span, type Tracer } from '@tidemark/observability/tracing'
import type { Readiness } from './readiness.ts'
import type { ServiceLog } from './service-log.ts'

/** A server that has not answered for so long is told of: a call that was late, while others were not, is no news. */
const TOLD_AFTER_MS = 1_000
/** Calls of a server that are under way for so long, and none succeeds: it hangs, though their own limits and repetitions may take minutes. */
const HANGS_AFTER_MS = 10_000

/** Of the calls of one kind in one span: a poll writes to dozens of buckets, and each is like the others. */
const CALL_SPANS_MAX = 8

export interface ServerCallsOptions {
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly readiness: Readiness
  readonly log: ServiceLog
  /** Of a clock that never goes back, with fractions. */
  readonly steadyMs: () => number
  /** Aborted once a service that was told to end may wait no longer: what is not answered then is STORE_UNAVAILABLE, as after any limit. */
  readonly patience: AbortSignal
}

export class ServerCalls {
  private readonly options: ServerCallsOptions
  private readonly servers = new Map<string, Server>()

  constructor(options: ServerCallsOptions) {
    this.options = options
    options.patience.addEventListener('abort', () => {
      for (const server of this.servers.values()) server.giveUp()
    }, { once: true })
    options.metrics.whenRead((tell) => {
      for (const { name: server, activeCount, load } of this.servers.values()) {
        const turns = load?.() ?? null
        tell('tidemark_server_calls_active', { server }, activeCount)
        tell('tidemark_server_calls_waiting', { server }, turns?.waitingCount ?? null)
        tell('tidemark_server_calls_max', { server }, turns?.atOnceMax ?? null)
      }
    })
  }

  /** Finds out which servers hang; to be called now and then. */
  look(): void {
    for (const server of this.servers.values()) {
      const silentMs = server.load?.().silentMs ?? 0
      if (silentMs < HANGS_AFTER_MS) continue
      server.isAway({ code: 'STORE_UNAVAILABLE', message: `It has not answered for ${HANGS_AFTER_MS / 1_000} s.`, where: server.name, action: 'Look at the server; work goes on by itself once it answers.' }, 0)
    }
  }

  /** What who asks a server has found out himself: that its calls hang, before any of them has failed; null: that it answers. */
  told(name: string, problem: Problem | null): void {
    const server = this.servers.get(name)
    if (problem === null) server?.answers()
    else server?.isAway(problem, 0)
  }

  /** The port itself, each call of it observed. */
  observe<T extends object>(name: string, port: T, { isNeeded = true, load }: ObservedOptions = {}): T {
    const server = this.servers.get(name) ?? new Server(name, isNeeded, this.options)
    this.servers.set(name, server)
    server.load ??= load ?? null
    const wrapped = new Map<string | symbol, unknown>()
    return new Proxy(port, {
      get(target, key) {
        const known = wrapped.get(key)
        if (known !== undefined) return known
        const value: unknown = Reflect.get(target, key, target)
        if (typeof value !== 'function') return value
        // The port's own `this`, which may have private fields. A bound function will not do: `using` refuses it.
        const asked = (...given: unknown[]): unknown => Reflect.apply(value, target, given)
        const call = typeof key === 'symbol' ? asked : server.observed(key, asked)
        wrapped.set(key, call)
        return call
      },
    })
  }
}

/** The port observed, where somebody observes. */
export function observed<T extends object>({ calls }: Observation, name: string, port: T, options?: ObservedOptions): T {
  return calls === undefined ? port : calls.observe(name, port, options)
}

export interface ObservedOptions {
  /** Readiness says where it is away. Default: yes. */
  readonly isNeeded?: boolean
  /** Of calls that take turns. */
  readonly load?: () => CallLoad
}

export interface CallLoad {
  readonly waitingCount: number
  readonly atOnceMax: number
  /** For how long calls have been under way without one that succeeded; 0: none is under way. */
  readonly silentMs: number
}

export interface Observation {
  readonly calls?: ServerCalls
}

class Server {
  readonly name: string
  activeCount = 0
  /** null: its calls take no turns. */
  load: (() => CallLoad) | null = null
  private readonly isNeeded: boolean
  private readonly options: ServerCallsOptions
  /** null: it answered last. */
  private failingSinceMs: number | null = null
  private isTold = false
  /** What gives up each call that is under way. */
  private readonly givingUp = new Set<(error: TidemarkError) => void>()

  constructor(name: string, isNeeded: boolean, options: ServerCallsOptions) {
    this.name = name
    this.isNeeded = isNeeded
    this.options = options
  }

  observed(call: string, ask: (...given: unknown[]) => unknown): (...given: unknown[]) => unknown {
    const { steadyMs, metrics, tracer } = this.options
    let seconds: Histogram | null = null
    const spanCounts = new WeakMap<Span, number>()
    const ended = (fromMs: number, span: Span | null): void => {
      this.activeCount--
      span?.end()
      seconds ??= metrics.histogram('tidemark_server_call_seconds', { server: this.name, call })
      seconds.record((steadyMs() - fromMs) / 1_000)
    }
    const failed = (error: unknown, span: Span | null): void => {
      this.activeCount--
      span?.end(error)
      this.fails(error)
    }
    /** A call in a span is one itself. */
    const spanOf = (): Span | null => {
      if (tracer === NO_TRACES) return null
      const outer = tracer.current()
      if (outer === null) return null
      const count = spanCounts.get(outer) ?? 0
      spanCounts.set(outer, count + 1)
      return count >= CALL_SPANS_MAX ? null : tracer.begin(`${this.name} ${call}`, { parent: outer.traceparent, kind: 'client' })
    }
    return (...given) => {
      const fromMs = steadyMs()
      const span = spanOf()
      this.activeCount++
      let result: unknown
      try {
        result = ask(...given)
      } catch (error) {
        failed(error, span)
        throw error
      }
      if (!(result instanceof Promise)) {
        // What is at hand, or is still to be iterated, is no answer of the server's.
        ended(fromMs, span)
        return result
      }
      return new Promise((resolve, reject) => {
        this.givingUp.add(reject)
        result.then((value: unknown) => {
          this.givingUp.delete(reject)
          ended(fromMs, span)
          this.answers()
          resolve(value)
        }, (error: unknown) => {
          this.givingUp.delete(reject)
          failed(error, span)
          reject(error)
        })
        if (this.options.patience.aborted) this.giveUp()
      })
    }
  }

  giveUp(): void {
    const error = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It has not answered, and this service has to end.', where: this.name, action: 'Look at the server. What was asked of it may still be done.' }])
    for (const reject of this.givingUp) reject(error)
    this.givingUp.clear()
  }

  answers(): void {
    if (this.failingSinceMs === null) return
    const { readiness, log } = this.options
    this.failingSinceMs = null
    readiness.answers(this.name)
    if (this.isTold) log.info(`${this.name} answers again`)
    this.isTold = false
  }

  private fails(error: unknown): void {
    const problem = error instanceof TidemarkError ? error.problems[0]! : null
    this.options.metrics.counter('tidemark_server_call_errors_total', { server: this.name, code: problem?.code ?? 'INTERNAL' }).value++
    if (problem?.code === 'STORE_UNAVAILABLE') this.isAway(problem, TOLD_AFTER_MS)
  }

  /** `toldAfterMs`: it has to have been so for so long before it is worth a line. */
  isAway(problem: Problem, toldAfterMs: number): void {
    const { readiness, log, steadyMs } = this.options
    this.failingSinceMs ??= steadyMs()
    if (this.isNeeded) readiness.waits(this.name, problem)
    if (this.isTold || steadyMs() - this.failingSinceMs < toldAfterMs) return
    this.isTold = true
    log.warn({ code: problem.code, where: problem.where }, `${this.name} does not answer: ${problem.message}`)
  }
}
