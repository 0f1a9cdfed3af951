// The store of speed views: buckets, each a set of fences and of entities' chunks that is read and written atomically (law 6). Fences
// and chunks are opaque bytes here: the store compares them and does not know what they say.
//
// A write is one command. It first compares everything that it names with what is stored, fences and records by their bytes and
// chunks by their revision; where anything differs it writes nothing. What it puts is one effect: after a crash all of it is there, or none.

import type { Revision } from './revision.ts'
import type { Soon } from './soon.ts'

/** Chunks that an entity may have, numbered from 0. */
export const CHUNKS_PER_ENTITY = 3

/**
 * Keys that one write may compare or put, together. A script on Redis hands on at most some 8,000 arguments, and a chunk that is put takes two of
 * them and its entity two more. A larger command is split by offset.
 */
export const WRITE_KEYS_MAX = 1_900

export interface BucketKey {
  /** View and version: `airport_delays@1`. */
  readonly view: string
  readonly bucket: number
}

export interface StoredChunk {
  readonly revision: Revision
  readonly bytes: Uint8Array
}

/** By chunk number; null: there is none. */
export type EntityChunks = readonly (StoredChunk | null)[]

export interface BucketQuestion extends BucketKey {
  readonly entities: readonly Uint8Array[]
  /** Source partitions whose fences are asked for. */
  readonly partitions: readonly number[]
  /**
   * What an earlier read gave for each of the entities; null: nothing is known. Where each of its chunks still has its revision, a store
   * may give back this object and spare itself the reading. Who gives something here never changes its bytes.
   */
  readonly known?: readonly (EntityChunks | null)[]
  /** The same of the bucket's record, which is compared by its bytes. */
  readonly knownRecord?: Uint8Array | null
}

/** One moment of a bucket. */
export interface BucketState {
  readonly record: Uint8Array | null
  /** In the order of the partitions asked for. */
  readonly fences: readonly (Uint8Array | null)[]
  /** In the order of the entities asked for. */
  readonly entities: readonly EntityChunks[]
}

export interface BucketWrite {
  /** What was read; null: nothing was there. The record is compared where it is named. */
  readonly expected: {
    readonly record?: Uint8Array | null
    readonly fences: readonly { readonly partition: number; readonly bytes: Uint8Array | null }[]
    readonly chunks: readonly { readonly entity: Uint8Array; readonly chunk: number; readonly revision: Revision | null }[]
  }
  readonly put: {
    readonly record?: Uint8Array
    readonly fences: readonly { readonly partition: number; readonly bytes: Uint8Array }[]
    readonly chunks: readonly { readonly entity: Uint8Array; readonly chunk: number; readonly stored: StoredChunk }[]
  }
}

export interface SpeedViewStore extends AsyncDisposable {
  /**
   * Each bucket as of one moment; several buckets need not be of the same one: at once where the store is in this process. STORE_DAMAGED where
   * something of one of them is: whoever asks for the others alone is answered.
   */
  read(questions: readonly BucketQuestion[]): Soon<readonly BucketState[]>
  /** false: something differed, and nothing was written. Throws a plain error beyond WRITE_KEYS_MAX. */
  write(bucket: BucketKey, write: BucketWrite): Promise<boolean>
  /** Deletes the chunks of one entity, if each still has the revision that is named; false: nothing was deleted. */
  remove(bucket: BucketKey, entity: Uint8Array, revisions: readonly (Revision | null)[]): Promise<boolean>
  /**
   * Deletes all that a bucket has, its record, every fence and every chunk, in one effect and without reading what it deletes; false:
   * something differed from what is expected, and nothing was deleted. STORE_DAMAGED: what is to be compared cannot be read.
   */
  discard(bucket: BucketKey, expected: BucketWrite['expected']): Promise<boolean>
  /** Every entity of a bucket, as of some moment each. */
  scan(bucket: BucketKey): AsyncIterable<{ readonly entity: Uint8Array; readonly chunks: EntityChunks }>
  /** A view's heartbeats by source partition: small, overwritten, worth nothing after a while. Those of other partitions stay. */
  putHeartbeats(view: string, heartbeats: ReadonlyMap<number, Uint8Array>): Promise<void>
  heartbeats(view: string): Promise<ReadonlyMap<number, Uint8Array>>
}
