// What the log and the figures say of access, who was turned away, and who operated, and of answers that failed. Whoever asks again and again does not fill the
// log.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Metrics } from '@tidemark/observability/metrics'
import type { Clock } from '@tidemark/ports/clock'
import { LineLimit } from '@tidemark/service-kit/line-limit'
import { logFailure, type ServiceLog } from '@tidemark/service-kit/service-log'
import type { Access, AccessRecord } from '@tidemark/serving-http/access-guard'

const PATH_LENGTH_MAX = 200

interface Told {
  readonly log: Pick<ServiceLog, 'warn' | 'info'>
  readonly metrics: Metrics
  readonly clock: Pick<Clock, 'steadyMs'>
}

export function tellAccess({ log, metrics, clock }: Told): Pick<Access, 'onRefused' | 'onOperated'> {
  const counters = { UNAUTHENTICATED: metrics.counter('tidemark_serving_refused_total', { code: 'UNAUTHENTICATED' }), FORBIDDEN: metrics.counter('tidemark_serving_refused_total', { code: 'FORBIDDEN' }) }
  const limit = new LineLimit(clock)
  return {
    onRefused(record) {
      const code = record.who === null ? 'UNAUTHENTICATED' : 'FORBIDDEN'
      counters[code].value++
      const told = limit.next()
      if (told !== null) log.warn({ code, ...fieldsOf(record), ...told }, 'turned away')
    },
    onOperated: (record) => log.info(fieldsOf(record), 'operates'),
  }
}

function fieldsOf({ who, method, path, scopes }: AccessRecord): object {
  return { who: who ?? 'nobody', method, route: path.slice(0, PATH_LENGTH_MAX), scope: scopes.join(' or ') }
}

/** Tells of answers that failed, by code. */
export function tellErrors({ log, clock }: { readonly log: ServiceLog; readonly clock: Pick<Clock, 'steadyMs'> }): (error: unknown) => void {
  const limits = new Map<string, LineLimit>()
  return (error) => {
    // What whoever asks is not told.
    const cause = error instanceof TidemarkError && error.cause instanceof TidemarkError ? error.cause : error
    const code = cause instanceof TidemarkError ? cause.code : ''
    let limit = limits.get(code)
    if (limit === undefined) limits.set(code, (limit = new LineLimit(clock)))
    const told = limit.next()
    if (told !== null) logFailure(told.untoldCount === undefined ? log : log.child(told), 'error', cause)
  }
}
