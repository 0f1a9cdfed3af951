// What the log and the figures say of access: who was turned away, and who operated. Whoever is turned away again and again does not fill it: past a limit, refusals
// are counted, and the count is in the next one that is told.

import type { Metrics } from '@tidemark/observability/metrics'
import type { Clock } from '@tidemark/ports/clock'
import type { ServiceLog } from '@tidemark/service-kit/service-log'
import type { Access, AccessRecord } from '@tidemark/serving-http/access-guard'

export const REFUSALS_TOLD_MAX = 10
export const REFUSALS_TOLD_PER_MS = 10_000
const PATH_LENGTH_MAX = 200

interface Told {
  readonly log: Pick<ServiceLog, 'warn' | 'info'>
  readonly metrics: Metrics
  readonly clock: Pick<Clock, 'steadyMs'>
}

export function tellAccess({ log, metrics, clock }: Told): Pick<Access, 'onRefused' | 'onOperated'> {
  const counters = { UNAUTHENTICATED: metrics.counter('tidemark_serving_refused_total', { code: 'UNAUTHENTICATED' }), FORBIDDEN: metrics.counter('tidemark_serving_refused_total', { code: 'FORBIDDEN' }) }
  let sinceMs = -Infinity
  let toldCount = 0
  let untoldCount = 0
  return {
    onRefused(record) {
      const code = record.who === null ? 'UNAUTHENTICATED' : 'FORBIDDEN'
      counters[code].value++
      const nowMs = clock.steadyMs()
      if (nowMs - sinceMs >= REFUSALS_TOLD_PER_MS) [sinceMs, toldCount] = [nowMs, 0]
      if (toldCount >= REFUSALS_TOLD_MAX) return void untoldCount++
      log.warn({ code, ...fieldsOf(record), ...(untoldCount > 0 && { untoldCount }) }, 'turned away')
      toldCount++
      untoldCount = 0
    },
    onOperated: (record) => log.info(fieldsOf(record), 'operates'),
  }
}

function fieldsOf({ who, method, path, scopes }: AccessRecord): object {
  return { who: who ?? 'nobody', method, route: path.slice(0, PATH_LENGTH_MAX), scope: scopes.join(' or ') }
}
