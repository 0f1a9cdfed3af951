// What can be asked for: the plans of the views by name, and the services. Made of checked definitions, and replaced whole where they change.

import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Definitions, FeatureServiceDefinition } from '@tidemark/feature-schema/definition'

export interface FeatureCatalog {
  readonly plans: readonly ViewPlan[]
  readonly services: readonly FeatureServiceDefinition[]
}

/** The catalog of checked definitions. */
export function catalogOf({ sources, views, services }: Definitions): FeatureCatalog {
  const sourceNamed = new Map(sources.map((source) => [source.name, source]))
  return { plans: views.map((view) => planView(view, sourceNamed.get(view.source)!)), services }
}
