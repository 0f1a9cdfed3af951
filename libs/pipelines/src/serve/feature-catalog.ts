// What can be asked for: the plans of view versions, and the services. Made of checked definitions, and replaced whole where they change.

import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Definitions, FeatureServiceDefinition } from '@tidemark/feature-schema/definition'
import type { LiveService } from '../definitions/live-definitions.ts'
import type { FeatureName } from '../resolve-features.ts'
import type { Backfills } from './whole-views.ts'

export interface ServedService {
  readonly definition: FeatureServiceDefinition
  /** Of the view versions that it is pinned to. */
  readonly features: readonly FeatureName[]
}

export interface FeatureCatalog {
  /** By name and version. */
  readonly plans: readonly ViewPlan[]
  readonly services: readonly ServedService[]
  /** Of versions that are not whole yet; left out: all are. */
  readonly backfills?: Backfills
}

/** The catalog of checked definitions, in which each name has one version. */
export function catalogOf({ sources, views, services }: Definitions): FeatureCatalog {
  const sourceNamed = new Map(sources.map((source) => [source.name, source]))
  return { plans: views.map((view) => planView(view, sourceNamed.get(view.source)!)), services: services.map((definition) => ({ definition, features: definition.features })) }
}

/** The catalog of what is live. */
export function liveCatalog(plans: readonly ViewPlan[], services: readonly LiveService[]): FeatureCatalog {
  return {
    plans,
    services: services.map(({ service, views }) => {
      const pinned = new Map(views.map(({ name, version }) => [name, version]))
      return { definition: service, features: service.features.map(({ view, feature }) => ({ view, version: pinned.get(view)!, feature })) }
    }),
  }
}
