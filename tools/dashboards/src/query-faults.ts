// What is wrong with a query by the list of metrics: one that nobody tells, a label that it does not have, a rate of what does not only rise.

import { METRICS, type MetricDescription } from '@tidemark/observability/metric-catalog'
import { readQuery, type Selector } from './prom-query.ts'

/** What Prometheus itself adds, and the label that each series has. */
const LABELS_OF_ALL = ['service', 'namespace', 'instance', 'job']
/** What Prometheus tells of alerts; their labels are those of whatever fires. */
const OF_ALERTS = ['ALERTS', 'ALERTS_FOR_STATE']
const OF_RISING = ['rate', 'irate', 'increase', 'resets']
const SUFFIX = /_(bucket|sum|count)$/

export function faultsOfQuery(text: string): string[] {
  const { selectors, groupedBy } = readQuery(text)
  const descriptions = selectors.map((selector) => ({ selector, description: descriptionOf(selector) }))
  const isOfAlerts = selectors.some(({ metric }) => OF_ALERTS.includes(metric))
  const known = new Set([...LABELS_OF_ALL, 'le', ...descriptions.flatMap(({ description }) => description?.labels ?? [])])
  return [
    ...descriptions.flatMap(({ selector, description }) => faultsOfSelector(selector, description)),
    ...(isOfAlerts ? [] : groupedBy.filter((label) => !known.has(label)).map((label) => `no metric of it has the label ${label}`)),
  ]
}

/** undefined where nobody tells it. */
function descriptionOf({ metric }: Selector): MetricDescription | undefined {
  const metrics: Readonly<Record<string, MetricDescription>> = METRICS
  const own = metrics[metric]
  if (own !== undefined) return own.kind === 'histogram' ? undefined : own
  const histogram = SUFFIX.test(metric) ? metrics[metric.replace(SUFFIX, '')] : undefined
  return histogram?.kind === 'histogram' ? histogram : undefined
}

function faultsOfSelector({ metric, matchers, rangeFunction }: Selector, description: MetricDescription | undefined): string[] {
  if (OF_ALERTS.includes(metric)) return []
  if (description === undefined) return [`nobody tells ${metric}`]
  const labels = [...LABELS_OF_ALL, ...description.labels, ...(metric.endsWith('_bucket') ? ['le'] : [])]
  const isRising = description.kind !== 'gauge'
  return [
    ...matchers.filter(({ label }) => !labels.includes(label)).map(({ label }) => `${metric} has no label ${label}`),
    ...(rangeFunction !== null && OF_RISING.includes(rangeFunction) && !isRising ? [`${rangeFunction} of ${metric}, which also falls`] : []),
  ]
}
