// What a request asks, checked against the catalog before anything is read: its problems at once, each with its place.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import type { KeyType } from '@tidemark/feature-schema/entity-key'
import { readEntity, type EntityKey } from '@tidemark/feature-schema/entity-request'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { after, inTurn, type Soon } from '@tidemark/ports/soon'
import { viewId } from '../names.ts'
import { resolveFeatures, type FeatureName, type ResolvedFeature } from '../resolve-features.ts'
import type { FeatureCatalog, ServedService } from './feature-catalog.ts'
import { KnownEntities, type EntityView, type ViewEntity } from './known-entities.ts'
import { inSlices, type Slices } from './sliced-work.ts'
import type { Backfill } from './whole-views.ts'

export const ENTITIES_PER_REQUEST_MAX = 1_000
export const FEATURES_PER_REQUEST_MAX = 1_000
/** Most problems that one answer names; nobody reads more, and a body has room for tens of thousands. */
export const PROBLEMS_MAX = 50

/** fail: an error where anything is missing; degrade: its status and why; defaults: the same, with declared defaults as values. */
export type Policy = 'fail' | 'degrade' | 'defaults'

export interface FeatureRequest {
  /** A service's name, or features. */
  readonly asked: { readonly service: string } | { readonly features: readonly FeatureName[] }
  /** Join key -> value, for each entity; those of every view that is asked. */
  readonly entities: readonly Readonly<Record<string, unknown>>[]
  readonly policy: Policy
  /** From now on; what is not there by then is UNAVAILABLE. */
  readonly deadlineMs: number
  readonly explain: boolean
}

/** A view that features are asked of. */
export interface AskedView extends EntityView {
  readonly plan: ViewPlan
  /** null: it is whole. */
  readonly backfill: Backfill | null
}

/** What a request asks of each entity: a function of the catalog and the names, and so the same for many requests. */
export interface AskedFeatures {
  readonly features: readonly ResolvedFeature[]
  /** Of the features, in their order, as they were asked for. */
  readonly names: readonly FeatureName[]
  /** Those that the features are of, each once. */
  readonly views: readonly AskedView[]
  /** For each feature which of the views it is of. */
  readonly viewAt: readonly number[]
  /** Of all the views. */
  readonly joinKeys: readonly string[]
}

export interface ResolvedView extends AskedView {
  /** In the order of the request. */
  readonly entities: readonly ViewEntity[]
}

export interface ResolvedRequest extends AskedFeatures {
  readonly views: readonly ResolvedView[]
}

/** Throws UNKNOWN_NAME, USAGE or REQUEST_TOO_LARGE with the problems of its kind, 50 at most. */
export function resolveNames({ plans, backfills }: FeatureCatalog, names: readonly FeatureName[]): AskedFeatures {
  if (names.length === 0) throw problem('USAGE', 'No feature is asked for.', 'features', 'Name a service, or at least one feature.')
  if (names.length > FEATURES_PER_REQUEST_MAX) throw tooLarge('features', names.length, FEATURES_PER_REQUEST_MAX)
  const backfillOf = ({ view }: ViewPlan): Backfill | null => backfills?.get(viewId(view)) ?? null
  // Where none is whole, the oldest soonest will be.
  const features = resolveFeatures(plans, names, 'features', (versions) => versions.findLast((plan) => backfillOf(plan) === null) ?? versions[0]!)
  const asked = [...new Set(features.map(({ plan }) => plan))]
  return {
    features,
    names,
    views: asked.map((plan) => ({ plan, id: viewId(plan.view), backfill: backfillOf(plan), keyTypes: plan.keys.map(({ type }) => type as KeyType), bucketCount: plan.view.bucketCount })),
    viewAt: features.map(({ plan }) => asked.indexOf(plan)),
    joinKeys: [...new Set(asked.flatMap(({ keys }) => keys.map(({ key }) => key)))],
  }
}

/** Throws ENTITY_INVALID with the problems of all entities, 50 at most. */
export function resolveEntities(asked: AskedFeatures, entities: FeatureRequest['entities'], known: KnownEntities, slices: Slices): Soon<ResolvedRequest> {
  const problems: Problem[] = []
  const views = asked.views.map((view) => ({ ...view, entities: [] as ViewEntity[] }))
  return after(inTurn(views, (view) => readEntities(view, entities, problems, known, slices)), () => {
    refuseUnknownKeys(asked.joinKeys, entities, problems)
    const [first, ...others] = problems
    if (first !== undefined) throw new TidemarkError([first, ...others.slice(0, PROBLEMS_MAX - 1)])
    return { ...asked, views }
  })
}

