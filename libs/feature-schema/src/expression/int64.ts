// Integer arithmetic as both engines have it: in 64 bits, NULL where the result does not fit. Numbers while they are safe.

import { canonicalInt64, INT64_MAX, INT64_MIN } from '../value.ts'

export type Int = number | bigint

// A rounded result is never safe: what rounds is beyond 2^53, and so is what it rounds to. `+ 0` takes the sign off a zero.

export function addInt64(a: Int, b: Int): Int | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return int64OrNull(BigInt(a) + BigInt(b))
}

export function subtractInt64(a: Int, b: Int): Int | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const difference = a - b
    if (Number.isSafeInteger(difference)) return difference
  }
  return int64OrNull(BigInt(a) - BigInt(b))
}

export function multiplyInt64(a: Int, b: Int): Int | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const product = a * b
    if (Number.isSafeInteger(product)) return product + 0
  }
  return int64OrNull(BigInt(a) * BigInt(b))
}

/** The remainder of a division that truncates: it has the sign of the dividend. */
export function remainderInt64(a: Int, b: Int): Int | null {
  if (b === 0) return null
  if (typeof a === 'number' && typeof b === 'number') return (a % b) + 0
  return int64OrNull(BigInt(a) % BigInt(b))
}

export function negateInt64(a: Int): Int | null {
  return subtractInt64(0, a)
}

export function int64OrNull(value: bigint): Int | null {
  return value >= INT64_MIN && value <= INT64_MAX ? canonicalInt64(value) : null
}
