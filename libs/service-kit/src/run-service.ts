// The life of a service: settings, definitions, servers, work, until SIGTERM or SIGINT, on which it drains and ends with 0. Exit codes: 0; 1 what cannot be
// waited out, or a fault; 2 arguments; 78 settings or definitions; 128 + the signal's number where draining was cut short, by a second signal or its limit.

import { constants } from 'node:os'
import { createSystemClock } from '@tidemark/machine/system-clock'
import { loadSoundDefinitions } from '@tidemark/definition-files/load-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { TidemarkError, type ErrorCode, type Problem } from '@tidemark/feature-schema/errors'
import type { OnAlarm } from '@tidemark/pipelines/alarm'
import { runTogether, type Loop } from '@tidemark/pipelines/lambda/run-together'
import type { WaitingClock } from '@tidemark/ports/clock'
import { DRAIN_MAX_DEFAULT_MS, LOG_LEVELS, type CommonSettings } from './common-settings.ts'
import { askedReference } from './service-arguments.ts'
import { createServiceLog, logAlarm, logFailure, logNotice, type ServiceLog } from './service-log.ts'
import { readSettings, type GroupsValues, type SettingsGroup } from './settings.ts'

const EXIT = { ok: 0, failed: 1, usage: 2, settings: 78, ofSignal: 128 } as const
/** A terminal's Ctrl-C may come twice at the same time, through whoever started this. */
const SECOND_SIGNAL_MIN_MS = 1_000
const ALIVE_EVERY_MS = 3_600_000
const SIGNALS = ['SIGTERM', 'SIGINT'] as const
const ABOUT_SETTINGS: ReadonlySet<ErrorCode> = new Set(['SETTINGS_INVALID', 'DEFINITION_INVALID', 'DEFINITION_TOO_NEW', 'EXPRESSION_INVALID', 'INPUT_UNREADABLE'])

/** What a service is given to be put together with. */
export interface ServiceContext {
  readonly service: string
  /** Checked. */
  readonly definitions: Definitions
  readonly log: ServiceLog
  readonly onAlarm: OnAlarm
  /** Hears of settings of servers that are worth a thought. */
  readonly onNotice: (notice: Problem) => void
  readonly clock: WaitingClock
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

type Groups = Readonly<Record<string, SettingsGroup<unknown>>> & { readonly common: SettingsGroup<CommonSettings> }

export interface Service<G extends Groups> {
  readonly name: string
  readonly settings: G
  /** Opens what it needs, waiting for servers. */
  readonly compose: (settings: GroupsValues<G>, context: ServiceContext) => Promise<ComposedService>
}

/** Runs a service in this process, and ends it. */
export async function runService<G extends Groups>(service: Service<G>): Promise<never> {
  const { name, settings: groups } = service
  const level = LOG_LEVELS.find((each) => each === process.env['TIDEMARK_LOG_LEVEL']) ?? 'info'
  let log = createServiceLog({ service: name, level })
  const endWith = (error: unknown): never => {
    logFailure(log, 'fatal', error)
    process.exit(exitCodeOf(error))
  }
  process.on('uncaughtException', endWith)
  const ending = new Ending(log)
  // A service that has nothing open at the moment lives on.
  setInterval(() => undefined, ALIVE_EVERY_MS)
  try {
    const reference = askedReference(process.argv.slice(2), service)
    if (reference !== null) {
      await new Promise((written) => process.stdout.write(reference, written))
      process.exit(EXIT.ok)
    }
    const settings = readSettings(process.env, groups)
    const { common } = settings as { common: CommonSettings }
    log = log.child({ member: common.member })
    ending.drainMaxMs = common.drainMaxMs
    await superviseService(service, settings, { log, signal: ending.signal, clock: createSystemClock(), definitionsFile: common.definitions })
    log.info('ended')
    process.exit(EXIT.ok)
  } catch (error) {
    return endWith(error)
  }
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof TidemarkError)) return EXIT.failed
  if (error.code === 'USAGE') return EXIT.usage
  return ABOUT_SETTINGS.has(error.code) ? EXIT.settings : EXIT.failed
}

export interface Supervision {
  readonly log: ServiceLog
  readonly signal: AbortSignal
  readonly clock: WaitingClock
  readonly definitionsFile: string
}

/** Resolves once the signal is aborted and all is drained and closed; throws what ends the service before. */
export async function superviseService<G extends Groups>({ name, compose }: Service<G>, settings: GroupsValues<G>, { log, signal, clock, definitionsFile }: Supervision): Promise<void> {
  const onAlarm: OnAlarm = (alarm) => logAlarm(log, alarm)
  try {
    const definitions = await loadSoundDefinitions(definitionsFile, { signal })
    log.info({ pid: process.pid, definitions: definitionsFile }, 'starts')
    await using composed = await compose(settings, { service: name, definitions, log, onAlarm, onNotice: (notice) => logNotice(log, notice), clock, signal })
    log.info({ ...composed.isReady }, 'ready')
    await runTogether(composed.loops, { clock, signal, onAlarm })
    log.info('drained')
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  }
}

/** The first signal aborts; a second one, or the limit of draining, ends the process. */
class Ending {
  drainMaxMs = DRAIN_MAX_DEFAULT_MS
  private readonly controller = new AbortController()
  private readonly log: ServiceLog
  private abortedMs = 0

  constructor(log: ServiceLog) {
    this.log = log
    for (const name of SIGNALS) process.on(name, () => this.end(name))
  }

  get signal(): AbortSignal {
    return this.controller.signal
  }

  private end(name: (typeof SIGNALS)[number]): void {
    if (this.signal.aborted) {
      if (performance.now() - this.abortedMs >= SECOND_SIGNAL_MIN_MS) this.cutShort(name, 'another signal came')
      return
    }
    this.abortedMs = performance.now()
    this.log.info({ signal: name }, 'ends')
    setTimeout(() => this.cutShort(name, `it took longer than ${this.drainMaxMs} ms`), this.drainMaxMs).unref()
    this.controller.abort(new Error(`told to end by ${name}`))
  }

  private cutShort(name: (typeof SIGNALS)[number], why: string): never {
    this.log.error({ signal: name }, `ends before it is drained: ${why}`)
    process.exit(EXIT.ofSignal + constants.signals[name])
  }
}
