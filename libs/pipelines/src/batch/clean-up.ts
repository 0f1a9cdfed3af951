// Removes what no pointer can need any more: of each entity the rows that are older than its newest one at or below the floor, and then
// the staged objects of generations below the floor. It is found through write-sets, never by reading all entities.
//
// Which rows may go. A pointer never goes below its floor, and the floor never falls. The floor was read longer ago than a pin may
// live, so every reader that is still at work pinned a generation at or above it, and finds for each entity its newest row at or below
// the floor, or a newer one.
//
// Which write-sets may go. An entity has an older row below the floor only where a generation up to the floor wrote it again, and that
// one's write-set names it. So a generation's write-set is worked off once, when the floor has reached it, and no later floor needs it. No
// purge needs it either: a number up to the floor is void only where it was so before the floor's generation was published, which
// purged it. The floor's own write-set stays, because a run on that base compares its figures with it.

import type { RegisterStore } from '@tidemark/ports/register-store'
import { PIN_LEASE_MS, readPointer, type Pointer } from '../pointer.ts'
import { BATCH_RULES, type BatchRules } from './batch-rules.ts'
import { ENTITIES_PER_READ, type RowStores } from './generation-rows.ts'
import { findPart, readWriteSet, stagedNumber, stagedPrefix, writeSetKey } from './staged-generation.ts'

export interface CleanerOptions {
  readonly stores: RowStores & { readonly registers: RegisterStore }
  /** `airport_delays@1` */
  readonly view: string
  readonly leaseMs?: number
  readonly rules?: BatchRules
}

export type CleanerStep =
  /** The floor has not risen since it was worked off. */
  | { readonly kind: 'idle' }
  /** Nothing to do before then, by the steady clock. */
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'working' }

export interface Cleaner {
  /** One bounded piece of work. After a step that throws it starts over with the pointer. */
  step(): Promise<CleanerStep>
}

export function createCleaner(options: CleanerOptions): Cleaner {
  const work = new CleanUp(options)
  let round: AsyncGenerator<CleanerStep> | null = null
  return {
    async step() {
      round ??= work.round()
      try {
        const { done, value } = await round.next()
        if (done === true || value.kind === 'idle') round = null
        return done === true ? { kind: 'working' } : value
      } catch (error) {
        round = null
        throw error
      }
    },
  }
}

class CleanUp {
  private readonly stores: CleanerOptions['stores']
  private readonly view: string
  private readonly leaseMs: number
  private readonly rules: BatchRules
  private cleanedFloor = 0

  constructor({ stores, view, leaseMs = PIN_LEASE_MS, rules = BATCH_RULES }: CleanerOptions) {
    this.stores = stores
    this.view = view
    this.leaseMs = leaseMs
    this.rules = rules
  }

  /** From one reading of the pointer until everything below its floor is gone. */
  async *round(): AsyncGenerator<CleanerStep> {
    const { clock, registers, objects } = this.stores
    const { pointer } = await readPointer(registers, this.view)
    // After the read: a pin that is older than this one may be of a lower floor, and is over by then.
    const readAtMs = clock.steadyMs()
    const { floor } = pointer
    if (floor === this.cleanedFloor) {
      yield { kind: 'idle' }
      return
    }
    while (!this.rules.mayClean(readAtMs, clock.steadyMs(), this.leaseMs)) yield { kind: 'waiting', untilMs: readAtMs + this.leaseMs + 1 }
    for (const [n, keys] of await this.stagedThrough(pointer)) {
      for await (const entities of this.entitiesOf(n)) {
        await this.removeOlder(entities, floor)
        yield { kind: 'working' }
      }
      if (n === floor) continue
      // The write-set first: what is no longer named may be half gone, and is found here again by its keys.
      for (const key of [writeSetKey(this.view, n), ...keys]) await objects.remove(key)
      yield { kind: 'working' }
    }
    this.cleanedFloor = floor
  }

  /** The generations up to the floor that have staged objects, with their keys, by number. */
  private async stagedThrough({ floor, purge }: Pointer): Promise<[number, string[]][]> {
    const staged = new Map<number, string[]>()
    for await (const key of this.stores.objects.list(stagedPrefix(this.view))) {
      const n = stagedNumber(this.view, key)
      if (n === null || n > floor || purge.some((entry) => entry.n === n)) continue
      staged.set(n, [...(staged.get(n) ?? []), key])
    }
    return [...staged].sort(([a], [b]) => a - b)
  }

  /**
   * The entities that a generation's write-set names, a part at a time. A part may be gone: another clean-up took it, or one that found no
   * write-set, which a run that was void by then recorded afterwards, and loaded nothing. Were it lost otherwise, some old rows would stay.
   */
  private async *entitiesOf(n: number): AsyncGenerator<readonly Uint8Array[]> {
    const { objects } = this.stores
    const writeSet = await readWriteSet(objects, this.view, n)
    for (const part of writeSet?.parts ?? []) {
      const rows = await findPart(objects, part)
      if (rows !== null) yield rows.map(({ entity }) => entity)
    }
  }

  private async removeOlder(entities: readonly Uint8Array[], floor: number): Promise<void> {
    const { views } = this.stores
    for (let from = 0; from < entities.length; from += ENTITIES_PER_READ) {
      const asked = entities.slice(from, from + ENTITIES_PER_READ)
      const older = new Map<number, Uint8Array[]>()
      for (const [i, generations] of (await views.generationsOf(this.view, asked)).entries()) {
        const [, ...superseded] = generations.filter((n) => n <= floor)
        for (const n of superseded) older.set(n, [...(older.get(n) ?? []), asked[i]!])
      }
      for (const [n, gone] of older) await views.remove(this.view, n, gone)
    }
  }
}
