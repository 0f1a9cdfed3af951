// Metrics as Prometheus reads them, written by the OpenTelemetry SDK's own serialiser. Its instruments are left out: they make objects for each thing that
// is counted, and ours are plain numbers.

import type { HrTime } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import type { MetricReading, Metrics, Series } from '@tidemark/observability/metrics'

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** The page of the moment; each series also has `labels`. */
export function prometheusPage(metrics: Pick<Metrics, 'read'>, labels: Readonly<Record<string, string>>): string {
  const scope = { name: 'tidemark' }
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
  const data = metrics.read().map((metric) => dataOf(metric, labels))
  return `${serializer.serialize({ resource: resourceFromAttributes({}), scopeMetrics: [{ scope, metrics: data }] })}\n`
}

/** Of no use to Prometheus, which stamps what it reads itself. */
const NO_TIME: HrTime = [0, 0]

function dataOf({ name, help, kind, bounds = [], series }: MetricReading, constant: Readonly<Record<string, string>>): MetricData {
  const common = { descriptor: { name, description: help, unit: '', valueType: 1 }, aggregationTemporality: AggregationTemporality.CUMULATIVE }
  const point = <T>({ labels }: Series, value: T) => ({ startTime: NO_TIME, endTime: NO_TIME, attributes: { ...constant, ...labels }, value })
  if (kind === 'histogram') {
    const dataPoints = series.map((one) => {
      const { counts, sum } = one.value as Exclude<Series['value'], number>
      return point(one, { buckets: { boundaries: [...bounds], counts }, sum, count: counts.reduce((all, count) => all + count, 0) })
    })
    return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints }
  }
  const dataPoints = series.map((one) => point(one, one.value as number))
  return kind === 'gauge' ? { ...common, dataPointType: DataPointType.GAUGE, dataPoints } : { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
}
