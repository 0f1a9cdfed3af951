// Batch blobs of a pinned generation: from memory where they were read before, else from the cache that serving processes share, else from the
// store. What a generation says of an entity never changes while it can be pinned, so that nothing here is ever stale; absence is kept too.

import { verifyBlob } from '@tidemark/aggregation/batch-blob'
import { after, inTurn, type Soon } from '@tidemark/ports/soon'
import type { Problem } from '@tidemark/feature-schema/errors'
import { LRUCache } from 'lru-cache'
import type { BatchRow, BatchRows, FoundRow } from './batch-rows.ts'
import { damageOf, orFailure } from './damage.ts'
import type { ResolvedView } from './feature-request.ts'
import type { PinnedGeneration } from './promoted-blob.ts'
import type { PromotedRow } from './promoted-blobs.ts'
import type { BlobPlace } from './serve-figures.ts'
import type { ReadingWork } from './reading-work.ts'
import { inSlices } from './sliced-work.ts'

/** What an entry costs besides its blob. */
const ENTRY_SIZE_BYTES = 200
/** Entities that the store is asked for at a time: a store in this process reads them without a pause. */
const READ_COUNT_MAX = 128

/** null: the generation has none. A problem: it is damaged, or was not read. */
export type BatchBlob = Uint8Array | null | Problem

/** What a generation has of an entity. */
interface KeptBlob {
  readonly n: number
  readonly blob: Uint8Array | null
}

export class BatchBlobs {
  private readonly rows: BatchRows
  /** By entity, of the generation that was last read: all requests of a moment read the same. */
  private readonly cache: LRUCache<string, KeptBlob>

  private readonly counts: Record<BlobPlace, number>

  constructor(rows: BatchRows, sizeMaxBytes: number, counts: Record<BlobPlace, number> = { memory: 0, cache: 0, store: 0 }) {
    this.rows = rows
    this.counts = counts
    this.cache = new LRUCache({ maxSize: sizeMaxBytes, sizeCalculation: ({ blob }) => (blob?.byteLength ?? 0) + ENTRY_SIZE_BYTES })
  }

  /** The blobs of a view's entities, verified, in their order: at once where all are at hand. Throws DeadlinePassed. */
  read(view: ResolvedView, pin: PinnedGeneration, work: ReadingWork): Soon<readonly BatchBlob[]> {
    const { entities } = view
    const blobs = new Array<BatchBlob>(entities.length).fill(null)
    if (pin.n === 0) return blobs
    const missing: number[] = []
    for (let i = 0; i < entities.length; i++) {
      const kept = this.cache.get(entities[i]!.name)
      if (kept?.n === pin.n) blobs[i] = kept.blob
      else missing.push(i)
    }
    this.counts.memory += entities.length - missing.length
    if (missing.length === 0) return blobs
    return after(inTurn(partsOf(missing), (part) => this.load(view, pin, part, blobs, work)), () => blobs)
  }

  private load(view: ResolvedView, pin: PinnedGeneration, part: readonly number[], blobs: BatchBlob[], work: ReadingWork): Soon<void> {
    const reading = work.inTime(this.rows.read(view.id, pin, part.map((i) => view.entities[i]!)), `batch view ${view.id}`)
    return after(orFailure(reading, (row) => part.map((): FoundRow => ({ row, isPromoted: false }))), (found) => {
      const damagedOfCache: number[] = []
      const verified = inSlices(part, () => work.pauseInTime(), (i, at) => {
        const { row, isPromoted } = found[at]!
        this.counts[isPromoted ? 'cache' : 'store']++
        blobs[i] = this.verify(view, pin, i, row)
        if (isPromoted && isProblem(blobs[i]!)) damagedOfCache.push(i)
      })
      return after(verified, () => {
        this.promote(view, pin, part, blobs, found)
        return damagedOfCache.length === 0 ? undefined : this.loadStored(view, pin, damagedOfCache, blobs, work)
      })
    })
  }

  /** In the place of what the cache has damaged. */
  private loadStored(view: ResolvedView, pin: PinnedGeneration, damaged: readonly number[], blobs: BatchBlob[], work: ReadingWork): Soon<void> {
    this.rows.tellDamage(view.id, blobs[damaged[0]!] as Problem)
    const reading = work.inTime(this.rows.readStored(view.id, pin, damaged.map((i) => view.entities[i]!)), `batch view ${view.id}`)
    return after(orFailure(reading, (problem) => damaged.map(() => problem)), (rows) => {
      for (const [at, i] of damaged.entries()) blobs[i] = this.verify(view, pin, i, rows[at]!)
      this.promote(view, pin, damaged, blobs, rows.map((row) => ({ row, isPromoted: false })))
    })
  }

  private verify({ plan, entities }: ResolvedView, { n }: PinnedGeneration, i: number, row: BatchRow): BatchBlob {
    if (isProblem(row)) return row
    const damage = row === null ? null : damageOf(() => verifyBlob(plan, row.blob))
    if (damage !== null) return damage
    const blob = row?.blob ?? null
    this.cache.set(entities[i]!.name, { n, blob })
    return blob
  }

  private promote({ id, entities }: ResolvedView, pin: PinnedGeneration, part: readonly number[], blobs: readonly BatchBlob[], found: readonly FoundRow[]): void {
    const rows = part.flatMap((i, at): PromotedRow[] => {
      const { row, isPromoted } = found[at]!
      return isPromoted || isProblem(row) || isProblem(blobs[i]!) ? [] : [{ entity: entities[i]!.key, row }]
    })
    this.rows.promote(id, pin, rows)
  }
}

function isProblem(blob: BatchBlob | BatchRow): blob is Problem {
  return blob !== null && 'code' in blob
}

function partsOf(places: readonly number[]): (readonly number[])[] {
  if (places.length <= READ_COUNT_MAX) return [places]
  return Array.from({ length: Math.ceil(places.length / READ_COUNT_MAX) }, (_, part) => places.slice(part * READ_COUNT_MAX, (part + 1) * READ_COUNT_MAX))
}
