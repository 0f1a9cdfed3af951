// The dashboards of the repository are those that are generated, and each panel asks only for what is told.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { DASHBOARDS_FOLDER, generateDashboards, textOf, writtenDashboards } from './dashboards.ts'
import { readQuery, withMatcher } from './prom-query.ts'
import { faultsOfQuery } from './query-faults.ts'

interface AnyPanel {
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[]
}

const dashboards = [...generateDashboards()].map(([file, dashboard]) => ({ file, dashboard, panels: (dashboard.panels ?? []) as unknown as readonly AnyPanel[] }))
const queries = dashboards.flatMap(({ file, dashboard, panels }) => [
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr, legendFormat }) => ({ where: `${file}, ${title}`, expr, legendFormat }))),
  ...(dashboard.annotations?.list ?? []).map(({ name, expr }) => ({ where: `${file}, ${name}`, expr: expr!, legendFormat: undefined })),
])

describe('the dashboards', () => {
  it('are as they are generated: `npm run dashboards` writes them', () => {
    expect(writtenDashboards()).toEqual(dashboards.map(({ file }) => file).sort())
    for (const { file, dashboard } of dashboards) expect(readFileSync(join(DASHBOARDS_FOLDER, file), 'utf8')).toBe(textOf(dashboard))
  })

  it('ask for metrics that are told, by labels that they have', () => {
    expect(queries.length).toBeGreaterThan(60)
    expect(queries.flatMap(({ where, expr }) => faultsOfQuery(expr).map((fault) => `${where}: ${fault}`))).toEqual([])
  })

  it('ask within the namespace that was chosen', () => {
    for (const { where, expr } of queries) {
      const without = readQuery(expr).selectors.filter(({ matchers }) => !matchers.some(({ label }) => label === 'namespace'))
      expect([where, without]).toEqual([where, []])
    }
  })

  it('say what each panel means, fill their rows, and begin with what is wrong', () => {
    for (const { file, panels } of dashboards) {
      const shown = panels.filter(({ type }) => type !== 'row')
      expect([file, shown.filter(({ description = '' }) => !description.endsWith('.')).map(({ title }) => title)]).toEqual([file, []])
      const widths = Map.groupBy(shown, ({ gridPos }) => gridPos.y)
      expect([file, [...widths.values()].map((row) => row.reduce((sum, { gridPos }) => sum + gridPos.w, 0)).filter((width) => width !== 24)]).toEqual([file, []])
    }
    const [row, alerts] = dashboards[0]!.panels
    expect([row!.title, alerts!.title]).toEqual(['What is wrong, and since when', 'Alerts that fire'])
  })

  it('call lines by labels that are left of what is asked', () => {
    for (const { where, expr, legendFormat = '' } of queries) {
      const { groupedBy } = readQuery(expr)
      const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!)
      if (groupedBy.length > 0) expect([where, named.filter((label) => !groupedBy.includes(label))]).toEqual([where, []])
    }
  })
})

describe('a query in a namespace', () => {
  it.each([
    ['sum(rate(a_total[5m])) / b{x="1"} unless c{}', 'sum(rate(a_total{n=~"v"}[5m])) / b{x="1",n=~"v"} unless c{n=~"v"}'],
  ])('%s', (query, expected) => {
    expect(withMatcher(query, { label: 'n', operator: '=~', value: 'v' })).toBe(expected)
  })
})
