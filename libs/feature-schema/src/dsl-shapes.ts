// Reads what the DSL was given, whatever it is, into the parts of a definition; a slip becomes a fault (shape-faults.ts) and a part to go on with.

import { AGGREGATION_RULES } from './aggregation-rules.ts'
import type { AggregationDefinition, DerivedColumnDefinition, EntityKeyDefinition, FeatureServiceDefinition, FieldDefinition } from './definition.ts'
import type { FeatureReference } from './dsl.ts'
import { isDefinedAs, isObject, type ShapeFaults } from './shape-faults.ts'
import { VALUE_TYPES, type ValueType } from './value.ts'

export function readFields(faults: ShapeFaults, given: unknown): FieldDefinition[] {
  return faults.entries('fields', 'fields by name', given, 'Write fields: { at: timestamp(), user: string() }.').flatMap(([name, field]) => {
    const definition = definitionOf(field)
    const type = typeOf(definition)
    if (definition !== null && type !== null && !('expression' in definition)) return [{ name, ...(definition as Omit<FieldDefinition, 'name'>) }]
    const meant = type ?? VALUE_TYPES.find((each) => each === field) ?? null
    faults.expected(`field ${name}`, 'a field', field, meant === null ? `Write one of ${VALUE_TYPES.map((each) => `${each}()`).join(', ')}.` : `Write ${name}: ${meant}().`, meant === null)
    return meant === null ? [] : [{ name, type: meant, nullable: false }]
  })
}

/** A text without a type is a column whose type `checkDefinitions` finds out, to say which one to name. */
export function readDerived(faults: ShapeFaults, given: unknown): DerivedColumnDefinition[] {
  return faults.entries('derive', 'columns by name', given, "Write derive: { late: int32('delay > 15 ? 1 : 0') }.").flatMap(([name, column]) => {
    const definition = typeof column === 'string' ? { expression: column } : definitionOf(column)
    if (definition !== null && (typeof column === 'string' || typeOf(definition) !== null)) return [{ name, ...definition } as DerivedColumnDefinition]
    faults.expected(`derived column ${name}`, 'an expression with its type', column, `Write it as a text: ${name}: int32('delay > 15 ? 1 : 0').`, true)
    return []
  })
}

/** Join keys and their columns, and the name of an entity that several views share. */
export function readEntity(faults: ShapeFaults, given: unknown): { readonly entityName?: string; readonly entity: EntityKeyDefinition[] } {
  if (isDefinedAs('entity', given)) {
    const { name, keys } = given as { readonly name: unknown; readonly keys: readonly unknown[] }
    return { entityName: String(name), entity: keys.map((key) => ({ key: String(key), column: String(key) })) }
  }
  if (typeof given === 'string') {
    faults.expected('entity', 'join keys with their columns', given, `Write entity: { ${given}: '${given}' }.`)
    return { entity: [{ key: given, column: given }] }
  }
  const entries = faults.entries('entity', 'join keys with their columns', given, "Write entity: { airport: 'origin' }.")
  return { entity: entries.map(([key, column]) => ({ key, column: String(column) })) }
}

export function readAggregations(faults: ShapeFaults, given: unknown): AggregationDefinition[] {
  return faults.entries('features', 'aggregations by name', given, "Write features: { events: count().over('24h') }.").flatMap(([name, aggregation]) => {
    const definition = definitionOf(aggregation)
    if (definition !== null && Object.hasOwn(AGGREGATION_RULES, String(definition['op']))) return [{ name, ...definition } as AggregationDefinition]
    faults.expected(`aggregation ${name}`, 'an aggregation', aggregation, `Write one with its windows: ${name}: count().over('24h').`)
    return []
  })
}

export function readReferences(faults: ShapeFaults, given: unknown): FeatureReference[] {
  if (!Array.isArray(given)) {
    faults.expected('features', 'a list of features', given, 'Write features: [airportDelays.departures_1h, all(routeDelays)].')
    return []
  }
  return (given.flat() as unknown[]).flatMap((reference, i) => {
    if (isObject(reference) && isDefinedAs('view', reference['view'])) return [reference as unknown as FeatureReference]
    const action = isDefinedAs('view', reference) ? 'Write all(…) around the view, or name one of its features.' : 'Write one as a property of its view, airportDelays.departures_1h; or all(airportDelays).'
    faults.expected(`feature #${i + 1}`, 'a feature of a view', reference, action)
    return []
  })
}

export function referenceNames(references: readonly FeatureReference[]): FeatureServiceDefinition['features'] {
  return references.map(({ view, feature }) => ({ view: view.definition.name, feature: String(feature) }))
}

function definitionOf(given: unknown): Readonly<Record<PropertyKey, unknown>> | null {
  return isObject(given) && isObject(given['definition']) ? given['definition'] : null
}

function typeOf(definition: Readonly<Record<PropertyKey, unknown>> | null): ValueType | null {
  return VALUE_TYPES.find((type) => type === definition?.['type']) ?? null
}
