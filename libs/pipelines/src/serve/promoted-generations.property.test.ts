// Law 5 through a cache that processes share: whatever is published, rolled back to, voided, evicted and damaged, a request has what the generation of
// its pin says. A key that leaves out what it is of is found by the same histories.
import { describe, expect, it } from '@jest/globals'
import { forSeeds, seededChance } from '@tidemark/ports/testing/store-cases'
import { BatchReading, blobOf } from '../testing/batch-reading.ts'
import { promotedKey, type PromotedKey } from './promoted-blob.ts'

const USERS = ['ada', 'bea', 'cid', 'eve']
const STEPS = 120
const FLOOR_BEHIND = 2

/** A view's pointer: the generations that it may name, oldest first, and the next number. */
class Pointer {
  lineage = [1]
  next = 2

  get n(): number {
    return this.lineage.at(-1)!
  }
}

/** Each answer beside what the store has of that generation; the first that differs. */
async function findWrong(chance: () => number, keyOf: PromotedKey): Promise<string | null> {
  const below = (count: number): number => Math.floor(chance() * count)
  const reading = new BatchReading()
  const pointer = new Pointer()
  let blobCount = 0
  const write = (n: number): void => {
    for (const user of USERS) if (below(3) === 0) reading.set(n, user, ++blobCount)
  }
  write(1)
  const processes = Array.from({ length: 3 }, () => reading.openProcess({ keyOf }))
  for (let step = 0; step < STEPS; step++) {
    const dice = below(20)
    if (dice === 0) {
      // What lies above the base is void, and removed before another is published.
      for (const rows of reading.rows.values()) for (const generation of rows.keys()) if (generation > pointer.n) rows.delete(generation)
      pointer.lineage.push(pointer.next)
      write(pointer.next++)
    } else if (dice === 1 && pointer.lineage.length > 1) pointer.lineage = pointer.lineage.slice(0, -(1 + below(Math.min(FLOOR_BEHIND, pointer.lineage.length - 1))))
    else if (dice === 2) processes[below(3)] = reading.openProcess({ keyOf })
    else if (dice === 3) for (const name of reading.cache.kept.keys()) if (below(2)) reading.cache.kept.delete(name)
    if (dice === 4) for (const value of reading.cache.kept.values()) if (below(4) === 0) value[below(value.length)]! ^= 1 << below(8)
    // Somebody may have pinned a moment ago.
    const pinned = pointer.lineage.slice(-2)
    const n = pinned[below(pinned.length)]!
    const users = USERS.filter(() => below(2))
    const answers = await processes[below(3)]!.read(n, users)
    for (const [i, user] of users.entries()) {
      const expected = reading.newest(n, user)?.blob ?? null
      const answer = answers[i]!
      if (answer !== null && 'code' in answer) return `step ${step}: ${user} at ${n} is ${answer.code}`
      if (Buffer.compare(answer ?? blobOf(-1), expected ?? blobOf(-1)) !== 0) return `step ${step}: ${user} at ${n} is not what the store has`
    }
  }
  return null
}

describe('batch blobs that processes share', () => {
  it('are those of the pinned generation', async () => {
    await forSeeds(40, async (chance) => {
      expect(await findWrong(chance, promotedKey)).toBeNull()
    })
  })

  it.each<[string, PromotedKey]>([
    ['the generation', (view, { n: _, cut }, entity) => promotedKey(view, { n: 0, cut: 0 * cut }, entity)],
    ['the entity', (view, pin) => promotedKey(view, pin, new Uint8Array(0))],
  ])('are wrong where their key leaves out %s', async (_, keyOf) => {
    const found = []
    for (let seed = 1; seed <= 10; seed++) if ((await findWrong(seededChance(seed), keyOf)) !== null) found.push(seed)
    expect(found.length).toBeGreaterThan(5)
  })
})
