// Exact arithmetic for the oracle: a double is an integer multiple of 2^-1074, so sums, products and quotients of doubles are
// done in integers and rounded once, at the end.

/** 1, in units of 2^-1074. */
export const EXACT_ONE = 1n << 1074n

/** A finite double or an integer, in units of 2^-1074. */
export function toExact(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value * EXACT_ONE
  const bits = new BigUint64Array(new Float64Array([value]).buffer)[0]!
  const exponent = (bits >> 52n) & 0x7ffn
  const fraction = bits & 0xfffffffffffffn
  const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n)
  return value < 0 ? -magnitude : magnitude
}

/** a / b as a double, within two units in the last place; ±Infinity beyond the doubles. */
export function quotient(a: bigint, b: bigint): number {
  const isNegative = a < 0n !== b < 0n
  const [top, bottom] = [a < 0n ? -a : a, b < 0n ? -b : b]
  if (top === 0n) return 0
  const shift = top.toString(16).length * 4 - bottom.toString(16).length * 4 - 68
  const scaled = shift > 0 ? top / (bottom << BigInt(shift)) : (top << BigInt(-shift)) / bottom
  const half = Math.trunc(shift / 2)
  const magnitude = Number(scaled) * 2 ** half * 2 ** (shift - half)
  return isNegative ? -magnitude : magnitude
}

export function sumOf(values: readonly bigint[]): bigint {
  return values.reduce((sum, value) => sum + value, 0n)
}

export function magnitudeOf(value: bigint): bigint {
  return value < 0n ? -value : value
}
