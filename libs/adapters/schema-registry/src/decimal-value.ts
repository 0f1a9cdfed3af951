// Decimals: an integer, and how many of its digits are behind the point.

import { canonicalInt64, type ValueType } from '@tidemark/feature-schema/value'

/** Longer ones are no amounts of anything. */
const DECIMAL_SIZE_MAX_BYTES = 128
export const DECIMAL_SCALE_MAX = 300

/**
 * What a field of a type is given: a whole number for integers, where it is one; the nearest double; else the decimal's digits. `unscaled`: two's
 * complement, big-endian.
 */
export function decimalValue(unscaled: Uint8Array, scale: number, target: ValueType): unknown {
  if (unscaled.byteLength > DECIMAL_SIZE_MAX_BYTES || scale < 0 || scale > DECIMAL_SCALE_MAX) return `a decimal of ${unscaled.byteLength} bytes and scale ${scale}`
  const integer = integerOf(unscaled)
  const unit = 10n ** BigInt(scale)
  if ((target === 'int32' || target === 'int64') && integer % unit === 0n) return canonicalInt64(integer / unit)
  const text = digitsOf(integer, scale)
  return target === 'string' || target === 'timestamp' ? text : Number(text)
}

function integerOf(bytes: Uint8Array): bigint {
  if (bytes.byteLength === 0) return 0n
  return BigInt.asIntN(8 * bytes.byteLength, BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
}

/** `-12.340` */
function digitsOf(integer: bigint, scale: number): string {
  const digits = String(integer < 0n ? -integer : integer).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${integer < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}
