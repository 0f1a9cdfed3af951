// How many keys one write of a bucket names: what an adapter refuses beyond WRITE_KEYS_MAX.

import { CHUNKS_PER_ENTITY, WRITE_KEYS_MAX, type BucketKey, type BucketWrite } from './speed-view-store.ts'

/** Keys that are compared and keys that are put, together. */
export function countWriteKeys({ expected, put }: BucketWrite): number {
  const recordCount = (expected.record === undefined ? 0 : 1) + (put.record === undefined ? 0 : 1)
  return recordCount + expected.fences.length + expected.chunks.length + put.fences.length + put.chunks.length
}

/** Throws a plain error where a write names more than WRITE_KEYS_MAX keys, or a chunk that cannot be. */
export function assertBucketWrite({ view, bucket }: BucketKey, write: BucketWrite): void {
  const keyCount = countWriteKeys(write)
  if (keyCount > WRITE_KEYS_MAX) throw new Error(`A write to bucket ${bucket} of ${view} names ${keyCount} keys, at most ${WRITE_KEYS_MAX}: split it by offset.`)
  for (const { chunk } of write.expected.chunks) assertChunk(chunk)
  for (const { chunk } of write.put.chunks) assertChunk(chunk)
}

function assertChunk(chunk: number): void {
  if (!(Number.isInteger(chunk) && chunk >= 0 && chunk < CHUNKS_PER_ENTITY)) throw new Error(`There is no chunk ${chunk} of an entity; they have ${CHUNKS_PER_ENTITY}.`)
}
