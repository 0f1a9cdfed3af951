// Merges partials in their encoded form, by a kernel's own way where it has one.

import type { SpliceableBytes, VariableKernel } from './partial.ts'

/**
 * Merges the encoded partial of `fromLength` bytes at `fromAt` of `from` into the one of `length` bytes at `at` of the buffer,
 * and returns the new length.
 */
export function mergeEncoded(
  kernel: VariableKernel, buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromAt: number, fromLength: number,
): number {
  if (fromLength === 0) return length
  if (length > 0 && kernel.mergeBytes !== undefined) return kernel.mergeBytes(buffer, at, length, from, fromAt, fromLength)
  const added = from.subarray(fromAt, fromAt + fromLength)
  const merged = length === 0 ? added : kernel.encode(kernel.merge(kernel.decode(buffer.bytes.subarray(at, at + length)), kernel.decode(added)))
  buffer.splice(at, length, merged.length)
  buffer.bytes.set(merged, at)
  return merged.length
}
