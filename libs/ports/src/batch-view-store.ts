// The store of batch views: for each entity of a view the blob of each generation that changed it. A reader pinned to generation n reads
// the newest blob at or below it. Numbers of generations are never used twice, and what was removed never comes back, whoever is late.

import type { Soon } from './soon.ts'

export interface BatchRow {
  readonly entity: Uint8Array
  readonly blob: Uint8Array
}

export interface StoredBatchRow {
  readonly generation: number
  readonly blob: Uint8Array
}

export interface BatchViewStore extends AsyncDisposable {
  /** Writes rows of a generation; twice is once. Rows that `remove` named stay removed. Visible to `readNewest` when it resolves. */
  write(view: string, generation: number, rows: readonly BatchRow[]): Promise<void>
  /** Removes the entities' rows of a generation, those that are still to be written too: it outranks every write. */
  remove(view: string, generation: number, entities: readonly Uint8Array[]): Promise<void>
  /**
   * The newest row at or below the generation, for each entity; null: there is none. At once where the store is in this process. STORE_DAMAGED where a row
   * of one of them is: whoever asks for the others alone is answered.
   */
  readNewest(view: string, throughGeneration: number, entities: readonly Uint8Array[]): Soon<readonly (StoredBatchRow | null)[]>
  /** The generations of which each entity has a row, newest first. */
  generationsOf(view: string, entities: readonly Uint8Array[]): Promise<readonly (readonly number[])[]>
}
