// Which JSON values a field or an entity key of each type accepts, and what becomes of them. One rule for events, entities and
// defaults; the same rule for SQL engines is docs/definitions.md, "What is accepted", with the patterns exported here.

import type { FieldDefinition } from './definition.ts'
import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from './limits.ts'
import { parseTimestampMs } from './timestamp-text.ts'
import { canonicalDouble, canonicalInt64, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, type Value, type ValueType } from './value.ts'

/** The value in its canonical form, or undefined where it is not accepted. */
export type ReadValue = (value: unknown) => Value | undefined

/** Text form of an int64, in JSON and in CSV; it must fit 64 bits too. */
export const INT64_TEXT = /^-?\d{1,19}$/
/** Text form of a double in CSV; `NaN` and infinities are accepted besides, as NULL. */
export const DOUBLE_TEXT = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/

/** Readers of values that are not NULL. A double that is not finite is read as NULL. */
export const VALUE_READERS: Readonly<Record<ValueType, ReadValue>> = {
  boolean: (value) => (typeof value === 'boolean' ? value : undefined),
  int32: (value) => (typeof value === 'number' && (value | 0) === value ? value | 0 : undefined),
  int64: readInt64,
  double: (value) => (typeof value === 'number' ? canonicalDouble(value) : undefined),
  string: (value) => (typeof value === 'string' && value.isWellFormed() ? value : undefined),
  timestamp: readTimestamp,
}

function readInt64(value: unknown): Value | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : undefined
  if (typeof value === 'string') return INT64_TEXT.test(value) ? readInt64(BigInt(value)) : undefined
  if (typeof value === 'bigint') return value >= INT64_MIN && value <= INT64_MAX ? canonicalInt64(value) : undefined
  return undefined
}

function readTimestamp(value: unknown): Value | undefined {
  if (typeof value === 'string') return parseTimestampMs(value) ?? undefined
  if (typeof value !== 'number' || !Number.isInteger(value)) return undefined
  return value >= TIMESTAMP_MIN_MS && value <= TIMESTAMP_MAX_MS ? value + 0 : undefined
}

/** The reader of a field: its type, whether it may be NULL (or missing), its declared bounds. */
export function fieldReader(field: FieldDefinition): ReadValue {
  const { nullable } = field
  const readValue = field.min === undefined && field.max === undefined ? VALUE_READERS[field.type] : boundedReader(field)
  return (value) => {
    const read = value === undefined || value === null ? null : readValue(value)
    return read === null && !nullable ? undefined : read
  }
}

function boundedReader({ type, min = -Infinity, max = Infinity }: FieldDefinition): ReadValue {
  const readValue = VALUE_READERS[type]
  return (value) => {
    const read = readValue(value)
    if (typeof read !== 'number' && typeof read !== 'bigint') return read
    return read >= min && read <= max ? read : undefined
  }
}

/** What a type expects, for people: `int32`, `timestamp (epoch milliseconds or ISO 8601 text)`. */
export function describeType(type: ValueType): string {
  if (type === 'int32') return `int32 (an integer from ${INT32_MIN} to ${INT32_MAX})`
  if (type === 'int64') return 'int64 (an integer; beyond 2^53 as a string)'
  if (type === 'timestamp') return 'timestamp (epoch milliseconds or ISO 8601 text, years 1678 to 2261)'
  return type
}

const FOUND_LENGTH_MAX = 40

/** A value that was not accepted, for people: `"abc"`, `12.5`, `an object`, `nothing` where there is none. */
export function describeFound(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (typeof value === 'object' && value !== null) return 'an object'
  // As a number it is not what was written any more.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) return `about ${value}, which is beyond 2^53`
  if (typeof value !== 'string') return String(value)
  const shown = value.length > FOUND_LENGTH_MAX ? `${value.slice(0, FOUND_LENGTH_MAX)}…` : value
  return value.isWellFormed() ? JSON.stringify(shown) : `${JSON.stringify(shown)}, which is not well-formed Unicode`
}
