// A cache of bytes by key that several processes share. It may forget anything at any time, and is asked by nobody who needs its answer: what it
// keeps can be read elsewhere too. What is under a key never changes; who puts something else there has two writers that disagree.

export interface BlobCache extends AsyncDisposable {
  /** In the order of the keys; null: it is not kept. Throws coded errors. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]>
  /** Some or all may be forgotten by the time it resolves. Throws coded errors. */
  putMany(entries: readonly BlobCacheEntry[]): Promise<void>
}

export interface BlobCacheEntry {
  readonly key: Uint8Array
  readonly bytes: Uint8Array
}

/** Of a key; a longer one is refused with a plain error. */
export const BLOB_CACHE_KEY_SIZE_MAX_BYTES = 65_536
