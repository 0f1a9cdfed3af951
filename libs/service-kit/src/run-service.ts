// The life of a service: settings, the admin listener, servers, definitions, work, until SIGTERM or SIGINT, on which it drains and ends with 0. Exit
// codes: 0; 1 what cannot be waited out, or a fault; 2 arguments; 78 settings; 128 + the signal's number where draining was cut short, by a second signal
// or its limit.

import { constants } from 'node:os'
import { observeProcess } from '@tidemark/machine/process-figures'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { Metrics } from '@tidemark/observability/metrics'
import { NO_TRACES, type Tracer } from '@tidemark/observability/tracing'
import type { OnAlarm } from '@tidemark/pipelines/alarm'
import { runTogether, type Loop } from '@tidemark/pipelines/lambda/run-together'
import type { WaitingClock } from '@tidemark/ports/clock'
import { openAdminListener } from './admin-listener.ts'
import type { AdminSettings } from './admin-settings.ts'
import { DRAIN_MAX_DEFAULT_MS, LOG_LEVELS, type CommonSettings } from './common-settings.ts'
import { Readiness } from './readiness.ts'
import { RELEASE } from './release.ts'
import { askedReference } from './service-arguments.ts'
import { ServerCalls } from './server-calls.ts'
import { createServiceLog, logAlarm, logFailure, logNotice, type ServiceLog } from './service-log.ts'
import { readSettings, type GroupsValues, type SettingsGroup } from './settings.ts'
import { openTracer, type TraceSettings } from './trace-settings.ts'

const EXIT = { ok: 0, failed: 1, usage: 2, settings: 78, ofSignal: 128 } as const
/** A terminal's Ctrl-C may come twice at the same time, through whoever started this. */
const SECOND_SIGNAL_MIN_MS = 1_000
const ALIVE_EVERY_MS = 3_600_000
const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** What a service is given to be put together with. */
export interface ServiceContext {
  readonly service: string
  readonly log: ServiceLog
  readonly onAlarm: OnAlarm
  /** Hears of settings of servers that are worth a thought. */
  readonly onNotice: (notice: Problem) => void
  readonly clock: WaitingClock
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly readiness: Readiness
  /** Observes the servers that are opened. */
  readonly calls: ServerCalls
  /** Aborted when the service is to end. */
  readonly signal: AbortSignal
}

/** A service that works; disposing closes what it has open. */
export interface ComposedService extends AsyncDisposable {
  /** Run side by side until the service is to end. */
  readonly loops: readonly Loop[]
  /** Said when it is ready. */
  readonly isReady?: Readonly<Record<string, unknown>>
}

type Groups = Readonly<Record<string, SettingsGroup<unknown>>> & { readonly common: SettingsGroup<CommonSettings>; readonly admin: SettingsGroup<AdminSettings>; readonly traces: SettingsGroup<TraceSettings> }

export interface Service<G extends Groups> {
  readonly name: string
  readonly settings: G
  /** Opens what it needs, waiting for servers. */
  readonly compose: (settings: GroupsValues<G>, context: ServiceContext) => Promise<ComposedService>
}

interface OwnSettings {
  readonly common: CommonSettings
  readonly admin: AdminSettings
  readonly traces: TraceSettings
}

/** Runs a service in this process, and ends it. */
export async function runService<G extends Groups>(service: Service<G>): Promise<never> {
  const { name, settings: groups } = service
  const level = LOG_LEVELS.find((each) => each === process.env['TIDEMARK_LOG_LEVEL']) ?? 'info'
  const clock = createSystemClock()
  const metrics = new Metrics()
  const readiness = new Readiness(clock.steadyMs)
  let tracer = NO_TRACES
  let log = createServiceLog({ service: name, level, metrics, spanOf: () => tracer.current() })
  const endWith = (error: unknown): never => {
    logFailure(log, 'fatal', error)
    process.exit(error instanceof TidemarkError && error.code === 'SETTINGS_INVALID' ? EXIT.settings : EXIT.failed)
  }
  process.on('uncaughtException', endWith)
  const ending = new Ending(log, readiness)
  // A service that has nothing open at the moment lives on.
  setInterval(() => undefined, ALIVE_EVERY_MS)
  try {
    await answerArguments(service, log)
    const settings = readSettings(process.env, groups)
    const { common, admin: adminSettings, traces: traceSettings } = settings as OwnSettings
    log = log.child({ member: common.member })
    ending.drainMaxMs = common.drainMaxMs
    ending.drainPauseMs = common.drainPauseMs
    observeService(metrics, readiness)
    // It answers until the process is gone.
    const admin = await openAdminListener(adminSettings, { service: name, readiness, metrics })
    const traces = await openTracer(traceSettings, { service: name, member: common.member, metrics })
    tracer = traces.tracer
    await superviseService(service, settings, { adminUrl: admin.url, log, metrics, tracer, readiness, signal: ending.signal, patience: ending.patience, clock })
    await traces[Symbol.asyncDispose]()
    log.info('ended')
    process.exit(EXIT.ok)
  } catch (error) {
    return endWith(error)
  }
}

