// Speed views in memory: one immutable state for each bucket, replaced as a whole. Earlier states are kept as long as a test wants to be
// able to fail over to them, as a replica does that has not got the last acknowledged writes.

import type { BucketKey, BucketQuestion, BucketState, BucketWrite, EntityChunks, SpeedViewStore, StoredChunk } from '@tidemark/ports/speed-view-store'
import { CHUNKS_PER_ENTITY } from '@tidemark/ports/speed-view-store'
import { assertBucketWrite } from '@tidemark/ports/speed-write-keys'
import type { Revision } from '@tidemark/ports/revision'

export interface MemorySpeedViewStoreOptions {
  /** Earlier states of each bucket that a fail-over can go back to; default: 0. */
  readonly historyCountMax?: number
}

interface StoredEntity {
  readonly entity: Uint8Array
  readonly chunks: EntityChunks
}

/** Never changed once it is in the store. */
interface Bucket {
  readonly record: Uint8Array | null
  readonly fences: ReadonlyMap<number, Uint8Array>
  /** By the entity's bytes as latin1. */
  readonly entities: ReadonlyMap<string, StoredEntity>
}

const EMPTY_BUCKET: Bucket = { record: null, fences: new Map(), entities: new Map() }
const NO_CHUNKS: EntityChunks = new Array<null>(CHUNKS_PER_ENTITY).fill(null)

/** A store that lives as long as this object. One object is every client of it. */
export class MemorySpeedViewStore implements SpeedViewStore {
  private readonly buckets = new Map<string, Bucket>()
  private readonly history = new Map<string, Bucket[]>()
  private readonly heartbeatsByView = new Map<string, Map<number, Uint8Array>>()
  private readonly historyCountMax: number

  constructor({ historyCountMax = 0 }: MemorySpeedViewStoreOptions = {}) {
    this.historyCountMax = historyCountMax
  }

  async read(questions: readonly BucketQuestion[]): Promise<readonly BucketState[]> {
    return questions.map((question) => {
      const { record, fences, entities } = this.bucketOf(question)
      return {
        record,
        fences: question.partitions.map((partition) => fences.get(partition) ?? null),
        entities: question.entities.map((entity) => entities.get(nameOf(entity))?.chunks ?? NO_CHUNKS),
      }
    })
  }

  async write(key: BucketKey, write: BucketWrite): Promise<boolean> {
    assertBucketWrite(key, write)
    const bucket = this.bucketOf(key)
    if (!isAsExpected(bucket, write.expected)) return false
    this.replace(key, withPut(bucket, write.put))
    return true
  }

  async remove(key: BucketKey, entity: Uint8Array, revisions: readonly (Revision | null)[]): Promise<boolean> {
    const bucket = this.bucketOf(key)
    const chunks = bucket.entities.get(nameOf(entity))?.chunks ?? NO_CHUNKS
    if (chunks.some((stored, chunk) => (stored?.revision ?? null) !== (revisions[chunk] ?? null))) return false
    const entities = new Map(bucket.entities)
    if (entities.delete(nameOf(entity))) this.replace(key, { ...bucket, entities })
    return true
  }

  async discard(key: BucketKey, expected: BucketWrite['expected']): Promise<boolean> {
    const bucket = this.bucketOf(key)
    if (!isAsExpected(bucket, expected)) return false
    if (bucket !== EMPTY_BUCKET) this.replace(key, EMPTY_BUCKET)
    return true
  }

  async *scan(key: BucketKey): AsyncIterable<StoredEntity> {
    yield* this.bucketOf(key).entities.values()
  }

  async putHeartbeats(view: string, heartbeats: ReadonlyMap<number, Uint8Array>): Promise<void> {
    const kept = this.heartbeatsByView.get(view) ?? new Map<number, Uint8Array>()
    for (const [partition, bytes] of heartbeats) kept.set(partition, copyOf(bytes))
    this.heartbeatsByView.set(view, kept)
  }

  async heartbeats(view: string): Promise<ReadonlyMap<number, Uint8Array>> {
    return new Map(this.heartbeatsByView.get(view))
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  // ---- What happens to real stores -----------------------------------------------------------------------------------------

  /** The buckets that were ever written, in the order of their first writes. */
  writtenBuckets(): BucketKey[] {
    return [...this.buckets.keys()].map(keyOfName)
  }

  /** Puts a bucket back to its state before the last so many changes: they were acknowledged, and are lost. false: not so many are kept. */
  failOver(key: BucketKey, lostCount: number): boolean {
    const history = this.history.get(nameOfBucket(key)) ?? []
    if (lostCount < 1 || history.length < lostCount) return false
    this.buckets.set(nameOfBucket(key), history.splice(-lostCount)[0]!)
    return true
  }

  /** Empties a bucket, as somebody does who rebuilds it. */
  wipe(key: BucketKey): void {
    this.replace(key, EMPTY_BUCKET)
  }

  // ---- What they are made of -----------------------------------------------------------------------------------------------

  private bucketOf(key: BucketKey): Bucket {
    return this.buckets.get(nameOfBucket(key)) ?? EMPTY_BUCKET
  }

  private replace(key: BucketKey, bucket: Bucket): void {
    const name = nameOfBucket(key)
    if (this.historyCountMax > 0) {
      const history = this.history.get(name) ?? []
      history.push(this.bucketOf(key))
      if (history.length > this.historyCountMax) history.shift()
      this.history.set(name, history)
    }
    this.buckets.set(name, bucket)
  }
}

function isAsExpected({ record, fences, entities }: Bucket, expected: BucketWrite['expected']): boolean {
  if (expected.record !== undefined && !isSame(record, expected.record)) return false
  for (const { partition, bytes } of expected.fences) if (!isSame(fences.get(partition) ?? null, bytes)) return false
  for (const { entity, chunk, revision } of expected.chunks) {
    if ((entities.get(nameOf(entity))?.chunks[chunk]?.revision ?? null) !== revision) return false
  }
  return true
}

function withPut(bucket: Bucket, put: BucketWrite['put']): Bucket {
  const fences = put.fences.length === 0 ? bucket.fences : new Map(bucket.fences)
  for (const { partition, bytes } of put.fences) (fences as Map<number, Uint8Array>).set(partition, copyOf(bytes))
  const entities = put.chunks.length === 0 ? bucket.entities : new Map(bucket.entities)
  for (const { entity, chunk, stored } of put.chunks) {
    const name = nameOf(entity)
    const before = entities.get(name)
    const chunks: (StoredChunk | null)[] = [...(before?.chunks ?? NO_CHUNKS)]
    chunks[chunk] = { revision: stored.revision, bytes: copyOf(stored.bytes) }
    ;(entities as Map<string, StoredEntity>).set(name, { entity: before?.entity ?? copyOf(entity), chunks })
  }
  return { record: put.record === undefined ? bucket.record : copyOf(put.record), fences, entities }
}

function isSame(stored: Uint8Array | null, expected: Uint8Array | null): boolean {
  if (stored === null || expected === null) return stored === expected
  return Buffer.compare(stored, expected) === 0
}

function nameOfBucket({ view, bucket }: BucketKey): string {
  return `${bucket} ${view}`
}

function keyOfName(name: string): BucketKey {
  const space = name.indexOf(' ')
  return { view: name.slice(space + 1), bucket: Number(name.slice(0, space)) }
}

function nameOf(entity: Uint8Array): string {
  return Buffer.from(entity.buffer, entity.byteOffset, entity.byteLength).toString('latin1')
}

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes)
}
