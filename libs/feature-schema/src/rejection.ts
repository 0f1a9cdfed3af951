// Why a record is rejected, in one vocabulary for every engine that reads records. The texts are what dead letters and input
// reports carry, so an SQL engine makes the same ones.

import { describeFound } from './accepted-value.ts'
import type { FieldDefinition, SourceDefinition } from './definition.ts'
import type { Problem } from './errors.ts'
import { EVENT_SIZE_MAX_BYTES } from './limits.ts'

/** EVENT_MALFORMED. `reason`: a sentence that begins with `record:` or `field NAME:`. */
export function malformedRecord({ name }: SourceDefinition, reason: string): Problem {
  return { code: 'EVENT_MALFORMED', message: reason, where: `source ${name}`, action: 'Mend the producer or the definition, then replay the record.' }
}

/** EVENT_TOO_LARGE: it has more than EVENT_SIZE_MAX_BYTES. */
export function oversizedRecord({ name }: SourceDefinition, sizeBytes: number): Problem {
  const message = `record: ${sizeBytes} bytes, the limit is ${EVENT_SIZE_MAX_BYTES}.`
  return { code: 'EVENT_TOO_LARGE', message, where: `source ${name}`, action: 'Keep large contents elsewhere and send a reference to them.' }
}

/** `field delay: expected int32 from -1116 to 1688, found "abc".` `value` as it was found; undefined: there was none. */
export function fieldRejection(field: FieldDefinition, value: unknown): string {
  return `field ${field.name}: expected ${fieldExpectation(field)}, found ${describeFound(value)}.`
}

/** What a field accepts: `int32 from -1116 to 1688 or NULL`. */
export function fieldExpectation({ type, nullable, min, max }: FieldDefinition): string {
  const bounds = min === undefined && max === undefined ? '' : ` from ${min ?? 'any'} to ${max ?? 'any'}`
  return `${type}${bounds}${nullable ? ' or NULL' : ''}`
}
