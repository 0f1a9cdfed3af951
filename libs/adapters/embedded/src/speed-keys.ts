// Keys and values of the speed views. Database speed, in which a bucket is one range of keys:
//
//   bucket:  view (text) | u16 BE bucket
//   record:  bucket | 0                                        -> the record's bytes
//   fence:   bucket | 1 | u32 BE partition                     -> the fence's bytes
//   chunk:   bucket | 2 | u16 BE size | entity | u8 chunk      -> u32 LE, u32 LE: low and high half of the revision | the chunk's bytes
//   chunk of an entity of more than ENTITY_INLINE_MAX_BYTES, which no key would hold:
//            bucket | 3 | SHA-256 of the entity | u8 chunk     -> the revision | u32 LE size | entity | the chunk's bytes

import { createHash } from 'node:crypto'
import type { Revision } from '@tidemark/ports/revision'
import { CHUNKS_PER_ENTITY, type BucketKey, type StoredChunk } from '@tidemark/ports/speed-view-store'
import { textKey } from './key-bytes.ts'

export const ENTITY_INLINE_MAX_BYTES = 1_024
const U32 = 2 ** 32
const REVISION_BYTES = 8
const RECORD_KIND = 0
const FENCE_KIND = 1
const CHUNK_KIND = 2
const LONG_CHUNK_KIND = 3

/** Of a bucket, which every key of it begins with. */
export function bucketPrefix({ view, bucket }: BucketKey): Buffer {
  const name = textKey(view)
  const prefix = Buffer.allocUnsafe(name.length + 2)
  prefix.set(name, 0)
  prefix.writeUInt16BE(bucket, name.length)
  return prefix
}

export function recordKey(prefix: Buffer): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + 1)
  key.set(prefix, 0)
  key[prefix.length] = RECORD_KIND
  return key
}

export function fenceKey(prefix: Buffer, partition: number): Buffer {
  const key = Buffer.allocUnsafe(prefix.length + 5)
  key.set(prefix, 0)
  key[prefix.length] = FENCE_KIND
  key.writeUInt32BE(partition, prefix.length + 1)
  return key
}

/** The key of chunk 0; the others' differ from it in the last byte. */
export function firstChunkKey(prefix: Buffer, entity: Uint8Array): Buffer {
  const at = prefix.length
  if (entity.length > ENTITY_INLINE_MAX_BYTES) return Buffer.concat([prefix, Uint8Array.of(LONG_CHUNK_KIND), createHash('sha256').update(entity).digest(), Uint8Array.of(0)])
  const key = Buffer.allocUnsafe(at + 4 + entity.length)
  key.set(prefix, 0)
  key[at] = CHUNK_KIND
  key[at + 1] = entity.length >> 8
  key[at + 2] = entity.length & 255
  key.set(entity, at + 3)
  key[key.length - 1] = 0
  return key
}

export function chunkKey(prefix: Buffer, entity: Uint8Array, chunk: number): Buffer {
  const key = firstChunkKey(prefix, entity)
  key[key.length - 1] = chunk
  return key
}

/** The key before those of all chunks of the bucket, and the one after them. */
export function chunkRange(prefix: Buffer): { from: Buffer; to: Buffer } {
  return { from: Buffer.concat([prefix, Uint8Array.of(CHUNK_KIND)]), to: Buffer.concat([prefix, Uint8Array.of(LONG_CHUNK_KIND + 1)]) }
}

/** The key after those of the entity that a chunk's key is of. */
export function afterEntity(key: Uint8Array): Buffer {
  const after = Buffer.from(key)
  after[after.length - 1] = CHUNKS_PER_ENTITY
  return after
}

export function chunkOfKey(key: Uint8Array): number {
  return key[key.length - 1]!
}

/** The entity of a chunk's entry. */
export function entityOf(prefix: Buffer, key: Uint8Array, value: Uint8Array): Uint8Array {
  if (key[prefix.length] === CHUNK_KIND) return key.slice(prefix.length + 3, key.length - 1)
  return value.slice(REVISION_BYTES + 4, REVISION_BYTES + 4 + sizeOfLongEntity(value))
}

export function encodeChunk(entity: Uint8Array, { revision, bytes }: StoredChunk): Buffer {
  const isLong = entity.length > ENTITY_INLINE_MAX_BYTES
  const at = isLong ? REVISION_BYTES + 4 + entity.length : REVISION_BYTES
  const value = Buffer.allocUnsafe(at + bytes.length)
  value.writeUInt32LE(revision % U32, 0)
  value.writeUInt32LE(Math.floor(revision / U32), 4)
  if (isLong) {
    value.writeUInt32LE(entity.length, REVISION_BYTES)
    value.set(entity, REVISION_BYTES + 4)
  }
  value.set(bytes, at)
  return value
}

export function decodeChunk(key: Uint8Array, prefix: Buffer, value: Uint8Array): StoredChunk {
  const at = key[prefix.length] === CHUNK_KIND ? REVISION_BYTES : REVISION_BYTES + 4 + sizeOfLongEntity(value)
  return { revision: revisionAt(value, 0), bytes: value.subarray(at) }
}

/** The revision of an encoded chunk that begins there. */
export function revisionAt(bytes: Uint8Array, at: number): Revision {
  return (u32At(bytes, at) + u32At(bytes, at + 4) * U32) as Revision
}

function sizeOfLongEntity(value: Uint8Array): number {
  return u32At(value, REVISION_BYTES)
}

function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}
