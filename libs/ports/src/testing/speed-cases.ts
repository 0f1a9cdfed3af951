// What the contract suite of a speed view store shares: the harness, and a bucket's state as text.
import type { Revision } from '../revision.ts'
import type { BucketKey, BucketState, BucketWrite, SpeedViewStore, StoredChunk } from '../speed-view-store.ts'
import { bytesOf } from './store-cases.ts'

export interface SpeedViewStoreHarness extends AsyncDisposable {
  readonly store: SpeedViewStore
  /** Another client of the same store. */
  readonly other: SpeedViewStore
}

/** The hexadecimal form of a text's bytes; null: none. */
export const hexOf = (text: string | null): string | null => (text === null ? null : hex(bytesOf(text)))

export const BUCKET: BucketKey = { view: 'v@1', bucket: 5 }

export const revisionOf = (number: number): Revision => number as Revision

export const stored = (revision: number, text = `chunk ${revision}`): StoredChunk => ({ revision: revisionOf(revision), bytes: bytesOf(text) })

/** A write in short: fences by partition, chunks by entity and number; an expected chunk is its revision. */
export interface ShortWrite {
  readonly expected?: { readonly record?: string | null; readonly fences?: Readonly<Record<number, string | null>>; readonly chunks?: readonly (readonly [string, number, number | null])[] }
  readonly put?: { readonly record?: string; readonly fences?: Readonly<Record<number, string>>; readonly chunks?: readonly (readonly [string, number, StoredChunk])[] }
}

export function writeOf({ expected = {}, put = {} }: ShortWrite): BucketWrite {
  const fencesOf = <T extends string | null>(fences: Readonly<Record<number, T>> = {}): { partition: number; bytes: T }[] => Object.entries(fences).map(([partition, bytes]) => ({ partition: Number(partition), bytes }))
  return {
    expected: {
      ...(expected.record === undefined ? {} : { record: expected.record === null ? null : bytesOf(expected.record) }),
      fences: fencesOf(expected.fences).map(({ partition, bytes }) => ({ partition, bytes: bytes === null ? null : bytesOf(bytes) })),
      chunks: (expected.chunks ?? []).map(([entity, chunk, revision]) => ({ entity: bytesOf(entity), chunk, revision: revision === null ? null : revisionOf(revision) })),
    },
    put: {
      ...(put.record === undefined ? {} : { record: bytesOf(put.record) }),
      fences: fencesOf(put.fences).map(({ partition, bytes }) => ({ partition, bytes: bytesOf(bytes) })),
      chunks: (put.chunks ?? []).map(([entity, chunk, each]) => ({ entity: bytesOf(entity), chunk, stored: each })),
    },
  }
}

/** All that a bucket has of these partitions and entities, in a form that compares by value. */
export async function stateOf(store: SpeedViewStore, key: BucketKey, entities: readonly string[], partitions: readonly number[] = [0, 1, 2]): Promise<unknown> {
  const [state] = await store.read([{ ...key, entities: entities.map(bytesOf), partitions }])
  return plainState(state!)
}

export function plainState({ record, fences, entities }: BucketState): unknown {
  return { record: hex(record), fences: fences.map(hex), entities: entities.map((chunks) => chunks.map((chunk) => chunk && `${chunk.revision} ${hex(chunk.bytes)}`)) }
}

export function hex(bytes: Uint8Array | null): string | null {
  return bytes && Buffer.from(bytes).toString('hex')
}
