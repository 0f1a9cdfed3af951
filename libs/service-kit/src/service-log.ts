// What a service says: one JSON document a line on stdout, with the fields `level`, `time`, `service`, `member` and `msg`, and of what is wrong `code`, `where`
// and `action`; within a span that is sampled, `trace_id` and `span_id`.

import type { ErrorCode, Problem } from '@tidemark/feature-schema/errors'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Counter, Metrics } from '@tidemark/observability/metrics'
import type { Span } from '@tidemark/observability/tracing'
import type { Alarm } from '@tidemark/pipelines/alarm'
import { pino, stdSerializers, stdTimeFunctions, type DestinationStream, type Logger } from 'pino'
import { LogOutput } from './log-output.ts'

export type ServiceLog = Logger

export interface ServiceLogOptions {
  readonly service: string
  readonly level: string
  /** Count what is logged. */
  readonly metrics: Metrics
  /** What a line belongs to, which says so then. Default: nothing. */
  readonly spanOf?: () => Span | null
  /** Default: stdout, at once. */
  readonly destination?: DestinationStream
}

export function createServiceLog({ service, level, metrics, spanOf = () => null, destination = new LogOutput({ lost: metrics.counter('tidemark_log_lines_lost_total', {}) }) }: ServiceLogOptions): ServiceLog {
  const lines = new Map<number, Counter>(Object.entries(pino.levels.values).map(([label, value]) => [value, metrics.counter('tidemark_log_lines_total', { level: label })]))
  return pino({
    level, base: { service }, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) }, serializers: { err: toldOfFault },
    mixin: () => {
      const span = spanOf()
      return span === null ? {} : { trace_id: span.traceId, span_id: span.spanId }
    },
    hooks: {
      logMethod(given, log, value) {
        lines.get(value)!.value++
        log.apply(this, given)
      },
    },
  }, destination)
}

/** A client of a server hangs on an error what it was about, be it a password. */
function toldOfFault(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { type, message, stack } = stdSerializers.err(error)
  return { type, message, stack }
}

/** What passes by itself; everything else of an alarm asks for somebody. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['STORE_UNAVAILABLE', 'STORE_FULL', 'OUTPUT_FAILED', 'POINTER_MOVED'])

export function logAlarm(log: ServiceLog, { code, message, where }: Alarm): void {
  log[PASSING.has(code) ? 'warn' : 'error']({ code, where }, message)
}

/** What is worth a thought, and no fault. */
export function logNotice(log: ServiceLog, { code, message, where, action }: Problem): void {
  log.warn({ code, where, action }, message)
}

/** A line for each problem; a bug with its stack. */
export function logFailure(log: ServiceLog, level: 'error' | 'fatal', error: unknown): void {
  // What went wrong first; that what it used could not be closed either follows from it.
  if (error instanceof SuppressedError) return logFailure(log, level, error.suppressed)
  if (!(error instanceof TidemarkError)) return void log[level]({ err: error }, 'a fault of this program')
  for (const { code, message, where, action } of error.problems) log[level]({ code, where, action }, message)
}
