// Content hashes: sha256, in hex, over the canonical JSON of what changes the meaning of a definition. Owner, description, tags
// and an entity's name are for people and left out, and where a source's records come from changes nothing of them; the order of fields, aggregations and windows counts, because rows and blobs follow it.

import { createHash } from 'node:crypto'
import { AGGREGATION_RULES } from './aggregation-rules.ts'
import { canonicalJson } from './canonical-json.ts'
import type {
  AggregationDefinition,
  Definitions,
  FeatureServiceDefinition,
  FeatureViewDefinition,
  Ownership,
  SourceDefinition,
} from './definition.ts'
import { GROUPS_MAX_DEFAULT } from './limits.ts'

export function sourceContentHash(source: SourceDefinition): string {
  const { format = 'json', relayFrom: _, ...meaning } = withoutOwnership(source)
  return hashOf({ ...meaning, ...(format !== 'json' && { format }), fields: source.fields.map(withoutOwnership) })
}

/** A view means nothing without its source's schema, which is therefore part of it. */
export function viewContentHash(view: FeatureViewDefinition, source: SourceDefinition): string {
  const { entityName: _, ...meaning } = withoutOwnership(view)
  return hashOf({ ...meaning, aggregations: view.aggregations.map(aggregationMeaning), sourceContent: sourceContentHash(source) })
}

export function serviceContentHash(service: FeatureServiceDefinition): string {
  return hashOf(withoutOwnership(service))
}

/** Of checked definitions: the hash of their hashes, in whatever order they are listed. */
export function definitionsContentHash({ formatVersion: _, sources, views, services }: Definitions): string {
  const sourceNamed = new Map(sources.map((source) => [source.name, source]))
  return hashOf({
    sources: sources.map(sourceContentHash).sort(),
    views: views.map((view) => viewContentHash(view, sourceNamed.get(view.source)!)).sort(),
    services: services.map(serviceContentHash).sort(),
  })
}

/** With the defaults of its parameters written out: a definition that names them means the same as one that does not. */
function aggregationMeaning(aggregation: AggregationDefinition): object {
  const groups = aggregation.groupBy === undefined ? {} : { groupsMax: GROUPS_MAX_DEFAULT }
  return { ...AGGREGATION_RULES[aggregation.op].defaults, ...groups, ...withoutOwnership(aggregation) }
}

function withoutOwnership<T extends Ownership>({ owner: _, description: __, tags: ___, ...meaning }: T): Omit<T, keyof Ownership> {
  return meaning
}

function hashOf(meaning: unknown): string {
  return createHash('sha256').update(canonicalJson(meaning)).digest('hex')
}
