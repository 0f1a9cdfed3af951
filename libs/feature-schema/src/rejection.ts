// Why a record is rejected, in one vocabulary for every engine that reads records. The texts are what dead letters and input
// reports carry, so an SQL engine makes the same ones.

import { describeFound } from './accepted-value.ts'
import type { FieldDefinition } from './definition.ts'

/** `field delay: expected int32 from -1116 to 1688, found "abc".` `value` as it was found; undefined: there was none. */
export function fieldRejection(field: FieldDefinition, value: unknown): string {
  return `field ${field.name}: expected ${fieldExpectation(field)}, found ${describeFound(value)}.`
}

/** What a field accepts: `int32 from -1116 to 1688 or NULL`. */
export function fieldExpectation({ type, nullable, min, max }: FieldDefinition): string {
  const bounds = min === undefined && max === undefined ? '' : ` from ${min ?? 'any'} to ${max ?? 'any'}`
  return `${type}${bounds}${nullable ? ' or NULL' : ''}`
}
