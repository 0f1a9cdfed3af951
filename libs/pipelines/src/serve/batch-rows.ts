// Rows of a pinned generation that this process has not at hand: from the cache that the serving processes share, else from the store. What several
// requests miss at once is read once.

import type { Problem } from '@tidemark/feature-schema/errors'
import type { BatchViewStore, StoredBatchRow } from '@tidemark/ports/batch-view-store'
import { after, type Soon } from '@tidemark/ports/soon'
import { orFailure, readUndamaged } from './damage.ts'
import type { ViewEntity } from './known-entities.ts'
import type { PinnedGeneration } from './promoted-blob.ts'
import type { PromotedBlobs, PromotedRow } from './promoted-blobs.ts'

/** null: the generation has none. A problem: the store holds something else than was written, or does not answer. */
export type BatchRow = StoredBatchRow | null | Problem

export interface FoundRow {
  readonly row: BatchRow
  /** From the cache: where it turns out to be damaged, the store is to be read. */
  readonly isPromoted: boolean
}

/** What of a batch view store is asked of it here. */
export type BatchSide = Pick<BatchViewStore, 'readNewest'>

/** What is under way, for who wants the same. */
interface Flight {
  readonly n: number
  readonly rows: Promise<readonly FoundRow[]>
  readonly at: number
}

export class BatchRows {
  private readonly store: BatchSide
  private readonly promoted: PromotedBlobs | null
  /** By the entity's name. */
  private readonly flights = new Map<string, Flight>()

  constructor(store: BatchSide, promoted: PromotedBlobs | null) {
    this.store = store
    this.promoted = promoted
  }

  /** In the order of the entities: at once where the store is in this process. */
  read(view: string, pin: PinnedGeneration, entities: readonly ViewEntity[]): Soon<readonly FoundRow[]> {
    const flights = entities.map(({ name }) => this.flightOf(name, pin.n))
    const own = entities.filter((_, i) => flights[i] === null)
    const rows = own.length === 0 ? [] : this.readThrough(view, pin, own)
    if (!(rows instanceof Promise) && own.length === entities.length) return rows
    return this.join(pin, own, Promise.resolve(rows), flights)
  }

  /** From the store alone. */
  readStored(view: string, { n }: PinnedGeneration, entities: readonly ViewEntity[]): Soon<readonly BatchRow[]> {
    const rows = readUndamaged(entities.map(({ key }) => key), (keys) => this.store.readNewest(view, n, keys))
    return orFailure(rows, (problem) => entities.map(() => problem))
  }

  /** What was read from the store and found whole, for the other processes. */
  promote(view: string, pin: PinnedGeneration, rows: readonly PromotedRow[]): void {
    this.promoted?.keep(view, pin, rows)
  }

  tellDamage(view: string, { message }: Problem): void {
    this.promoted?.tellDamage(view, message)
  }

  private flightOf(name: string, n: number): Flight | null {
    const flight = this.flights.get(name)
    return flight?.n === n ? flight : null
  }

  private async join({ n }: PinnedGeneration, own: readonly ViewEntity[], rows: Promise<readonly FoundRow[]>, flights: readonly (Flight | null)[]): Promise<readonly FoundRow[]> {
    const ownFlights = own.map((_, at): Flight => ({ n, rows, at }))
    for (const [at, { name }] of own.entries()) this.flights.set(name, ownFlights[at]!)
    try {
      const ownRows = (await rows).values()
      const found: FoundRow[] = []
      for (const flight of flights) found.push(flight === null ? ownRows.next().value! : (await flight.rows)[flight.at]!)
      return found
    } finally {
      for (const [at, { name }] of own.entries()) if (this.flights.get(name) === ownFlights[at]) this.flights.delete(name)
    }
  }

  private readThrough(view: string, pin: PinnedGeneration, entities: readonly ViewEntity[]): Soon<readonly FoundRow[]> {
    if (this.promoted === null) return after(this.readStored(view, pin, entities), (rows) => rows.map(asStored))
    return this.readPromoted(this.promoted, view, pin, entities)
  }

  private async readPromoted(promoted: PromotedBlobs, view: string, pin: PinnedGeneration, entities: readonly ViewEntity[]): Promise<readonly FoundRow[]> {
    const kept = await promoted.read(view, pin, entities.map(({ key }) => key))
    const missing = entities.filter((_, i) => kept[i] === undefined)
    const stored = (missing.length === 0 ? [] : await this.readStored(view, pin, missing)).values()
    return kept.map((row) => (row === undefined ? asStored(stored.next().value!) : { row, isPromoted: true }))
  }
}

const asStored = (row: BatchRow): FoundRow => ({ row, isPromoted: false })
