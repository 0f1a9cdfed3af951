// A cache of blobs in a map: the oldest goes when there are too many.

import type { BlobCache } from '@tidemark/ports/blob-cache'
import { blobCacheKeyText } from '@tidemark/ports/blob-cache-key'

const COUNT_MAX = 100_000

/** A cache that lives as long as this object. */
export function createMemoryBlobCache({ countMax = COUNT_MAX }: { readonly countMax?: number } = {}): BlobCache {
  const kept = new Map<string, Uint8Array>()
  return {
    async getMany(keys) {
      return keys.map((key) => {
        const bytes = kept.get(blobCacheKeyText(key))
        return bytes === undefined ? null : Uint8Array.from(bytes)
      })
    },
    async putMany(entries) {
      for (const { key, bytes } of entries) {
        kept.set(blobCacheKeyText(key), Uint8Array.from(bytes))
        const [oldest] = kept.keys()
        if (kept.size > countMax) kept.delete(oldest!)
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}
