// The speed state of a view's entities: one question a bucket, then entity by entity what the merge needs to know. A state that was verified
// before is not verified again: it is kept in memory and given to the store, which gives the same object back where nothing was written since.

import { AT_DROPPED, AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { BucketState, EntityChunks, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { LRUCache } from 'lru-cache'
import { decodeBucketRecord, type BucketRecord } from '../log/bucket-record.ts'
import { damageOf } from './damage.ts'
import type { ResolvedView, ViewEntity } from './feature-request.ts'
import type { SlicedWork } from './sliced-work.ts'

/** What an entry costs besides its chunks. */
const ENTRY_SIZE_BYTES = 500
/** Entities that the store is asked for at a time, or those of one bucket: a store in this process reads them without a pause. */
const READ_COUNT_MAX = 128

export interface SpeedChunksRead {
  /** By entity, in the order of the view: its chunks, verified; a problem where one is damaged. */
  readonly chunks: readonly (readonly Uint8Array[] | Problem)[]
  /** The epoch through which sections are gone from any of them, or never were in their bucket; -Infinity: none. */
  readonly goneThroughEpoch: number
  /** The buckets that may lack events which they once had, or should have: they are being replayed from the log. */
  readonly replayedBuckets: readonly number[]
  /** The newest append time in them; -Infinity: none. */
  readonly logTimeMs: number
  /** The buckets that were read, with their states: for explain. */
  readonly buckets: ReadonlyMap<number, BucketState>
}

/** An entity's chunks that were verified, and what their heads say. */
interface VerifiedState {
  readonly plan: ViewPlan
  readonly stored: EntityChunks
  readonly chunks: readonly Uint8Array[]
  readonly goneThroughEpoch: number
  readonly logTimeMs: number
}

/** Whether the chunks that a store gives are the ones that were verified. A store makes an object of its own for each state. */
export type IsSameState = (known: EntityChunks, read: EntityChunks) => boolean

export const isSameState: IsSameState = (known, read) => known === read

/** Whether a bucket is being replayed; null: it has no record, since it was discarded or nobody took it up yet. */
export type IsReplaying = (record: BucketRecord | null) => boolean

export const isReplaying: IsReplaying = (record) => record === null || record.replaying.length > 0

export interface SpeedChunkReaderOptions {
  readonly store: SpeedViewStore
  readonly cacheSizeMaxBytes: number
  readonly isSame: IsSameState
  readonly isReplaying: IsReplaying
}

export class SpeedChunkReader {
  private readonly store: SpeedViewStore
  private readonly isSame: IsSameState
  private readonly isReplaying: IsReplaying
  private readonly verified: LRUCache<string, VerifiedState>

  constructor({ store, cacheSizeMaxBytes, isSame, isReplaying: ofRecord }: SpeedChunkReaderOptions) {
    this.store = store
    this.isSame = isSame
    this.isReplaying = ofRecord
    this.verified = new LRUCache({ maxSize: cacheSizeMaxBytes, sizeCalculation: ({ chunks }) => chunks.reduce((sum, { byteLength }) => sum + byteLength, ENTRY_SIZE_BYTES) })
  }

  /** Throws STORE_DAMAGED, what the store throws, and DeadlinePassed. `partitions`: those whose fences are read too. */
  async read(view: ResolvedView, partitions: readonly number[], work: SlicedWork): Promise<SpeedChunksRead> {
    const { id, entities } = view
    const known = entities.map((entity) => this.verified.get(stateName(id, entity)))
    const chunks = new Array<readonly Uint8Array[] | Problem>(entities.length)
    const buckets = new Map<number, BucketState>()
    const replayedBuckets: number[] = []
    let goneThroughEpoch = -Infinity
    let logTimeMs = -Infinity
    for (const part of partsOf(placesOf(entities))) {
      const states = await this.store.read(part.map(([bucket, at]) => ({
        view: id, bucket, partitions, entities: at.map((i) => entities[i]!.key), known: at.map((i) => known[i]?.stored ?? null),
      })))
      for (const [k, [bucket, at]] of part.entries()) {
        const state = states[k]!
        buckets.set(bucket, state)
        const record = state.record && decodeBucketRecord(state.record, `bucket ${bucket} of view ${id}`)
        if (record !== null) goneThroughEpoch = Math.max(goneThroughEpoch, record.startsAfterEpoch)
        if (this.isReplaying(record)) replayedBuckets.push(bucket)
        for (const [j, i] of at.entries()) {
          if (entities.length > 1 && work.isSliceOver()) await work.nextSliceInTime()
          const read = this.verify(view, entities[i]!, state.entities[j]!, known[i])
          if ('code' in read) {
            chunks[i] = read
            continue
          }
          chunks[i] = read.chunks
          goneThroughEpoch = Math.max(goneThroughEpoch, read.goneThroughEpoch)
          logTimeMs = Math.max(logTimeMs, read.logTimeMs)
        }
      }
    }
    return { chunks, goneThroughEpoch, replayedBuckets, logTimeMs, buckets }
  }

  private verify({ plan, id }: ResolvedView, entity: ViewEntity, stored: EntityChunks, known: VerifiedState | undefined): VerifiedState | Problem {
    if (known !== undefined && known.plan === plan && this.isSame(known.stored, stored)) return known
    const chunks = stored.filter((chunk) => chunk !== null).map(({ bytes }) => bytes)
    const damage = damageOf(() => chunks.forEach((chunk) => verifyChunk(plan, chunk)))
    if (damage !== null) return damage
    const state = { plan, stored, chunks, ...headsOf(chunks) }
    this.verified.set(stateName(id, entity), state)
    return state
  }
}

function stateName(id: string, { name }: ViewEntity): string {
  return `${id} ${name}`
}

/** By bucket: where its entities are. */
function placesOf(entities: readonly ViewEntity[]): Map<number, number[]> {
  const places = new Map<number, number[]>()
  for (let i = 0; i < entities.length; i++) {
    const { bucket } = entities[i]!
    const inBucket = places.get(bucket)
    if (inBucket === undefined) places.set(bucket, [i])
    else inBucket.push(i)
  }
  return places
}

/** Whole buckets, since a bucket is read as of one moment. */
function partsOf(places: ReadonlyMap<number, readonly number[]>): (readonly [number, readonly number[]])[][] {
  const parts: (readonly [number, readonly number[]])[][] = []
  let leftCount = 0
  for (const place of places) {
    if (parts.length === 0 || place[1].length > leftCount) {
      parts.push([])
      leftCount = READ_COUNT_MAX
    }
    parts.at(-1)!.push(place)
    leftCount -= place[1].length
  }
  return parts
}

function headsOf(chunks: readonly Uint8Array[]): Pick<VerifiedState, 'goneThroughEpoch' | 'logTimeMs'> {
  let goneThroughEpoch = -Infinity
  let logTimeMs = -Infinity
  for (const chunk of chunks) {
    const view = viewOf(chunk)
    goneThroughEpoch = Math.max(goneThroughEpoch, view.getFloat64(AT_DROPPED, true))
    logTimeMs = Math.max(logTimeMs, view.getFloat64(AT_LOG_TIME, true))
  }
  return { goneThroughEpoch, logTimeMs }
}
