// Serving processes that read batch blobs of one view from one store, through one cache that a test has in its hands.

import { encodeChunk } from '@tidemark/aggregation/testing/encode-chunk'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { StoredBatchRow } from '@tidemark/ports/batch-view-store'
import type { BlobCache, BlobCacheEntry } from '@tidemark/ports/blob-cache'
import { createSteppedClock, type SteppedClock } from '@tidemark/ports/stepped-clock'
import type { Alarm } from '../alarm.ts'
import { BatchBlobs, type BatchBlob } from '../serve/batch-blobs.ts'
import { BatchRows } from '../serve/batch-rows.ts'
import { catalogOf } from '../serve/feature-catalog.ts'
import { Deadlines } from '../serve/deadlines.ts'
import { resolveEntities, resolveNames } from '../serve/feature-request.ts'
import { KnownEntities } from '../serve/known-entities.ts'
import type { PromotedKey } from '../serve/promoted-blob.ts'
import { PromotedBlobs } from '../serve/promoted-blobs.ts'
import { ReadingWork } from '../serve/reading-work.ts'
import { Slices } from '../serve/sliced-work.ts'

const CACHE_SIZE_MAX_BYTES = 1_000_000
const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, features: { clicks: count().over('lifetime') } })
const { plans } = catalogOf(collectDefinitions([clicks, totals]))

/** A blob of the view that differs from those of other numbers. */
export const blobOf = (number: number): Uint8Array => encodeChunk(plans[0]!, { kind: 0, logTimeMs: number, droppedThroughEpoch: -Infinity, panes: [], truncations: [] })

/** A cache in a map that can be told to fail, to say nothing, and to give something else. */
export class HeldCache implements BlobCache {
  readonly kept = new Map<string, Uint8Array>()
  getCount = 0
  putCount = 0
  failure: Error | null = null
  isSilent = false

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | null)[]> {
    this.getCount++
    await this.answer()
    return keys.map((key) => copyOf(this.kept.get(nameOf(key)) ?? null))
  }

  async putMany(entries: readonly BlobCacheEntry[]): Promise<void> {
    this.putCount++
    await this.answer()
    for (const { key, bytes } of entries) this.kept.set(nameOf(key), Uint8Array.from(bytes))
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  private async answer(): Promise<void> {
    if (this.isSilent) await new Promise(() => undefined)
    if (this.failure !== null) throw this.failure
  }
}

const copyOf = (bytes: Uint8Array | null): Uint8Array | null => bytes && Uint8Array.from(bytes)
const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1')

export interface ServingProcess {
  /** Of the users, in their order. */
  read(n: number, users: readonly string[], deadlineAtMs?: number): Promise<readonly BatchBlob[]>
}

/** A store whose rows are as a test says: generation and user -> number of a blob; null: the row is damaged. */
export class BatchReading {
  readonly cache = new HeldCache()
  readonly clock: SteppedClock = createSteppedClock(0)
  readonly alarms: Alarm[] = []
  /** By user. */
  readonly rows = new Map<string, Map<number, number | null>>()
  /** Users that the store was asked for, one after the other. */
  readonly asked: string[] = []
  /** What the store waits for before it answers. */
  storeAnswers: Promise<unknown> = Promise.resolve()
  private readonly slices = new Slices(this.clock)

  set(generation: number, user: string, number: number | null): void {
    this.rows.set(user, (this.rows.get(user) ?? new Map<number, number | null>()).set(generation, number))
  }

  /** With nothing in its memory yet. */
  openProcess({ hasCache = true, keyOf }: { readonly hasCache?: boolean; readonly keyOf?: PromotedKey } = {}): ServingProcess {
    const { clock, cache } = this
    const promoted = new PromotedBlobs({ cache, clock, onAlarm: (alarm) => this.alarms.push(alarm), ...(keyOf && { keyOf }) })
    const blobs = new BatchBlobs(new BatchRows({ readNewest: (_, n, entities) => this.readNewest(n, entities) }, hasCache ? promoted : null), CACHE_SIZE_MAX_BYTES)
    const names = resolveNames({ plans, services: [] }, [{ view: 'totals', feature: 'clicks_lifetime' }])
    const known = new KnownEntities()
    return {
      read: async (n, users, deadlineAtMs = Infinity) => {
        const { views: [view] } = await resolveEntities(names, users.map((user) => ({ user })), known, this.slices)
        return blobs.read(view!, { n, cut: 10 * n }, new ReadingWork(this.slices, new Deadlines(clock), { beganAtMs: 0, deadlineAtMs }))
      },
    }
  }

  /** What the generation has of a user. */
  newest(n: number, user: string): StoredBatchRow | null {
    const generations = [...(this.rows.get(user) ?? [])].filter(([generation]) => generation <= n).sort(([a], [b]) => b - a)
    const [found] = generations
    if (found === undefined) return null
    const blob = blobOf(found[1] ?? 0)
    if (found[1] === null) blob[blob.length - 1]! ^= 1
    return { generation: found[0], blob }
  }

  private async readNewest(n: number, entities: readonly Uint8Array[]): Promise<(StoredBatchRow | null)[]> {
    const users = entities.map((entity) => /:(.*)$/.exec(Buffer.from(entity).toString())![1]!)
    this.asked.push(...users)
    await this.storeAnswers
    return users.map((user) => this.newest(n, user))
  }
}
