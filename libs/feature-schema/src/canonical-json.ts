// JSON with one text for one value: properties in code-point order, no spaces, absent properties left out. What is hashed.

import { compareStrings } from './value.ts'

/** The canonical text. A bigint is its decimal digits; a number that JSON does not have is a bug and throws. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const properties = Object.entries(value)
      .filter(([, property]) => property !== undefined)
      .sort(([a], [b]) => compareStrings(a, b))
      .map(([name, property]) => `${JSON.stringify(name)}:${canonicalJson(property)}`)
    return `{${properties.join(',')}}`
  }
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} has no JSON form`)
  if (value === undefined) throw new Error('undefined has no JSON form')
  return JSON.stringify(value)
}
