// The first page at night: what is wrong and since when; then whether answers are true, fresh and fast, and whether anything stands still.

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboardOf } from './dashboard-of.ts'
import { graph, number, rows, timeline } from './panels.ts'

export function overviewDashboard(): Dashboard {
  const about = 'What is wrong and since when; are answers true, fresh and fast; does anything stand still. The other dashboards, above, have each layer.'
  return dashboardOf({ name: 'overview', title: 'Tidemark: overview', about }, [
    { title: 'What is wrong, and since when', panels: wrong() },
    { title: 'Is it true?', panels: isTrue() },
    { title: 'Is it fresh?', panels: isFresh() },
    { title: 'Is it fast?', panels: isFast() },
    { title: 'Does anything stand still?', panels: standsStill() },
  ])
}

const wrong = () => [
  rows({ title: 'Alerts that fire', about: 'Each has a section of its name in docs/runbooks.md: what it means, and the command that mends it.', unit: 'dateTimeFromNow', width: 12 }, 'since',
    'ALERTS_FOR_STATE{alertname=~"Tidemark.+"} * 1000 and ignoring (alertstate) ALERTS{alertname=~"Tidemark.+",alertstate="firing"}'),
  timeline({ title: 'When they fired', about: 'The first of them is often the cause, the others what came of it.', width: 12 }, { '{{alertname}}': 'max by (alertname) (ALERTS{alertname=~"Tidemark.+",alertstate="firing"})' }),
]

const isTrue = () => [
  number({ title: 'Answers degraded', about: 'Share of the answers that say that something is missing.', unit: 'percentunit', width: 6, badFrom: 0.01 }, {
    degraded: 'sum(rate(tidemark_serving_requests_total{outcome="degraded"}[5m])) / sum(rate(tidemark_serving_requests_total{outcome=~"answered|degraded"}[5m]))',
  }),
  number({ title: 'Values unavailable', about: 'Share of the values that were asked for.', unit: 'percentunit', width: 6, badFrom: 0.01 }, {
    unavailable: 'sum(rate(tidemark_serving_values_total{status="UNAVAILABLE"}[5m])) / sum(rate(tidemark_serving_values_total[5m]))',
  }),
  number({ title: 'Dead letters', about: 'Records a second that are kept aside: no answer has them.', unit: 'ops', width: 6, badFrom: 1 }, { '{{source}}': 'sum by (source) (rate(tidemark_speed_dead_letters_total[5m]))' }),
  number({ title: 'Gates closed', about: 'Views whose last run did not pass its quality gate. Answers stay exact without it.', unit: 'none', width: 6, badFrom: 1 }, {
    views: 'count(max by (namespace, view) (tidemark_batch_gate_closed unless tidemark_batch_epochs_behind == 0) > 0)',
  }),
  graph({ title: 'Degraded, by reason', about: 'docs/serving.md explains each code.', unit: 'ops', width: 12 }, { '{{code}}': 'sum by (code) (rate(tidemark_serving_degraded_total[5m]))' }),
  graph({ title: 'Questions, by outcome', about: 'answered, degraded, or the code of the error.', unit: 'ops', width: 12 }, { '{{outcome}}': 'sum by (outcome) (rate(tidemark_serving_requests_total[5m]))' }),
]

const isFresh = () => [
  graph({ title: 'From event to answer', about: "p99 of the time from an event's append until answers have it: a second is promised.", unit: 's', width: 8, badFrom: 1 }, {
    '{{source}}': 'histogram_quantile(0.99, sum by (source, le) (rate(tidemark_freshness_seconds_bucket[5m])))',
  }),
  graph({ title: 'How far the stream is behind', about: 'Of each source its worst partition; from 10 s on answers are degraded.', unit: 's', width: 8, badFrom: 5 }, { '{{source}}': 'max by (source) (tidemark_speed_lag_seconds)' }),
  graph({ title: 'Epochs in no generation', about: 'Sealed, and not in the generation that is read: the stream keeps them.', unit: 'none', width: 8, badFrom: 4 }, { '{{view}}': 'min by (view) (tidemark_batch_epochs_behind)' }),
]

const isFast = () => [
  graph({ title: 'Time to answer', about: 'p50 and p99 of all serving processes.', unit: 's', width: 12, badFrom: 0.25 }, {
    p50: 'histogram_quantile(0.5, sum by (le) (rate(tidemark_serving_request_seconds_bucket[5m])))',
    p99: 'histogram_quantile(0.99, sum by (le) (rate(tidemark_serving_request_seconds_bucket[5m])))',
  }),
  graph({ title: 'Load', about: 'Questions, and records that are folded.', unit: 'ops', width: 12 }, {
    'questions': 'sum(rate(tidemark_serving_requests_total[5m]))',
    'events of {{source}}': 'sum by (source) (rate(tidemark_speed_events_total[5m]))',
  }),
]

const standsStill = () => [
  number({ title: 'Processes that are not ready', about: 'Their /readyz says what they wait for.', unit: 'none', width: 8, badFrom: 1 }, { '{{service}}': 'count by (service) (tidemark_ready) - sum by (service) (tidemark_ready)' }),
  number({ title: 'Servers away', about: 'As the services see them: how many of each wait.', unit: 'none', width: 8, badFrom: 1 }, { '{{server}}': 'sum by (server) (tidemark_server_away)' }),
  number({ title: 'Partitions that stand still', about: 'Until somebody does what their alarm says.', unit: 'none', width: 8, badFrom: 1 }, { '{{source}} {{code}}': 'sum by (source, code) (tidemark_speed_stopped_partitions)' }),
  graph({ title: 'Not folded yet', about: 'Records of the log.', unit: 'short', width: 8 }, { '{{source}}': 'sum by (source) (tidemark_speed_lag_records)' }),
  graph({ title: 'Not archived yet', about: 'Records of the log that no archiver has read.', unit: 'short', width: 8 }, { '{{source}}': 'sum by (source) (min by (source, partition) (tidemark_archive_lag_records))' }),
  graph({ title: 'Alarms', about: 'In five minutes, by code; the logs say where.', unit: 'none', width: 8 }, { '{{service}} {{code}}': 'sum by (service, code) (increase(tidemark_alarms_total[5m]))' }),
]
