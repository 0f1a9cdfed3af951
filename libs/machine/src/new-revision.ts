// Revisions from the system's randomness, drawn many at a time: a draw of its own for each would cost more than the write it is for.

import { randomFillSync } from 'node:crypto'
import type { NewRevision, Revision } from '@tidemark/ports/revision'

const POOL_COUNT = 1_024

/** Makes revisions of 53 random bits. */
export function createNewRevision(): NewRevision {
  const pool = new Uint32Array(2 * POOL_COUNT)
  let used = pool.length
  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    const high = pool[used]! >>> 11
    const low = pool[used + 1]!
    used += 2
    return (high * 2 ** 32 + low) as Revision
  }
}
