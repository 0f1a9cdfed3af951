// Entities as requests and training rows name them: join key -> value. Checked against the view before anything is read.

import { describeFound, describeType, VALUE_READERS } from './accepted-value.ts'
import type { FeatureViewDefinition, SourceDefinition } from './definition.ts'
import type { KeyType } from './entity-key.ts'
import type { Problem } from './errors.ts'
import { closestName } from './expression/closest-name.ts'
import type { Value } from './value.ts'

/** A join key of a checked view: its name, the column that holds it in the source, its type. */
export interface EntityKey {
  readonly key: string
  readonly column: string
  readonly type: KeyType
}

/** The join keys of a checked view, in their order. */
export function entityKeysOf(view: FeatureViewDefinition, source: SourceDefinition): EntityKey[] {
  const types = new Map([...source.fields, ...view.derive].map(({ name, type }) => [name, type]))
  return view.entity.map(({ key, column }) => ({ key, column, type: types.get(column) as KeyType }))
}

/**
 * The values of the join keys, in their order and in canonical form, ready for `encodeEntityKey`; or every problem, ENTITY_INVALID.
 * Other properties are ignored: they may be join keys of other views. `where` begins each place: `entity 3 of view airport_delays`.
 */
export function readEntity(
  keys: readonly EntityKey[],
  entity: Readonly<Record<string, unknown>>,
  where: string,
): { readonly values: Value[] } | { readonly problems: Problem[] } {
  const values: Value[] = []
  const problems: Problem[] = []
  for (const { key, type } of keys) {
    const found = Object.hasOwn(entity, key) ? entity[key] : undefined
    const value = found === undefined || found === null ? undefined : VALUE_READERS[type](found)
    if (value === undefined) problems.push(entityProblem(key, type, entity, found, where))
    else values.push(value)
  }
  return problems.length > 0 ? { problems } : { values }
}

function entityProblem(key: string, type: KeyType, entity: object, found: unknown, where: string): Problem {
  const expected = describeType(type)
  const suggestion = found === undefined ? closestName(key, Object.keys(entity)) : null
  return {
    code: 'ENTITY_INVALID',
    message: `Join key ${key}: expected ${expected}, found ${describeFound(found)}.`,
    where: `${where}, key ${key}`,
    action: suggestion === null ? `Give ${key} as ${expected}.` : `Give ${key} as ${expected}; there is ${suggestion}, is that it?`,
  }
}
