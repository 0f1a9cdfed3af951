// The values that fields, expressions and features have, and the few rules every engine follows for them.
// NULL is `null`. A double is finite: NaN and infinities become NULL where they come in or come out. Negative zero is zero.
// An int64 is a number while it is a safe integer and a bigint beyond; a timestamp is epoch milliseconds, UTC, a safe integer.

export const VALUE_TYPES = ['boolean', 'int32', 'int64', 'double', 'string', 'timestamp'] as const

export type ValueType = (typeof VALUE_TYPES)[number]

export type Value = null | boolean | number | bigint | string

/** One event as a view sees it: the source's fields in the order of its definition, then the view's derived columns. */
export type Row = Value[]

export const INT32_MIN = -(2 ** 31)
export const INT32_MAX = 2 ** 31 - 1
export const INT64_MIN = -(2n ** 63n)
export const INT64_MAX = 2n ** 63n - 1n

/** The canonical form of an integer: a number when it is safe, else a bigint. */
export function canonicalInt64(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value
}

/** The canonical form of a double: finite or NULL, and no negative zero. */
export function canonicalDouble(value: number): number | null {
  return Number.isFinite(value) ? value + 0 : null
}

/** Orders strings by code point, which is the order of their UTF-8 bytes, and DuckDB's; `<` compares UTF-16 units. */
export function compareStrings(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rankOfUnit(x) - rankOfUnit(y)
  }
  return a.length - b.length
}

/** Surrogates stand for code points above the whole basic plane, so they rank above U+E000 to U+FFFF. */
function rankOfUnit(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

/** Orders two values of one type, NULL not among them. Booleans: false before true. */
export function compareValues(a: Exclude<Value, null>, b: Exclude<Value, null>): number {
  if (typeof a === 'string') return compareStrings(a, b as string)
  return a < b ? -1 : a > b ? 1 : 0
}

/** The text whose md5 an approximate unique count hashes: the same in JavaScript and SQL's cast to text. Doubles have none. */
export function hashText(value: boolean | number | bigint | string): string {
  return String(value)
}