/** Whether what was resolved in a catalog holds in the one that there is by now. */
export type IsCurrentCatalog = (known: FeatureCatalog, current: FeatureCatalog) => boolean

export const isSameCatalog: IsCurrentCatalog = (known, current) => known === current

/** Resolves requests, and the names of each list and each entity once, as long as the catalog is the same. */
export class RequestResolver {
  private readonly slices: Slices
  private readonly isCurrent: IsCurrentCatalog
  private catalog: FeatureCatalog | null = null
  /** By the list itself: a service has its own, and a caller that asks the same again may give the same. */
  private known = new WeakMap<readonly FeatureName[], AskedFeatures>()
  private entities = new KnownEntities()

  constructor(slices: Slices, isCurrent: IsCurrentCatalog = isSameCatalog) {
    this.slices = slices
    this.isCurrent = isCurrent
  }

  /** Throws UNKNOWN_NAME, ENTITY_INVALID, USAGE or REQUEST_TOO_LARGE with the problems of its kind, 50 at most. */
  resolve(catalog: FeatureCatalog, { asked, entities }: FeatureRequest): Soon<ResolvedRequest> {
    if (entities.length > ENTITIES_PER_REQUEST_MAX) throw tooLarge('entities', entities.length, ENTITIES_PER_REQUEST_MAX)
    if (this.catalog === null || !this.isCurrent(this.catalog, catalog)) {
      this.catalog = catalog
      this.known = new WeakMap()
      this.entities = new KnownEntities()
    }
    const names = 'features' in asked ? asked.features : serviceFeatures(catalog, asked.service)
    let features = this.known.get(names)
    if (features === undefined) {
      features = resolveNames(catalog, names)
      // What a service is pinned to is not what was asked for.
      if ('service' in asked) features = { ...features, names: names.map(({ view, feature }) => ({ view, feature })) }
      this.known.set(names, features)
    }
    return resolveEntities(features, entities, this.entities, this.slices)
  }
}

/** `delay_model`: of its newest version whose views are all whole, or of the oldest; `delay_model@1`: of that one. */
function serviceFeatures({ plans, services, backfills }: FeatureCatalog, name: string): readonly FeatureName[] {
  const exact = services.find(({ definition }) => viewId(definition) === name)
  const versions = services.filter(({ definition }) => definition.name === name)
  const isWhole = ({ features }: ServedService): boolean =>
    !plans.some(({ view }) => backfills?.has(viewId(view)) === true && features.some((feature) => feature.view === view.name && (feature.version ?? view.version) === view.version))
  const found = exact ?? versions.findLast(isWhole) ?? versions[0]
  if (found === undefined) throw problem('UNKNOWN_NAME', `There is no service ${name}.`, 'service', didYouMean(name, services.flatMap(({ definition }) => [definition.name, viewId(definition)])))
  return found.features
}

/** Those of a view, in the order of the request. */
function readEntities(into: AskedView & { readonly entities: ViewEntity[] }, entities: FeatureRequest['entities'], problems: Problem[], known: KnownEntities, slices: Slices): Soon<void> {
  const { plan: { keys, view } } = into
  return inSlices(entities, () => slices.pause(), (entity, i) => {
    const found = readEntity(keys as readonly EntityKey[], entity, `entity ${i} of view ${view.name}`)
    if ('problems' in found) {
      problems.push(...found.problems)
      return
    }
    into.entities.push(known.entityOf(into, found.values))
  })
}

/** A key that no view has is a slip of the pen, and the value of another would be answered. */
function refuseUnknownKeys(known: readonly string[], entities: FeatureRequest['entities'], problems: Problem[]): void {
  for (let i = 0; i < entities.length; i++) {
    for (const key of Object.keys(entities[i]!)) {
      if (known.includes(key)) continue
      if (problems.length >= PROBLEMS_MAX) return
      problems.push({ code: 'ENTITY_INVALID', message: `There is no join key ${key}.`, where: `entity ${i}`, action: didYouMean(key, known) })
    }
  }
}

function tooLarge(what: string, count: number, countMax: number): TidemarkError {
  return problem('REQUEST_TOO_LARGE', `It has ${count} ${what}; the limit is ${countMax}.`, what, `Ask in several requests, each with at most ${countMax}.`)
}

function problem(code: Problem['code'], message: string, where: string, action: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action }])
}
