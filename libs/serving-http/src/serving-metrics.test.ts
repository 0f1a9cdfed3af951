// What the serving layer tells of the view versions that it answers for.
import { describe, expect, it } from '@jest/globals'
import { Metrics } from '@tidemark/observability/metrics'
import { tellWholeViews } from './serving-metrics.ts'

type Catalog = ReturnType<Parameters<typeof tellWholeViews>[1]>

const planOf = (name: string, version: number): Catalog['plans'][number] => ({ view: { name, version } }) as Catalog['plans'][number]

describe('which views are whole', () => {
  it('is told as it is when somebody asks, of those that are live', () => {
    const metrics = new Metrics()
    let catalog: Catalog = { plans: [planOf('cards', 1), planOf('cards', 2)], backfills: new Map([['cards@2', { howFar: 'It has no generation.' }]]) }
    tellWholeViews(metrics, () => catalog)
    expect(metrics.read()).toMatchObject([{ name: 'tidemark_serving_view_whole', series: [{ labels: { view: 'cards@1' }, value: 1 }, { labels: { view: 'cards@2' }, value: 0 }] }])
    catalog = { plans: [planOf('cards', 2)] }
    expect(metrics.read()).toMatchObject([{ series: [{ labels: { view: 'cards@2' }, value: 1 }] }])
  })
})
