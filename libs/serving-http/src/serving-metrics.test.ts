import { expect, it } from '@jest/globals'
import { Metrics } from '@tidemark/observability/metrics'
import { observeServing } from './serving-metrics.ts'

it('counts answers and degraded ones from 0, so that a rate sees the first, and errors by their codes', () => {
  const metrics = new Metrics()
  const counts = (): unknown => metrics.read().find(({ name }) => name === 'tidemark_serving_requests_total')!.series.map(({ labels, value }) => [labels['outcome'], value])
  const { onAnswered } = observeServing(metrics)
  expect(counts()).toEqual([['answered', 0], ['degraded', 0]])
  onAnswered('degraded', 5)
  onAnswered('USAGE', 1)
  expect(counts()).toEqual([['answered', 0], ['degraded', 1], ['USAGE', 1]])
})
