// What names mean where several versions are live: one that says its version is that one; one that does not is the newest that is whole.
import { expect, it } from '@jest/globals'
import { planView } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureService, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { liveCatalog, type FeatureCatalog } from './feature-catalog.ts'
import { RequestResolver, type FeatureRequest } from './feature-request.ts'
import { featureNames } from './name-lists.ts'
import { Slices } from './sliced-work.ts'

const source = eventSource('clicks', { eventTime: 'at', fields: { at: timestamp(), user: string() } })
const view = (version: number) => featureView('totals', { version, source, entity: { user: 'user' }, features: { clicks: count().over('lifetime') } })
const plans = [1, 2, 3].map((version) => planView(view(version).definition, source.definition))
const services = [1, 2].map((version) => ({ service: featureService('model', { version, features: [view(version).clicks_lifetime] }).definition, views: [{ name: 'totals', version: version + 1 }] }))

const newResolver = (): RequestResolver => new RequestResolver(new Slices({ nowMs: () => 0, steadyMs: () => 0 }))

function asked(catalog: FeatureCatalog, what: FeatureRequest['asked'], resolver = newResolver()): string {
  const resolved = resolver.resolve(catalog, { asked: what, entities: [{ user: 'ada' }], policy: 'degrade', deadlineMs: 1_000, explain: false })
  if (resolved instanceof Promise) throw new Error('It is resolved at once.')
  const { views, names } = resolved
  return `${views.map(({ id, backfill }) => `${id}${backfill === null ? '' : ', not whole'}`).join()} as ${JSON.stringify(names)}`
}

const backfilling = (...ids: readonly string[]): FeatureCatalog => ({ ...liveCatalog(plans, services), backfills: new Map(ids.map((id) => [id, { howFar: 'It is at it.' }])) })
const features = (name: string): FeatureRequest['asked'] => ({ features: featureNames([name]) })

it.each<[string, FeatureCatalog, FeatureRequest['asked'], string]>([
  ['the newest', backfilling(), features('totals:clicks_lifetime'), 'totals@3 as [{"view":"totals","feature":"clicks_lifetime"}]'],
  ['the newest that is whole', backfilling('totals@3'), features('totals:clicks_lifetime'), 'totals@2 as [{"view":"totals","feature":"clicks_lifetime"}]'],
  ['the oldest where none is', backfilling('totals@1', 'totals@2', 'totals@3'), features('totals:clicks_lifetime'), 'totals@1, not whole as [{"view":"totals","feature":"clicks_lifetime"}]'],
  ['the one that is named', backfilling('totals@3'), features('totals@3:clicks_lifetime'), 'totals@3, not whole as [{"view":"totals","version":3,"feature":"clicks_lifetime"}]'],
  ['the newest service', backfilling(), { service: 'model' }, 'totals@3 as [{"view":"totals","feature":"clicks_lifetime"}]'],
  ['the newest service whose views are whole', backfilling('totals@3'), { service: 'model' }, 'totals@2 as [{"view":"totals","feature":"clicks_lifetime"}]'],
  ['the service that is named', backfilling('totals@3'), { service: 'model@2' }, 'totals@3, not whole as [{"view":"totals","feature":"clicks_lifetime"}]'],
])('a name means %s', (_, catalog, what, meant) => {
  expect(asked(catalog, what)).toBe(meant)
})

it('the same names mean what they mean by now, once another version is whole', () => {
  const [resolver, what] = [newResolver(), features('totals:clicks_lifetime')]
  expect([backfilling('totals@3'), backfilling(), backfilling('totals@3', 'totals@2')].map((catalog) => asked(catalog, what, resolver).slice(0, 8))).toEqual(['totals@2', 'totals@3', 'totals@1'])
})

it('says which versions there are where it is none of them', () => {
  expect(() => asked(backfilling(), features('totals@9:clicks_lifetime'))).toThrow('UNKNOWN_NAME at features: There is no version 9 of view totals. Ask for version 1 or 2 or 3, or for none: totals:clicks_lifetime.')
})
