// How names and numbers become keys whose order is that of their parts, and of which none is the beginning of another:
//
//   text:    u16 byte length | UTF-8 bytes          number: u32 or u64, big-endian

const U32 = 2 ** 32
/** Of a name that is part of a key: topics, views, groups. */
const TEXT_SIZE_MAX_BYTES = 512

/** Throws a plain error where the text is too long for a key. */
export function textKey(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > TEXT_SIZE_MAX_BYTES) throw new Error(`A name has ${bytes.length} bytes, at most ${TEXT_SIZE_MAX_BYTES}: ${text.slice(0, 80)}…`)
  const key = Buffer.allocUnsafe(2 + bytes.length)
  key.writeUInt16BE(bytes.length, 0)
  key.set(bytes, 2)
  return key
}

export function u32Key(number: number): Buffer {
  const key = Buffer.allocUnsafe(4)
  key.writeUInt32BE(number, 0)
  return key
}

/** The prefix and a number from 0 to 2^53 - 1 after it. */
export function withU64(prefix: Uint8Array, number: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + 8)
  key.set(prefix, 0)
  key.writeUInt32BE(Math.floor(number / U32), prefix.length)
  key.writeUInt32BE(number % U32, prefix.length + 4)
  return key
}

/** The number that ends a key. */
export function lastU64(key: Uint8Array): number {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  return view.getUint32(key.length - 8) * U32 + view.getUint32(key.length - 4)
}

/** The first key after all that begin with the prefix, which is not all of 255. */
export function afterPrefix(prefix: Uint8Array): Buffer {
  const key = Buffer.from(prefix)
  let last = key.length - 1
  while (key[last] === 255) last--
  key[last]!++
  return key.subarray(0, last + 1)
}
