// What each process uses of its machine, and whether it has room left.

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboardOf } from './dashboard-of.ts'
import { graph, number } from './panels.ts'

const PROCESS = '{{service}} {{instance}}'

export function processesDashboard(): Dashboard {
  return dashboardOf({ name: 'processes', title: 'Tidemark: processes', about: 'What runs, what it uses of its machine, and whether it has room left.' }, [
    {
      title: 'What runs?',
      panels: [
        number({ title: 'Processes', about: 'Of each service and release.', unit: 'none', width: 8 }, { '{{service}} {{version}}': 'count by (service, version) (tidemark_build_info)' }),
        number({ title: 'Revision of the definitions', about: 'Two of them for longer than some seconds: a process does not take the newer one up.', unit: 'none', width: 8 }, {
          oldest: 'min(tidemark_definitions_revision)',
          newest: 'max(tidemark_definitions_revision)',
        }),
        number({ title: 'Lines of logs lost', about: 'In five minutes.', unit: 'none', width: 8, badFrom: 1 }, { '{{service}}': 'sum by (service) (increase(tidemark_log_lines_lost_total[5m]))' }),
        graph({ title: 'Spans of traces', about: 'A second, of those that were sampled: ended, sent, or lost.', unit: 'ops', width: 8 }, { '{{service}} {{result}}': 'sum by (service, result) (rate(tidemark_spans_total[5m]))' }),
        graph({ title: 'Running for', about: 'It falls to nothing where a process is started anew.', unit: 's', width: 8 }, { [PROCESS]: 'time() - tidemark_process_start_time_seconds' }),
        graph({ title: 'Warnings and errors logged', about: 'In five minutes.', unit: 'none', width: 8 }, { '{{service}} {{level}}': 'sum by (service, level) (increase(tidemark_log_lines_total{level=~"warn|error|fatal"}[5m]))' }),
      ],
    },
    {
      title: 'Processor',
      panels: [
        graph({ title: 'Cores used', about: 'By all threads of a process.', unit: 'none', width: 8 }, { [PROCESS]: 'sum by (service, instance) (rate(tidemark_process_cpu_seconds_total[5m]))' }),
        graph({ title: 'Event loop busy', about: 'Share of the time; one loop has one core.', unit: 'percentunit', width: 8, badFrom: 0.9 }, { [PROCESS]: 'rate(tidemark_event_loop_busy_seconds_total[5m])' }),
        graph({ title: 'Event loop late', about: 'How late timers fire, p99.', unit: 's', width: 8, badFrom: 0.1 }, { [PROCESS]: 'tidemark_event_loop_delay_seconds{quantile="0.99"}' }),
      ],
    },
    {
      title: 'Memory',
      panels: [
        graph({ title: 'Of what it may have', about: 'Resident memory, as a share of the limit of its container, or of the machine.', unit: 'percentunit', width: 8, badFrom: 0.9 }, { [PROCESS]: 'tidemark_process_resident_memory_bytes / tidemark_process_memory_limit_bytes' }),
        graph({ title: 'Resident', about: 'What the process has of the machine.', unit: 'bytes', width: 8 }, { [PROCESS]: 'tidemark_process_resident_memory_bytes' }),
        graph({ title: 'Heap and buffers', about: "What JavaScript's heap uses, and what its objects hold outside of it.", unit: 'bytes', width: 8 }, {
          '{{service}} {{instance}} heap': 'tidemark_process_heap_used_bytes',
          '{{service}} {{instance}} outside': 'tidemark_process_external_memory_bytes',
        }),
        graph({ title: 'Garbage collection', about: 'Share of the time.', unit: 'percentunit', width: 12 }, { [PROCESS]: 'sum by (service, instance) (rate(tidemark_gc_seconds_total[5m]))' }),
        graph({ title: 'Open files', about: 'Connections included.', unit: 'none', width: 12 }, { [PROCESS]: 'tidemark_process_open_files' }),
      ],
    },
    {
      title: 'Calls to servers',
      panels: [
        graph({ title: 'Under way', about: 'By server.', unit: 'none', width: 8 }, { '{{service}} {{server}}': 'sum by (service, server) (tidemark_server_calls_active)' }),
        graph({ title: 'Waiting for a turn, of those that may be under way', about: 'From 1 on a call takes twice as long as its server needs.', unit: 'percentunit', width: 8, badFrom: 1 }, {
          '{{service}} {{instance}} {{server}}': 'avg_over_time(tidemark_server_calls_waiting[5m]) / tidemark_server_calls_max',
        }),
        graph({ title: 'Servers away', about: 'How many processes wait for each.', unit: 'none', width: 8, badFrom: 1 }, { '{{service}} {{server}}': 'sum by (service, server) (tidemark_server_away)' }),
      ],
    },
  ])
}
