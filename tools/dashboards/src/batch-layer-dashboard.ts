// The batch layer: are generations made of what is sealed?

import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard'
import { dashboardOf } from './dashboard-of.ts'
import { graph, number } from './panels.ts'
import { serverPanels } from './server-panels.ts'

export function batchLayerDashboard(): Dashboard {
  return dashboardOf({ name: 'batch-layer', title: 'Tidemark: batch layer', about: 'Is a generation made of each sealed epoch, and what keeps one from being published?' }, [
    {
      title: 'Does it keep up?',
      panels: [
        graph({ title: 'Epochs in no generation', about: 'Sealed, and not in the generation that is read. The stream keeps them, so its state grows with them.', unit: 'none', width: 8, badFrom: 4 }, { '{{view}}': 'min by (view) (tidemark_batch_epochs_behind)' }),
        graph({ title: 'Age of the cut', about: 'How long ago the last epoch ended that the generation has.', unit: 's', width: 8 }, { '{{view}}': 'min by (view) (tidemark_batch_cut_age_seconds)' }),
        graph({ title: 'Generation that is read', about: 'It falls where somebody rolls back.', unit: 'none', width: 8 }, { '{{view}}': 'max by (view) (tidemark_batch_generation)' }),
      ],
    },
    {
      title: 'What came of the runs?',
      panels: [
        number({ title: 'Gates closed', about: 'The last run did not pass its quality gate, and no later one did.', unit: 'none', width: 8, badFrom: 1 }, { '{{view}}': 'max by (view) (tidemark_batch_gate_closed unless tidemark_batch_epochs_behind == 0)' }),
        graph({ title: 'Runs that ended', about: 'In five minutes: published, lost to another worker, or the code of an error.', unit: 'none', width: 8 }, { '{{view}} {{result}}': 'sum by (view, result) (increase(tidemark_batch_runs_total{result!="nothing-due"}[5m]))' }),
        graph({ title: 'Runs under way', about: 'By view.', unit: 'none', width: 8 }, { '{{view}}': 'sum by (view) (tidemark_batch_running)' }),
        graph({ title: 'Jobs in the queues', about: 'Waiting, and taken by a worker. What waits while nothing is taken is retried later, or has no worker.', unit: 'none', width: 8 }, { '{{view}} {{state}}': 'max by (view, state) (tidemark_batch_jobs)' }),
        graph({ title: 'Time of steps', about: 'p90 of each step of a run.', unit: 's', width: 16 }, { '{{view}} {{step}}': 'histogram_quantile(0.9, sum by (view, step, le) (rate(tidemark_batch_step_seconds_bucket[5m])))' }),
      ],
    },
    { title: 'The servers that it asks', panels: serverPanels('batch-layer') },
  ])
}
