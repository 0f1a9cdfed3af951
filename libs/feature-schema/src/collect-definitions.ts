// From what a definitions file exports to one set of definitions: a service brings its views, a view its source.

import { type Definitions, DEFINITIONS_FORMAT_VERSION } from './definition.ts'
import type { AnyFeatureView, FeatureService, Source } from './dsl.ts'
import { DEFINED } from './shape-faults.ts'

type Defined = Source | AnyFeatureView | FeatureService

/** The definitions among `values` (a module's exports, say) and those that they need, each once, in the order met. Others are ignored. */
export function collectDefinitions(values: Iterable<unknown>): Definitions {
  const sources = new Set<Source['definition']>()
  const views = new Set<AnyFeatureView['definition']>()
  const services = new Set<FeatureService['definition']>()
  const addView = (view: AnyFeatureView): void => {
    if (view.source !== null) sources.add(view.source.definition)
    views.add(view.definition)
  }
  for (const value of values) {
    if (!isDefined(value)) continue
    if (value[DEFINED] === 'source') sources.add(value.definition)
    if (value[DEFINED] === 'view') addView(value)
    if (value[DEFINED] !== 'service') continue
    value.views.forEach(addView)
    services.add(value.definition)
  }
  return { formatVersion: DEFINITIONS_FORMAT_VERSION, sources: [...sources], views: [...views], services: [...services] }
}

function isDefined(value: unknown): value is Defined {
  return typeof value === 'object' && value !== null && DEFINED in value && 'definition' in value
}
