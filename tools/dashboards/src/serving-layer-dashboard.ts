// The serving layer: how fast and how true answers are, and where what they are made of was.

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboardOf } from './dashboard-of.ts'
import { graph, number } from './panels.ts'
import { serverPanels } from './server-panels.ts'

export function servingLayerDashboard(): Dashboard {
  return dashboardOf({ name: 'serving-layer', title: 'Tidemark: serving layer', about: 'How fast and how true answers are, and where what they are made of was.' }, [
    {
      title: 'Is it fast?',
      panels: [
        graph({ title: 'Time to answer', about: 'From a question until its answer is made.', unit: 's', width: 12, badFrom: 0.25 }, {
          p50: 'histogram_quantile(0.5, sum by (le) (rate(tidemark_serving_request_seconds_bucket[5m])))',
          p99: 'histogram_quantile(0.99, sum by (le) (rate(tidemark_serving_request_seconds_bucket[5m])))',
          p999: 'histogram_quantile(0.999, sum by (le) (rate(tidemark_serving_request_seconds_bucket[5m])))',
        }),
        graph({ title: 'Questions by process', about: 'A second.', unit: 'ops', width: 12 }, { '{{instance}}': 'sum by (instance) (rate(tidemark_serving_requests_total[5m]))' }),
      ],
    },
    {
      title: 'Is it true?',
      panels: [
        graph({ title: 'Outcomes', about: 'answered, degraded, or the code of the error.', unit: 'ops', width: 8 }, { '{{outcome}}': 'sum by (outcome) (rate(tidemark_serving_requests_total[5m]))' }),
        graph({ title: 'Degraded, by reason', about: 'docs/serving.md explains each code.', unit: 'ops', width: 8 }, { '{{code}}': 'sum by (code) (rate(tidemark_serving_degraded_total[5m]))' }),
        graph({ title: 'Values by status', about: 'A second.', unit: 'ops', width: 8 }, { '{{status}}': 'sum by (status) (rate(tidemark_serving_values_total[5m]))' }),
        graph({ title: 'How far the stream was behind', about: 'Of answers; what a processor said may be a second old.', unit: 's', width: 9, badFrom: 5 }, {
          p50: 'histogram_quantile(0.5, sum by (le) (rate(tidemark_serving_lag_seconds_bucket[5m])))',
          p99: 'histogram_quantile(0.99, sum by (le) (rate(tidemark_serving_lag_seconds_bucket[5m])))',
        }),
        number({ title: 'Views that are not whole', about: 'Versions that were applied and lack history still: what is asked of them is UNAVAILABLE.', unit: 'none', width: 5, badFrom: 0 }, { '{{view}}': 'max by (view) (tidemark_serving_view_whole) == 0' }, 'none'),
        graph({ title: 'Events taken over HTTP', about: 'That are in the log.', unit: 'ops', width: 5 }, { '{{source}}': 'sum by (source) (rate(tidemark_serving_events_total[5m]))' }),
        graph({ title: 'Turned away', about: 'Requests of whoever is not known, or may not.', unit: 'ops', width: 5 }, { '{{code}}': 'sum by (code) (rate(tidemark_serving_refused_total[5m]))' }),
      ],
    },
    {
      title: 'Where was the batch?',
      panels: [
        number({ title: 'Shared cache left out', about: 'Processes that do without it, since it does not answer.', unit: 'none', width: 6, badFrom: 1 }, { processes: 'sum(tidemark_serving_cache_closed)' }),
        graph({ title: 'Batch blobs, by where they were', about: 'In memory, in the shared cache, or in Cassandra.', unit: 'percentunit', width: 18 }, {
          '{{where}}': 'sum by (where) (rate(tidemark_serving_batch_reads_total[5m])) / ignoring (where) group_left () sum(rate(tidemark_serving_batch_reads_total[5m]))',
        }),
      ],
    },
    { title: 'The servers that it asks', panels: serverPanels('serving-layer') },
  ])
}
