// What a service has of the servers that it asks: the same for each layer.

import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { graph } from './panels.ts'

export function serverPanels(service: string): Builder<Panel>[] {
  const of = `service="${service}"`
  return [
    graph({ title: 'Time of calls', about: 'p99, by server, the wait for a turn or for records included.', unit: 's', width: 8 }, {
      '{{server}}': `histogram_quantile(0.99, sum by (server, le) (rate(tidemark_server_call_seconds_bucket{${of}}[5m])))`,
    }),
    graph({ title: 'Calls that fail', about: 'A second.', unit: 'ops', width: 8 }, { '{{server}} {{code}}': `sum by (server, code) (rate(tidemark_server_call_errors_total{${of}}[5m]))` }),
    graph({ title: 'Calls under way', about: 'And of them those that wait for a turn.', unit: 'none', width: 8 }, {
      '{{server}}': `sum by (server) (tidemark_server_calls_active{${of}})`,
      '{{server}} wait': `sum by (server) (tidemark_server_calls_waiting{${of}})`,
    }),
  ]
}
