// Batch blobs of a pinned generation: from memory where they were read before, else from the store. What a generation says of an entity
// never changes while it can be pinned, so that nothing here is ever stale; absence is kept too.

import { verifyBlob } from '@tidemark/aggregation/batch-blob'
import type { BatchViewStore, StoredBatchRow } from '@tidemark/ports/batch-view-store'
import { after, inTurn, type Soon } from '@tidemark/ports/soon'
import type { Problem } from '@tidemark/feature-schema/errors'
import { LRUCache } from 'lru-cache'
import { damageOf, readUndamaged } from './damage.ts'
import type { ResolvedView } from './feature-request.ts'
import type { ViewEntity } from './known-entities.ts'
import { inSlices, type SlicedWork } from './sliced-work.ts'

/** What an entry costs besides its blob. */
const ENTRY_SIZE_BYTES = 200
/** Entities that the store is asked for at a time: a store in this process reads them without a pause. */
const READ_COUNT_MAX = 128

/** null: the generation has none. A problem: it is damaged. */
export type BatchBlob = Uint8Array | null | Problem

/** What a generation has of an entity. */
interface KeptBlob {
  readonly n: number
  readonly blob: Uint8Array | null
}

export class BatchBlobCache {
  private readonly store: BatchViewStore
  /** By entity, of the generation that was last read: all requests of a moment read the same. */
  private readonly cache: LRUCache<string, KeptBlob>

  constructor(store: BatchViewStore, sizeMaxBytes: number) {
    this.store = store
    this.cache = new LRUCache({ maxSize: sizeMaxBytes, sizeCalculation: ({ blob }) => (blob?.byteLength ?? 0) + ENTRY_SIZE_BYTES })
  }

  /** The blobs of a view's entities, verified, in their order: at once where all are at hand. Throws what the store throws of more than damage, and DeadlinePassed. */
  read(view: ResolvedView, n: number, work: SlicedWork): Soon<readonly BatchBlob[]> {
    const { entities } = view
    const blobs = new Array<BatchBlob>(entities.length).fill(null)
    if (n === 0) return blobs
    const missing: number[] = []
    for (let i = 0; i < entities.length; i++) {
      const kept = this.cache.get(entities[i]!.name)
      if (kept?.n === n) blobs[i] = kept.blob
      else missing.push(i)
    }
    return missing.length === 0 ? blobs : this.load(view, n, missing, blobs, work)
  }

  private load(view: ResolvedView, n: number, missing: readonly number[], blobs: BatchBlob[], work: SlicedWork): Soon<readonly BatchBlob[]> {
    const read = inTurn(partsOf(missing), (part) =>
      after(readUndamaged(part.map((i) => view.entities[i]!.key), (keys) => this.store.readNewest(view.id, n, keys)), (rows) =>
        inSlices(part, () => work.pauseInTime(), (i, at) => {
          blobs[i] = this.verify(view, n, view.entities[i]!, rows[at] ?? null)
        })))
    return after(read, () => blobs)
  }

  private verify({ plan }: ResolvedView, n: number, { name }: ViewEntity, row: StoredBatchRow | Problem | null): BatchBlob {
    if (row !== null && 'code' in row) return row
    const damage = row === null ? null : damageOf(() => verifyBlob(plan, row.blob))
    if (damage !== null) return damage
    const blob = row?.blob ?? null
    this.cache.set(name, { n, blob })
    return blob
  }
}

function partsOf(places: readonly number[]): (readonly number[])[] {
  if (places.length <= READ_COUNT_MAX) return [places]
  return Array.from({ length: Math.ceil(places.length / READ_COUNT_MAX) }, (_, part) => places.slice(part * READ_COUNT_MAX, (part + 1) * READ_COUNT_MAX))
}
