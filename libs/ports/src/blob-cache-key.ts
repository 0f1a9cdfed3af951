// Keys as every cache of blobs takes them.

import { BLOB_CACHE_KEY_SIZE_MAX_BYTES } from './blob-cache.ts'

/** One character for each byte. Throws a plain error for a key that is too long. */
export function blobCacheKeyText(key: Uint8Array): string {
  if (key.length > BLOB_CACHE_KEY_SIZE_MAX_BYTES) throw new Error(`A key has ${key.length} bytes, at most ${BLOB_CACHE_KEY_SIZE_MAX_BYTES}.`)
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}
