// What the serving layer counts of questions and answers.

import type { Counter, Metrics } from '@tidemark/observability/metrics'
import { viewId } from '@tidemark/pipelines/names'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import { ServeFigures } from '@tidemark/pipelines/serve/serve-figures'
import type { OnAnswered } from './serving-app.ts'

export interface ServingMetrics {
  readonly figures: ServeFigures
  readonly onAnswered: OnAnswered
  readonly onAppended: (source: string, count: number) => void
}

export function observeServing(metrics: Metrics): ServingMetrics {
  const figures = new ServeFigures(metrics.histogram('tidemark_serving_lag_seconds', {}))
  const seconds = metrics.histogram('tidemark_serving_request_seconds', {})
  const outcomes = new Map<string, Counter>()
  const countOf = (outcome: string): Counter => {
    const known = outcomes.get(outcome) ?? metrics.counter('tidemark_serving_requests_total', { outcome })
    outcomes.set(outcome, known)
    return known
  }
  // From 0: a rate does not see what a series begins with.
  for (const outcome of ['answered', 'degraded']) countOf(outcome)
  metrics.whenRead((tell) => {
    for (const [status, count] of Object.entries(figures.values)) tell('tidemark_serving_values_total', { status }, count)
    for (const [code, count] of Object.entries(figures.degraded)) tell('tidemark_serving_degraded_total', { code }, count)
    for (const [where, count] of Object.entries(figures.blobs)) tell('tidemark_serving_batch_reads_total', { where }, count)
    tell('tidemark_serving_cache_closed', {}, figures.isCacheClosed() ? 1 : 0)
  })
  return {
    figures,
    onAnswered: (outcome, durationMs) => {
      countOf(outcome).value++
      seconds.record(durationMs / 1_000)
    },
    onAppended: (source, count) => void (metrics.counter('tidemark_serving_events_total', { source }).value += count),
  }
}

/** Which of the live view versions are whole. */
export function tellWholeViews(metrics: Metrics, catalog: () => Pick<FeatureCatalog, 'plans' | 'backfills'>): void {
  metrics.whenRead((tell) => {
    const { plans, backfills } = catalog()
    for (const view of plans.map((plan) => viewId(plan.view))) tell('tidemark_serving_view_whole', { view }, backfills?.has(view) === true ? 0 : 1)
  })
}
