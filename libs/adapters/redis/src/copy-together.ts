// Copies of what a reply holds: replies are parts of what came over the network, up to 64 KiB at a time, and whoever keeps a few bytes of one
// would keep all of it. What belongs together is copied into one allocation.

/** Those from `from` up to `to`, in the same order. */
export function copyTogether(parts: readonly (Uint8Array | null)[], from = 0, to = parts.length): (Uint8Array | null)[] {
  const sizeBytes = sizeOf(parts, from, to)
  const copies: (Uint8Array | null)[] = []
  let whole: Uint8Array | null = null
  let at = 0
  for (let i = from; i < to; i++) {
    const part = parts[i]!
    if (part === null) copies.push(null)
    else if (part.length === sizeBytes) copies.push(new Uint8Array(part))
    else {
      whole ??= new Uint8Array(sizeBytes)
      whole.set(part, at)
      copies.push(whole.subarray(at, at + part.length))
      at += part.length
    }
  }
  return copies
}

/**
 * The same, but parts that mostly fill what they lie in are left there: each part holds on to no more than all of them are, and all of them
 * together to at most twice that.
 */
export function copyFromLarge(parts: readonly (Uint8Array | null)[]): (Uint8Array | null)[] {
  const sizeBytes = sizeOf(parts, 0, parts.length)
  let spareBytes = sizeBytes
  const own = [...parts]
  for (let from = 0; from < parts.length;) {
    const { to, heldBytes } = runFrom(parts, from)
    const othersBytes = heldBytes - sizeOf(parts, from, to)
    if (heldBytes <= sizeBytes && othersBytes <= spareBytes) spareBytes -= othersBytes
    else for (const [i, copy] of copyTogether(parts, from, to).entries()) own[from + i] = copy
    from = to
  }
  return own
}

/** Up to the first part that lies in another buffer, and how large the buffer is of those before it. */
function runFrom(parts: readonly (Uint8Array | null)[], from: number): { to: number; heldBytes: number } {
  let buffer: ArrayBufferLike | undefined
  let to = from
  for (; to < parts.length; to++) {
    const other = parts[to]?.buffer
    buffer ??= other
    if (other !== undefined && other !== buffer) break
  }
  return { to, heldBytes: buffer?.byteLength ?? 0 }
}

function sizeOf(parts: readonly (Uint8Array | null)[], from: number, to: number): number {
  let sizeBytes = 0
  for (let i = from; i < to; i++) sizeBytes += parts[i]?.length ?? 0
  return sizeBytes
}
