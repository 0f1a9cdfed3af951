// Batch blobs in a cache that the serving processes share: what one has read from the store, the others need not. An answer never waits for it for
// longer than a moment, and never fails of it: what it does not give in time, or gives damaged, is read from the store.

import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { StoredBatchRow } from '@tidemark/ports/batch-view-store'
import type { BlobCache } from '@tidemark/ports/blob-cache'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { OnAlarm } from '../alarm.ts'
import { Breaker } from './breaker.ts'
import { Deadlines } from './deadlines.ts'
import { decodePromoted, encodePromoted, promotedKey, type PinnedGeneration, type PromotedKey } from './promoted-blob.ts'

/** Of a read; a store in the same data centre takes less. */
const READ_MAX_MS = 20
/** An entity with a longer key is read from the store. */
const ENTITY_SIZE_MAX_BYTES = 4_096
/** Calls that keep something; while so many are under way, what else was read is not kept. */
const PUTS_AT_ONCE_MAX = 32
/** Between two alarms about damage, which may be in every value. */
const DAMAGE_ALARM_PAUSE_MS = 60_000

export interface PromotedBlobsOptions {
  readonly cache: BlobCache
  readonly clock: WaitingClock
  readonly onAlarm?: OnAlarm | undefined
  readonly keyOf?: PromotedKey
}

/** A row to keep; null: the generation has none. */
export interface PromotedRow {
  readonly entity: Uint8Array
  readonly row: StoredBatchRow | null
}

export class PromotedBlobs {
  private readonly cache: BlobCache
  private readonly onAlarm: OnAlarm
  private readonly keyOf: PromotedKey
  private readonly clock: WaitingClock
  private readonly breaker: Breaker
  private readonly deadlines: Deadlines
  private putCount = 0
  private damageToldMs = -Infinity

  constructor({ cache, clock, onAlarm = () => undefined, keyOf = promotedKey }: PromotedBlobsOptions) {
    this.cache = cache
    this.clock = clock
    this.onAlarm = onAlarm
    this.keyOf = keyOf
    this.breaker = new Breaker(clock)
    this.deadlines = new Deadlines(clock)
  }

  get isClosed(): boolean {
    return this.breaker.isOpen
  }

  /** In the order of the entities; null: the generation has none of it; undefined: that has to be read from the store. Never throws. */
  async read(view: string, pin: PinnedGeneration, entities: readonly Uint8Array[]): Promise<readonly (StoredBatchRow | null | undefined)[]> {
    if (!this.breaker.admits()) return entities.map(() => undefined)
    const asked = entities.map((entity) => (isShort(entity) ? this.keyOf(view, pin, entity) : null))
    try {
      const found = (await this.inTime(this.cache.getMany(asked.filter((key) => key !== null)))).values()
      this.breaker.succeeded()
      return asked.map((key) => (key === null ? undefined : this.rowOf(view, key, found.next().value ?? null)))
    } catch (error) {
      this.hasFailed(error)
      return entities.map(() => undefined)
    }
  }

  /** In the background. */
  keep(view: string, pin: PinnedGeneration, rows: readonly PromotedRow[]): void {
    if (rows.length === 0 || this.putCount >= PUTS_AT_ONCE_MAX || !this.breaker.admits()) return
    this.putCount++
    const entries = rows.filter(({ entity }) => isShort(entity)).map(({ entity, row }) => {
      const key = this.keyOf(view, pin, entity)
      return { key, bytes: encodePromoted(key, row) }
    })
    this.cache.putMany(entries).then(() => this.breaker.succeeded(), (error: unknown) => this.hasFailed(error)).finally(() => this.putCount--)
  }

  /** A value that was read is not what was put. */
  tellDamage(view: string, reason: string): void {
    const steadyMs = this.clock.steadyMs()
    if (steadyMs - this.damageToldMs < DAMAGE_ALARM_PAUSE_MS) return
    this.damageToldMs = steadyMs
    this.onAlarm({
      code: 'STORE_DAMAGED', where: `cache of batch blobs, view ${view}`,
      message: `A value cannot be used (${reason}). The store is read in its place. Where it is of a later release, it goes by itself; otherwise see who else writes to the cache, and empty it.`,
    })
  }

  private rowOf(view: string, key: Uint8Array, value: Uint8Array | null): StoredBatchRow | null | undefined {
    if (value === null) return undefined
    const row = decodePromoted(key, value)
    if (typeof row !== 'string') return row
    this.tellDamage(view, row)
    return undefined
  }

  private hasFailed(error: unknown): void {
    if (!this.breaker.failed()) return
    const { code, message, where }: Pick<Problem, 'code' | 'message' | 'where'> = error instanceof TidemarkError ? error.problems[0]! : { code: 'STORE_UNAVAILABLE', message: String(error), where: 'cache of batch blobs' }
    this.onAlarm({ code, where, message: `Batch blobs are read without their cache, and it is tried again now and then: ${message}` })
  }

  /** Throws STORE_UNAVAILABLE after a moment; what comes later is let go. */
  private inTime<T>(promise: Promise<T>): Promise<T> {
    return this.deadlines.until(promise, this.clock.steadyMs() + READ_MAX_MS, () => Promise.reject(new TidemarkError([
      { code: 'STORE_UNAVAILABLE', message: `It did not answer within ${READ_MAX_MS} ms.`, where: 'cache of batch blobs', action: 'Look at the server.' },
    ])))
  }
}

function isShort(entity: Uint8Array): boolean {
  return entity.length <= ENTITY_SIZE_MAX_BYTES
}
