// The few kinds of panels that the dashboards have.

import type { Builder } from '@grafana/grafana-foundation-sdk/cog'
import { LegendDisplayMode, LegendPlacement, BigValueGraphMode, ReduceDataOptionsBuilder, TooltipDisplayMode, VisibilityMode, VizLegendOptionsBuilder, VizTooltipOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import { MappingType, ThresholdsConfigBuilder, ThresholdsMode, type Panel } from '@grafana/grafana-foundation-sdk/dashboard'
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline'
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table'
import { PanelBuilder as TimeSeriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { asked, DATASOURCE } from './asked.ts'

/** Grafana's names of units. */
export type Unit = 's' | 'bytes' | 'short' | 'percentunit' | 'ops' | 'dateTimeFromNow' | 'none'

export interface PanelText {
  readonly title: string
  /** What it means, and from when on it is worth a thought. */
  readonly about: string
  readonly unit: Unit
  /** Of 24. */
  readonly width: number
  /** From here on it is shown as bad. */
  readonly badFrom?: number
}

/** What is asked, by what its lines are called: `{{source}}`. */
export type Queries = Readonly<Record<string, string>>

/** Grafana's names of a panel's queries. */
const REF_IDS = ['A', 'B', 'C'] as const
const [STAT_HEIGHT, GRAPH_HEIGHT, ALERTS_HEIGHT] = [4, 8, 9]

/** Over time, a line for each series. */
export function graph({ title, about, unit, width, badFrom }: PanelText, queries: Queries): Builder<Panel> {
  const panel = new TimeSeriesBuilder().title(title).description(about).unit(unit).min(0).span(width).height(GRAPH_HEIGHT).datasource(DATASOURCE)
    .lineWidth(1).fillOpacity(8).showPoints(VisibilityMode.Never).thresholds(thresholds(badFrom))
    .legend(new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).calcs([]))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi))
  for (const query of targets(queries)) panel.withTarget(query)
  return panel
}

/** What is now, as a number for each series. */
export function number({ title, about, unit, width, badFrom }: PanelText, queries: Queries, whereNothing = '0'): Builder<Panel> {
  const panel = new StatBuilder().title(title).description(about).unit(unit).span(width).height(STAT_HEIGHT).datasource(DATASOURCE).noValue(whereNothing)
    .graphMode(BigValueGraphMode.Area).thresholds(thresholds(badFrom)).reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
  for (const query of targets(queries)) panel.withTarget(query)
  return panel
}

/** What is there now, a row for each series; its value is in the last column. */
export function rows({ title, about, unit, width }: PanelText, valueName: string, query: string): Builder<Panel> {
  return new TableBuilder().title(title).description(about).unit(unit).span(width).height(ALERTS_HEIGHT).datasource(DATASOURCE).noValue('nothing')
    .withTarget(new DataqueryBuilder().refId(REF_IDS[0]).expr(asked(query)).instant().format(PromQueryFormat.Table))
    .withTransformation({ id: 'organize', options: { excludeByName: { Time: true, __name__: true, alertstate: true, job: true }, indexByName: { severity: 0, alertname: 1 }, renameByName: { Value: valueName, alertname: 'alert' } } })
}

/** When it was so: a bar for each series while its value is 1. */
export function timeline({ title, about, width }: Omit<PanelText, 'unit'>, queries: Queries): Builder<Panel> {
  const panel = new TimelineBuilder().title(title).description(about).span(width).height(ALERTS_HEIGHT).datasource(DATASOURCE).noValue('nothing').showValue(VisibilityMode.Never)
    .mergeValues(true).legend(new VizLegendOptionsBuilder().showLegend(false).displayMode(LegendDisplayMode.Hidden).placement(LegendPlacement.Bottom).calcs([]))
    .mappings([{ type: MappingType.ValueToText, options: { 0: { text: 'no', color: 'green', index: 0 }, 1: { text: 'yes', color: 'red', index: 1 } } }])
  for (const query of targets(queries)) panel.withTarget(query)
  return panel
}

function targets(queries: Queries): DataqueryBuilder[] {
  return Object.entries(queries).map(([legend, query], index) => new DataqueryBuilder().refId(REF_IDS[index]!).expr(asked(query)).range().legendFormat(legend))
}

function thresholds(badFrom: number | undefined): ThresholdsConfigBuilder {
  const steps = [{ value: null, color: 'green' }, ...(badFrom === undefined ? [] : [{ value: badFrom, color: 'red' }])]
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps)
}
