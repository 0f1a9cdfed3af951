// Copies of what a reply holds: replies are parts of what came over the network, up to 64 KiB at a time, and whoever keeps a few bytes of one
// would keep all of it. What belongs together is copied into one allocation.

/** In the same order. */
export function copyTogether(parts: readonly (Uint8Array | null)[]): (Uint8Array | null)[] {
  let sizeBytes = 0
  for (const part of parts) sizeBytes += part?.length ?? 0
  const copy = new Uint8Array(sizeBytes)
  let at = 0
  return parts.map((part) => {
    if (part === null) return null
    copy.set(part, at)
    at += part.length
    return copy.subarray(at - part.length, at)
  })
}
