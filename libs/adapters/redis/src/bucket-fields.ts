// How a bucket lies in Redis: one hash, so that one command reads or writes what is of one moment, and one deletes all of it. A server that
// loses the hash, by eviction or a fail-over, loses fences and chunks together, and the bucket is replayed. Revisions are apart from
// the chunks, so that comparing them reads no chunk.
//
//   key:     NAMESPACE:speed:1:{VIEW/BUCKET}         1 is the version of this layout; one Cluster slot
//   fields:  r                                       -> the record's bytes
//            f PARTITION, decimal                    -> the fence's bytes
//            e | the entity's bytes                  -> a revision for each chunk, 0 to 2: u32 LE low half, u32 LE high half; all ones: no chunk
//            0, 1 or 2 | the entity's bytes          -> the chunk's bytes
//
//   key:     NAMESPACE:heartbeats:1:{VIEW}
//   fields:  PARTITION, decimal                      -> the heartbeat's bytes

import type { Revision } from '@tidemark/ports/revision'
import { CHUNKS_PER_ENTITY, type BucketKey } from '@tidemark/ports/speed-view-store'
import type { ArgumentSink } from '@tidemark/redis-client/resp-packer'

export const REVISION_BYTES = 8
export const REVISIONS_BYTES = CHUNKS_PER_ENTITY * REVISION_BYTES
export const RECORD_FIELD = 'r'
export const REVISIONS_FIELD_PATTERN = 'e*'

const U32 = 2 ** 32
const REVISIONS_MARK = Buffer.from('e')
const CHUNK_MARKS = Array.from({ length: CHUNKS_PER_ENTITY }, (_, chunk) => Buffer.from(`${chunk}`))
/** The bytes that stand for no revision. No revision has them: the last one of each is 0. */
export const NO_REVISION_BYTE = 0xff
/** The same for one that is not asked for, in what a script is given. */
export const ANY_REVISION_BYTE = 0xfe

export function bucketRedisKey(namespace: string, { view, bucket }: BucketKey): string {
  return `${namespace}:speed:1:{${view}/${bucket}}`
}

export function heartbeatsRedisKey(namespace: string, view: string): string {
  return `${namespace}:heartbeats:1:{${view}}`
}

export function fenceField(partition: number): string {
  return `f${partition}`
}

/** Where an entity's revisions are. */
export function putRevisionsField(to: ArgumentSink, entity: Uint8Array): void {
  to.joined(REVISIONS_MARK, entity)
}

export function putChunkField(to: ArgumentSink, entity: Uint8Array, chunk: number): void {
  to.joined(CHUNK_MARKS[chunk]!, entity)
}

/** Of a field of revisions or of a chunk. */
export function entityOfField(field: Uint8Array): Uint8Array {
  return field.subarray(1)
}

/** `place`: how many revisions are before it. */
export function writeRevision(bytes: Buffer, place: number, revision: Revision | null): void {
  const at = REVISION_BYTES * place
  bytes.writeUInt32LE(revision === null ? U32 - 1 : revision % U32, at)
  bytes.writeUInt32LE(revision === null ? U32 - 1 : Math.floor(revision / U32), at + 4)
}

export function readRevision(bytes: Buffer, place: number): Revision | null {
  const at = REVISION_BYTES * place
  const high = bytes.readUInt32LE(at + 4)
  return high === U32 - 1 ? null : ((bytes.readUInt32LE(at) + high * U32) as Revision)
}
