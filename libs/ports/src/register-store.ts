// Registers: small values that several processes change, each only by compare-and-set: pointers, seals, the registry of definitions.
// Reads are of the newest value that any compare-and-set wrote before (linearizable).

import type { Revision } from './revision.ts'

export interface Register {
  readonly revision: Revision
  readonly bytes: Uint8Array
}

/** A larger value is refused with a plain error. */
export const REGISTER_SIZE_MAX_BYTES = 1_048_576

export interface RegisterStore extends AsyncDisposable {
  /** null: there is none of this name. STORE_DAMAGED. */
  read(name: string): Promise<Register | null>
  /** Replaces the whole value where it still has the revision (null: where there is none). The new revision; null: somebody was faster. */
  compareAndSet(name: string, expected: Revision | null, bytes: Uint8Array): Promise<Revision | null>
  /** The names that start with the prefix, in order. */
  list(prefix: string): Promise<string[]>
}
