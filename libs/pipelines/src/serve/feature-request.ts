// What a request asks, checked against the catalog before anything is read: every problem at once, each with its place.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { bucketOf, encodeEntityKey, entityHash } from '@tidemark/feature-schema/entity-key'
import { readEntity, type EntityKey } from '@tidemark/feature-schema/entity-request'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { viewId } from '../names.ts'
import { resolveFeatures, type FeatureName, type ResolvedFeature } from '../resolve-features.ts'
import type { FeatureCatalog } from './feature-catalog.ts'

export const ENTITIES_PER_REQUEST_MAX = 1_000
export const FEATURES_PER_REQUEST_MAX = 1_000
/** Most problems that one answer names. */
const PROBLEMS_MAX = 50

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

/** An entity as one view knows it. */
export interface ViewEntity {
  readonly key: Uint8Array
  readonly bucket: number
}

export interface ResolvedView {
  readonly plan: ViewPlan
  /** `airport_delays@1` */
  readonly id: string
  /** In the order of the request. */
  readonly entities: readonly ViewEntity[]
}

export interface ResolvedRequest {
  readonly features: readonly ResolvedFeature[]
  /** Those that the features are of, each once. */
  readonly views: readonly ResolvedView[]
}

/** Throws UNKNOWN_NAME, ENTITY_INVALID, USAGE or REQUEST_TOO_LARGE with every problem of its kind. */
export function resolveRequest({ plans, services }: FeatureCatalog, { asked, entities }: FeatureRequest): ResolvedRequest {
  if (entities.length > ENTITIES_PER_REQUEST_MAX) throw tooLarge('entities', entities.length, ENTITIES_PER_REQUEST_MAX)
  const names = 'features' in asked ? asked.features : serviceFeatures(services, asked.service)
  if (names.length === 0) throw problem('USAGE', 'No feature is asked for.', 'features', 'Name a service, or at least one feature.')
  if (names.length > FEATURES_PER_REQUEST_MAX) throw tooLarge('features', names.length, FEATURES_PER_REQUEST_MAX)
  const features = resolveFeatures(plans, names, 'features')
  const problems: Problem[] = []
  const views = [...new Set(features.map(({ plan }) => plan))].map((plan) => ({ plan, id: viewId(plan.view), entities: readEntities(plan, entities, problems) }))
  problems.push(...unknownKeys(views.map(({ plan }) => plan), entities))
  const [first, ...others] = problems
  if (first !== undefined) throw new TidemarkError([first, ...others.slice(0, PROBLEMS_MAX - 1)])
  return { features, views }
}

function serviceFeatures(services: FeatureCatalog['services'], name: string): readonly FeatureName[] {
  const found = services.find((service) => service.name === name)
  if (found === undefined) throw problem('UNKNOWN_NAME', `There is no service ${name}.`, 'service', didYouMean(name, services.map((service) => service.name)))
  return found.features
}

function readEntities({ keys, view }: ViewPlan, entities: FeatureRequest['entities'], problems: Problem[]): ViewEntity[] {
  const types = (keys as readonly EntityKey[]).map(({ type }) => type)
  return entities.flatMap((entity, i) => {
    const read = readEntity(keys as readonly EntityKey[], entity, `entity ${i} of view ${view.name}`)
    if ('problems' in read) {
      problems.push(...read.problems)
      return []
    }
    const key = encodeEntityKey(read.values, types)
    return [{ key, bucket: bucketOf(entityHash(key), view.bucketCount) }]
  })
}

/** A key that no view has is a slip of the pen, and the value of another would be answered. */
function unknownKeys(plans: readonly ViewPlan[], entities: FeatureRequest['entities']): Problem[] {
  const known = [...new Set(plans.flatMap(({ keys }) => keys.map(({ key }) => key)))]
  return entities.flatMap((entity, i) => Object.keys(entity).filter((key) => !known.includes(key)).map((key): Problem => ({
    code: 'ENTITY_INVALID', message: `There is no join key ${key}.`, where: `entity ${i}`, action: didYouMean(key, known),
  })))
}

function tooLarge(what: string, count: number, countMax: number): TidemarkError {
  return problem('REQUEST_TOO_LARGE', `It has ${count} ${what}; the limit is ${countMax}.`, what, `Ask in several requests, each with at most ${countMax}.`)
}

function problem(code: Problem['code'], message: string, where: string, action: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action }])
}
