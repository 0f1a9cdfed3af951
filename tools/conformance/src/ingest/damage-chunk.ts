// What a bad disk does to a bucket: a byte of a chunk is another one, and its revision is the same.

import type { BucketKey, SpeedViewStore } from '@tidemark/ports/speed-view-store'

/** Where a chunk's bytes begin that say neither that it is one nor its version. */
const AFTER_VERSION = 8

/** Changes a byte of a chunk of the bucket; which, `below` draws: from 0 to less than its argument. false: it has no chunk. */
export async function damageChunk(store: SpeedViewStore, bucket: BucketKey, below: (limit: number) => number = () => 0): Promise<boolean> {
  const entities = await Array.fromAsync(store.scan(bucket))
  const all = entities.flatMap(({ entity, chunks }) => chunks.flatMap((stored, chunk) => (stored === null ? [] : [{ entity, chunk, stored }])))
  if (all.length === 0) return false
  const { entity, chunk, stored: { revision, bytes } } = all[below(all.length)]!
  // A copy: a reader may hold what it has verified. Not the version: another one is a newer release's.
  const damaged = Uint8Array.from(bytes)
  damaged[AFTER_VERSION + below(damaged.length - AFTER_VERSION)]! ^= 1 << below(8)
  return store.write(bucket, {
    expected: { fences: [], chunks: [{ entity, chunk, revision }] },
    put: { fences: [], chunks: [{ entity, chunk, stored: { revision, bytes: damaged } }] },
  })
}
