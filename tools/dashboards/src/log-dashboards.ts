// The two layers that read the log: the archiver and the speed layer.

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboardOf } from './dashboard-of.ts'
import { graph, number } from './panels.ts'
import { serverPanels } from './server-panels.ts'

export function archiverDashboard(): Dashboard {
  return dashboardOf({ name: 'archiver', title: 'Tidemark: archiver', about: 'Does everything of the log come into the archive, and are epochs sealed?' }, [
    {
      title: 'Does it keep up?',
      panels: [
        graph({ title: 'Not archived yet', about: 'Records of the log that no archiver has read, by partition.', unit: 'short', width: 8 }, { '{{source}} {{partition}}': 'min by (source, partition) (tidemark_archive_lag_records)' }),
        graph({ title: 'Epochs since the last sealed one', about: 'How long ago it ended, in epochs: it rises up to one, and the declared skew and a step; at two sealing stands still.', unit: 'none', width: 8, badFrom: 2 }, {
          '{{source}}': 'min by (source) (tidemark_archive_unsealed_age_seconds / tidemark_archive_epoch_seconds)',
        }),
        graph({ title: 'Not relayed yet', about: "Records of the producers' topic that are in no log of ours.", unit: 'short', width: 8 }, { '{{source}} {{partition}}': 'min by (source, partition) (tidemark_relay_lag_records)' }),
      ],
    },
    {
      title: 'What does it do?',
      panels: [
        graph({ title: 'Records archived', about: 'A second.', unit: 'ops', width: 8 }, { '{{source}}': 'sum by (source) (rate(tidemark_archive_records_total[5m]))' }),
        graph({ title: 'Bytes sealed', about: 'A second, of segments.', unit: 'bytes', width: 8 }, { '{{source}}': 'sum by (source) (rate(tidemark_archive_bytes_total[5m]))' }),
        graph({ title: 'Alarms', about: 'In five minutes.', unit: 'none', width: 8 }, { '{{code}}': 'sum by (code) (increase(tidemark_alarms_total{service="archiver"}[5m]))' }),
      ],
    },
    { title: 'The servers that it asks', panels: serverPanels('archiver') },
  ])
}

export function speedLayerDashboard(): Dashboard {
  return dashboardOf({ name: 'speed-layer', title: 'Tidemark: speed layer', about: 'Is what happens in answers within a second, and does any partition lag or stand still?' }, [
    {
      title: 'Does it keep up?',
      panels: [
        graph({ title: 'From event to answer', about: "From an event's append until answers have it. p99 within a second is promised.", unit: 's', width: 8, badFrom: 1 }, {
          '{{source}} p50': 'histogram_quantile(0.5, sum by (source, le) (rate(tidemark_freshness_seconds_bucket[5m])))',
          '{{source}} p99': 'histogram_quantile(0.99, sum by (source, le) (rate(tidemark_freshness_seconds_bucket[5m])))',
        }),
        graph({ title: 'Behind, in time', about: 'By partition; from 10 s on answers are degraded.', unit: 's', width: 8, badFrom: 5 }, { '{{source}} {{partition}}': 'max by (source, partition) (tidemark_speed_lag_seconds)' }),
        graph({ title: 'Behind, in records', about: 'By partition.', unit: 'short', width: 8 }, { '{{source}} {{partition}}': 'max by (source, partition) (tidemark_speed_lag_records)' }),
      ],
    },
    {
      title: 'Does anything stand still?',
      panels: [
        number({ title: 'Partitions that stand still', about: 'Until somebody does what their alarm says.', unit: 'none', width: 8, badFrom: 1 }, { '{{source}} {{code}}': 'sum by (source, code) (tidemark_speed_stopped_partitions)' }),
        number({ title: 'Partitions owned', about: 'Together they are those of the topic; what is missing nobody folds.', unit: 'none', width: 8 }, { '{{source}}': 'sum by (source) (tidemark_speed_partitions)' }),
        number({ title: 'Dead letters', about: 'A second.', unit: 'ops', width: 8, badFrom: 1 }, { '{{source}}': 'sum by (source) (rate(tidemark_speed_dead_letters_total[5m]))' }),
      ],
    },
    {
      title: 'What does it do?',
      panels: [
        graph({ title: 'Records folded', about: 'A second.', unit: 'ops', width: 8 }, { '{{source}} {{instance}}': 'sum by (source, instance) (rate(tidemark_speed_events_total[5m]))' }),
        graph({ title: 'From poll to written', about: 'Of polls that brought records.', unit: 's', width: 8 }, {
          '{{source}} p50': 'histogram_quantile(0.5, sum by (source, le) (rate(tidemark_speed_step_seconds_bucket[5m])))',
          '{{source}} p99': 'histogram_quantile(0.99, sum by (source, le) (rate(tidemark_speed_step_seconds_bucket[5m])))',
        }),
        graph({ title: 'Writes made anew', about: 'A second: another process wrote meanwhile, as after a rebalance. Many for long are two that take a partition from each other.', unit: 'ops', width: 8 }, { '{{source}}': 'sum by (source) (rate(tidemark_speed_redone_writes_total[5m]))' }),
        graph({ title: 'Partitions by process', about: 'A change is a rebalance.', unit: 'none', width: 12 }, { '{{source}} {{instance}}': 'sum by (source, instance) (tidemark_speed_partitions)' }),
        graph({ title: 'Buckets whose fences are held', about: 'By process.', unit: 'none', width: 12 }, { '{{source}} {{instance}}': 'sum by (source, instance) (tidemark_speed_buckets)' }),
      ],
    },
    { title: 'The servers that it asks', panels: serverPanels('speed-layer') },
  ])
}