function observeService(metrics: Metrics, readiness: Readiness): void {
  observeProcess(metrics)
  metrics.whenRead((tell) => {
    const { isReady, waitsFor } = readiness.read()
    tell('tidemark_build_info', { version: RELEASE, node: process.versions.node }, 1)
    tell('tidemark_ready', {}, isReady ? 1 : 0)
    for (const { name } of waitsFor) tell('tidemark_server_away', { server: name }, 1)
  })
}

/** Ends the process where it is called with any. */
async function answerArguments(service: Parameters<typeof askedReference>[1], log: ServiceLog): Promise<void> {
  try {
    const reference = askedReference(process.argv.slice(2), service)
    if (reference === null) return
    await new Promise((written) => process.stdout.write(reference, written))
  } catch (error) {
    logFailure(log, 'fatal', error)
    process.exit(EXIT.usage)
  }
  process.exit(EXIT.ok)
}

export interface Supervision {
  readonly adminUrl: string
  readonly log: ServiceLog
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly readiness: Readiness
  readonly signal: AbortSignal
  /** Of server-calls.ts. */
  readonly patience: AbortSignal
  readonly clock: WaitingClock
}

/** Resolves once the signal is aborted and all is drained and closed; throws what ends the service before. */
export async function superviseService<G extends Groups>({ name, compose }: Service<G>, settings: GroupsValues<G>, { adminUrl, log, metrics, tracer, readiness, signal, patience, clock }: Supervision): Promise<void> {
  const onAlarm: OnAlarm = (alarm) => {
    metrics.counter('tidemark_alarms_total', { code: alarm.code }).value++
    logAlarm(log, alarm)
  }
  using watched = new DisposableStack()
  try {
    log.info({ pid: process.pid, admin: adminUrl }, 'starts')
    const calls = new ServerCalls({ metrics, tracer, readiness, log, steadyMs: () => performance.now(), patience })
    const looking = setInterval(() => calls.look(), LOOK_EVERY_MS)
    watched.defer(() => clearInterval(looking))
    await using composed = await compose(settings, { service: name, log, onAlarm, onNotice: (notice) => logNotice(log, notice), clock, metrics, tracer, readiness, calls, signal })
    readiness.started()
    log.info({ ...composed.isReady }, 'ready')
    await runTogether(composed.loops, { clock, signal, onAlarm })
    log.info('drained')
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  }
}

/** How often it looks which servers hang. */
const LOOK_EVERY_MS = 1_000

/** Of the time for draining: after it a server that hangs is not waited for, so that what is left is enough to close everything. */
const PATIENCE_SHARE = 0.5

/** The first signal aborts, after a pause in which who asks can learn of it; a second one, or the limit of draining, ends the process. */
class Ending {
  drainMaxMs = DRAIN_MAX_DEFAULT_MS
  drainPauseMs = 0
  private readonly controller = new AbortController()
  private readonly impatience = new AbortController()
  private readonly log: ServiceLog
  private readonly readiness: Readiness
  private toldMs: number | null = null

  constructor(log: ServiceLog, readiness: Readiness) {
    this.log = log
    this.readiness = readiness
    for (const name of SIGNALS) process.on(name, () => this.end(name))
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  get patience(): AbortSignal {
    return this.impatience.signal
  }

  private end(name: (typeof SIGNALS)[number]): void {
    if (this.toldMs !== null) {
      if (performance.now() - this.toldMs >= SECOND_SIGNAL_MIN_MS) this.cutShort(name, 'another signal came')
      return
    }
    this.toldMs = performance.now()
    this.readiness.drains()
    this.log.info({ signal: name }, 'ends')
    setTimeout(() => this.cutShort(name, `it took longer than ${this.drainMaxMs} ms`), this.drainMaxMs).unref()
    setTimeout(() => this.impatience.abort(), this.drainPauseMs + (this.drainMaxMs - this.drainPauseMs) * PATIENCE_SHARE).unref()
    const abort = (): void => this.controller.abort(new Error(`told to end by ${name}`))
    if (this.drainPauseMs === 0) abort()
    else setTimeout(abort, this.drainPauseMs)
  }

  private cutShort(name: (typeof SIGNALS)[number], why: string): never {
    this.log.error({ signal: name }, `ends before it is drained: ${why}`)
    process.exit(EXIT.ofSignal + constants.signals[name])
  }
}
