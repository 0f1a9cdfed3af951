// How a bucket lies in Redis: one hash, so that one command reads or writes what is of one moment, and one deletes all of it. A server that
// loses the hash, by eviction or a fail-over, loses fences and chunks together, and the bucket is replayed.
//
//   key:     NAMESPACE:speed:1:{VIEW/BUCKET}         1 is the version of this layout; one Cluster slot
//   fields:  r                                       -> the record's bytes
//            f PARTITION, decimal                    -> the fence's bytes
//            0, 1 or 2 | the entity's bytes          -> u32 LE, u32 LE: low and high half of the revision | the chunk's bytes
//
//   key:     NAMESPACE:heartbeats:1:{VIEW}
//   fields:  PARTITION, decimal                      -> the heartbeat's bytes

import type { Revision } from '@tidemark/ports/revision'
import { CHUNKS_PER_ENTITY, type BucketKey, type StoredChunk } from '@tidemark/ports/speed-view-store'

export const REVISION_BYTES = 8
export const RECORD_FIELD = 'r'

const U32 = 2 ** 32
const FIRST_CHUNK_CODE = '0'.charCodeAt(0)

export function bucketRedisKey(namespace: string, { view, bucket }: BucketKey): string {
  return `${namespace}:speed:1:{${view}/${bucket}}`
}

export function heartbeatsRedisKey(namespace: string, view: string): string {
  return `${namespace}:heartbeats:1:{${view}}`
}

export function fenceField(partition: number): string {
  return `f${partition}`
}

export function chunkField(entity: Uint8Array, chunk: number): Buffer {
  const field = Buffer.allocUnsafe(1 + entity.length)
  field[0] = FIRST_CHUNK_CODE + chunk
  field.set(entity, 1)
  return field
}

/** The entity of a chunk's field; null: it is no chunk's. */
export function entityOfField(field: Uint8Array): Uint8Array | null {
  const chunk = field.length === 0 ? -1 : field[0]! - FIRST_CHUNK_CODE
  return chunk >= 0 && chunk < CHUNKS_PER_ENTITY ? field.subarray(1) : null
}

export function encodeStoredChunk({ revision, bytes }: StoredChunk): Buffer {
  const value = Buffer.allocUnsafe(REVISION_BYTES + bytes.length)
  writeRevision(value, 0, revision)
  value.set(bytes, REVISION_BYTES)
  return value
}

/** `null` is written as all ones, which no revision is. */
export function writeRevision(bytes: Buffer, at: number, revision: Revision | null): void {
  bytes.writeUInt32LE(revision === null ? U32 - 1 : revision % U32, at)
  bytes.writeUInt32LE(revision === null ? U32 - 1 : Math.floor(revision / U32), at + 4)
}

export function revisionAt(bytes: Buffer, at: number): Revision {
  return (bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * U32) as Revision
}
