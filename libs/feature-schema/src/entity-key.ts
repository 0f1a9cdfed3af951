// An entity's join-key values as bytes: what keys stores, what is hashed, what bucket an entity is in.
//
//   entity = key value, in join-key order, nothing between them
//   key value:  tag (1 ASCII letter) | byte length of the text (decimal ASCII) | ':' | text (UTF-8)
//   tags:  b boolean 'true' 'false' | i int32, int64 decimal | s string | t timestamp, decimal epoch milliseconds
//
//   { airport: 'JFK' } -> s3:JFK        { origin: 'JFK', hour: 12 } -> s3:JFKi2:12
//
// All of it is text, so that SQL makes the same bytes by concatenation and hashes them with md5. No two entities share bytes,
// because each text says its length. Another form of a value would get another tag: that is how the layout has versions.

import { hashKey } from './key-hash.ts'
import { canonicalInt64, type Value, type ValueType } from './value.ts'

/** Types that an entity key may have: those whose equal values have equal texts. */
export type KeyType = Exclude<ValueType, 'double'>

export const KEY_TAGS: Readonly<Record<KeyType, string>> = { boolean: 'b', int32: 'i', int64: 'i', string: 's', timestamp: 't' }

/** The bytes of checked join-key values, in join-key order. */
export function encodeEntityKey(values: readonly Value[], types: readonly KeyType[]): Uint8Array {
  return Buffer.from(entityKeyText(values, types))
}

/** The text whose UTF-8 bytes they are. */
export function entityKeyText(values: readonly Value[], types: readonly KeyType[]): string {
  let text = ''
  for (let i = 0; i < types.length; i++) {
    const valueText = String(values[i])
    text += `${KEY_TAGS[types[i]!]}${Buffer.byteLength(valueText)}:${valueText}`
  }
  return text
}

/** The values that the bytes were made of. Throws where they were made by nothing like `encodeEntityKey`: that is a bug or damage. */
export function decodeEntityKey(entity: Uint8Array): Value[] {
  const bytes = Buffer.from(entity.buffer, entity.byteOffset, entity.byteLength)
  const values: Value[] = []
  for (let at = 0; at < bytes.length; ) {
    const colon = bytes.indexOf(':', at)
    const lengthText = bytes.toString('latin1', at + 1, Math.max(at, colon))
    const end = colon + 1 + Number(lengthText)
    if (!/^\d{1,9}$/.test(lengthText) || end > bytes.length) throw new Error(`not an entity key: ${bytes.toString()}`)
    values.push(valueOf(bytes.toString('latin1', at, at + 1), bytes.toString('utf8', colon + 1, end)))
    at = end
  }
  return values
}

function valueOf(tag: string, text: string): Value {
  switch (tag) {
    case 's':
      return text
    case 'b':
      return text === 'true'
    case 'i':
      return canonicalInt64(BigInt(text))
    case 't':
      return Number(text)
    default:
      throw new Error(`not an entity key: tag ${tag}`)
  }
}

/** The first 64 bits of the md5 of an entity's bytes, big-endian. */
export function entityHash(entity: Uint8Array): bigint {
  return hashKey(entity)
}

/** The bucket of an entity: its hash modulo the view's bucket count, a power of two. */
export function bucketOf(hash: bigint, bucketCount: number): number {
  return Number(hash & BigInt(bucketCount - 1))
}
