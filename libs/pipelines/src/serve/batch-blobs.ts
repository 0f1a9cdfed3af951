// Batch blobs of a pinned generation: from memory where they were read before, else from the store. What a generation says of an entity
// never changes while it can be pinned, so that nothing here is ever stale; absence is kept too.

import { verifyBlob } from '@tidemark/aggregation/batch-blob'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { Problem } from '@tidemark/feature-schema/errors'
import { LRUCache } from 'lru-cache'
import { damageOf } from './damage.ts'
import type { ResolvedView, ViewEntity } from './feature-request.ts'

/** What an entry costs besides its blob. */
const ENTRY_SIZE_BYTES = 200
const ABSENT: Uint8Array = new Uint8Array(0)

/** null: the generation has none. A problem: it is damaged. */
export type BatchBlob = Uint8Array | null | Problem

export class BatchBlobCache {
  private readonly store: BatchViewStore
  private readonly cache: LRUCache<string, Uint8Array>

  constructor(store: BatchViewStore, sizeMaxBytes: number) {
    this.store = store
    this.cache = new LRUCache({ maxSize: sizeMaxBytes, sizeCalculation: ({ byteLength }) => byteLength + ENTRY_SIZE_BYTES })
  }

  /** The blobs of a view's entities, verified, in their order. Throws what the store throws. */
  async read({ plan, id, entities }: ResolvedView, n: number): Promise<readonly BatchBlob[]> {
    if (n === 0) return entities.map(() => null)
    const blobs: BatchBlob[] = []
    const missing: number[] = []
    for (const [i, entity] of entities.entries()) {
      const found = this.cache.get(cacheKey(id, n, entity))
      blobs.push(found === undefined || found === ABSENT ? null : found)
      if (found === undefined) missing.push(i)
    }
    if (missing.length > 0) await this.load(plan, id, n, entities, missing, blobs)
    return blobs
  }

  private async load(plan: ViewPlan, id: string, n: number, entities: readonly ViewEntity[], missing: readonly number[], blobs: BatchBlob[]): Promise<void> {
    const rows = await this.store.readNewest(id, n, missing.map((i) => entities[i]!.key))
    for (const [at, i] of missing.entries()) {
      const blob = rows[at]?.blob ?? null
      blobs[i] = blob === null ? null : (damageOf(() => verifyBlob(plan, blob)) ?? blob)
      if (blob === null || blobs[i] === blob) this.cache.set(cacheKey(id, n, entities[i]!), blob ?? ABSENT)
    }
  }
}

function cacheKey(id: string, n: number, { key }: ViewEntity): string {
  return `${id} ${n} ${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')}`
}
