// What all dashboards have: the choice of Prometheus and of namespace, a list of the others, marks where definitions or processes changed.

import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { AnnotationQueryBuilder, DashboardBuilder, DashboardCursorSync, DashboardLinkBuilder, DashboardLinkType, DatasourceVariableBuilder, QueryVariableBuilder, RowBuilder, VariableRefresh, type Dashboard, type Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { asked, DATASOURCE } from './asked.ts'

export interface DashboardText {
  /** Of its file, and in its address. */
  readonly name: string
  readonly title: string
  /** For whom, and which question it answers. */
  readonly about: string
}

export interface DashboardRow {
  /** The question that its panels answer. */
  readonly title: string
  readonly panels: readonly Builder<Panel>[]
}

export function dashboardOf({ name, title, about }: DashboardText, rows: readonly DashboardRow[]): Dashboard {
  const dashboard = new DashboardBuilder(title).uid(`tidemark-${name}`).description(about).tags(['tidemark']).readonly()
    .refresh('30s').time({ from: 'now-3h', to: 'now' }).timezone('utc').tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withVariable(new QueryVariableBuilder('namespace').label('namespace').datasource(DATASOURCE).query('label_values(tidemark_build_info, namespace)')
      .refresh(VariableRefresh.OnTimeRangeChanged).multi(true).includeAll(true).allValue('.*').current({ selected: true, text: 'All', value: '$__all' }))
    .link(new DashboardLinkBuilder('Tidemark').type(DashboardLinkType.Dashboards).tags(['tidemark']).asDropdown(false).includeVars(true).keepTime(true))
    .annotation(markOf('definitions applied', 'purple', 'changes(max by (namespace) (tidemark_definitions_revision)[2m:30s]) > 0'))
    .annotation(markOf('started', 'blue', 'changes(tidemark_process_start_time_seconds[2m]) > 0'))
  for (const { title: question, panels } of rows) {
    dashboard.withRow(new RowBuilder(question))
    for (const panel of panels) dashboard.withPanel(panel)
  }
  return whole(dashboard.build())
}

/** A link to a panel names its number; and links to the others belong into sight, not into a menu. */
function whole({ panels = [], links = [], ...built }: Dashboard): Dashboard {
  return { ...built, links: links.map(({ placement: _inMenu, ...link }) => link), panels: panels.map((panel, index) => ({ ...panel, id: index + 1 })) }
}

function markOf(name: string, color: string, expr: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder().name(name).datasource(DATASOURCE).enable(true).hide(false).iconColor(color).expr(asked(expr))
}
