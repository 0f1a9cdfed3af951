// Counts up in a chunk, one write for each number, and looks again whenever nobody knows whether a write was done: what a stream processor
// does, in miniature. Fails where a write is told as refused that was done, or is lost that was acknowledged. The only writer of its bucket.
import { expect } from '@jest/globals'
import type { Revision } from '@tidemark/ports/revision'
import type { BucketKey, BucketWrite, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { untilAvailable } from '@tidemark/ports/testing/until'

const ENTITY = Buffer.from('entity')

export class Counter {
  count = 0
  unknownCount = 0
  /** Writes that may still be done: a server may get to them after their caller has given up, until another write is acknowledged. */
  private readonly unsettled = new Set<number>()
  private revision: Revision | null = null
  private readonly store: SpeedViewStore
  private readonly key: BucketKey

  constructor(store: SpeedViewStore, key: BucketKey) {
    this.store = store
    this.key = key
  }

  async add(): Promise<void> {
    const next = this.count + 1
    let isDone: boolean
    try {
      isDone = await this.store.write(this.key, this.writeOf(next))
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'STORE_UNAVAILABLE') throw error
      this.unknownCount++
      this.unsettled.add(next)
      return this.lookAgain([this.count, ...this.unsettled])
    }
    // A refusal must be for a write that nobody knew of; else it is a lie.
    if (!isDone) return this.lookAgain([...this.unsettled])
    this.unsettled.clear()
    this.count = next
    this.revision = next as Revision
  }

  /** What the store has, once it answers. */
  async stored(): Promise<Revision | null> {
    const [state] = await untilAvailable(async () => this.store.read([{ ...this.key, entities: [ENTITY], partitions: [] }]))
    return state!.entities[0]![0]?.revision ?? null
  }

  private writeOf(next: number): BucketWrite {
    return {
      expected: { fences: [], chunks: [{ entity: ENTITY, chunk: 0, revision: this.revision }] },
      put: { fences: [], chunks: [{ entity: ENTITY, chunk: 0, stored: { revision: next as Revision, bytes: Buffer.from(`${next}`) } }] },
    }
  }

  private async lookAgain(possible: readonly number[]): Promise<void> {
    const revision = await this.stored()
    expect(possible).toContain(Number(revision ?? 0))
    this.count = Number(revision ?? 0)
    this.revision = revision
  }
}

/** Each counts on until `whenOver` is settled, whatever becomes of it; resolves when none counts any more. */
export async function countUntil(counters: readonly Counter[], whenOver: Promise<unknown>): Promise<void> {
  let isOver = false
  const over = whenOver.finally(() => (isOver = true))
  const counting = counters.map(async (counter) => {
    while (!isOver) await counter.add()
  })
  const results = await Promise.allSettled([over, ...counting])
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
