// Merges partials in their encoded form.

import { GrowableBytes } from './growable-bytes.ts'
import type { Accumulator, SpliceableBytes, VariableKernel } from './partial.ts'

/**
 * Merges the encoded partial of `fromLength` bytes at `fromAt` of `from`, another array, into the one of `length` bytes at `at`
 * of the buffer, and returns the new length. Either may be the identity.
 */
export function mergeEncoded(
  kernel: VariableKernel, buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromAt: number, fromLength: number,
): number {
  if (fromLength === 0) return length
  if (length > 0) return kernel.mergeBytes(buffer, at, length, from, fromAt, fromLength)
  buffer.splice(at, 0, fromLength)
  buffer.bytes.set(from.subarray(fromAt, fromAt + fromLength), at)
  return fromLength
}

/** A running merge that stays encoded, and is decoded once it is asked for its value. */
export function encodedAccumulator(kernel: VariableKernel): Accumulator {
  const merged = GrowableBytes.empty()
  return {
    clear: () => merged.clear(),
    add(bytes, at, length) {
      mergeEncoded(kernel, merged, 0, merged.length, bytes, at, length)
    },
    finalise: (as) => kernel.finalise(kernel.decode(merged.bytes.subarray(0, merged.length)), as),
  }
}
