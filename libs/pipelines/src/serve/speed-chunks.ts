// The speed state of a view's entities: one question a bucket, then entity by entity what the merge needs to know. A state that was verified
// before is not verified again: it is kept in memory and given to the store, which gives the same object back where nothing was written since.

import { AT_DROPPED, AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Problem } from '@tidemark/feature-schema/errors'
import { after, inTurn, type Soon } from '@tidemark/ports/soon'
import type { BucketQuestion, BucketState, EntityChunks, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { LRUCache } from 'lru-cache'
import { decodeBucketRecord, type BucketRecord } from '../log/bucket-record.ts'
import { isDamage } from '../is-damage.ts'
import { damageOf, readUndamaged } from './damage.ts'
import type { ResolvedView } from './feature-request.ts'
import type { ViewEntity } from './known-entities.ts'
import type { ReadingWork } from './reading-work.ts'
import { inSlices } from './sliced-work.ts'

/** What an entry costs besides its chunks. */
const ENTRY_SIZE_BYTES = 500
/** Entities that the store is asked for at a time, or those of one bucket: a store in this process reads them without a pause. */
const READ_COUNT_MAX = 128

/** What of a speed view store is asked of it here. */
export type SpeedSide = Pick<SpeedViewStore, 'read'>

export interface SpeedChunksRead {
  /** By entity, in the order of the view: its chunks, verified; a problem where one, or what the bucket says of itself, is damaged. */
  readonly chunks: readonly (readonly Uint8Array[] | Problem)[]
  /** The epoch through which sections are gone from any of them, or never were in their bucket; -Infinity: none. */
  readonly goneThroughEpoch: number
  /** The buckets that may lack events which they once had, or should have: they are being replayed from the log. */
  readonly replayedBuckets: readonly number[]
  /** The newest append time in them; -Infinity: none. */
  readonly logTimeMs: number
  /** Entities that had a newer append time before, whose store has lost what it had acknowledged: their buckets, and that time. */
  readonly steppedBack: readonly SteppedBack[]
  /** The buckets that were read, with their states: for explain. */
  readonly buckets: ReadonlyMap<number, BucketState>
}

export interface SteppedBack {
  readonly bucket: number
  /** What was appended at this time is not in the state any more. */
  readonly seenLogTimeMs: number
}

/** An entity's chunks that were verified, and what their heads say. */
interface VerifiedState {
  readonly plan: ViewPlan
  readonly stored: EntityChunks
  readonly chunks: readonly Uint8Array[]
  readonly goneThroughEpoch: number
  readonly logTimeMs: number
  /** The newest of all that were seen here. */
  readonly seenLogTimeMs: number
}

interface KnownRecord {
  readonly bytes: Uint8Array
  readonly record: BucketRecord
}

/** What was read so far. */
type SpeedReading = { -readonly [name in keyof SpeedChunksRead]: SpeedChunksRead[name] } & {
  readonly chunks: (readonly Uint8Array[] | Problem)[]
  readonly replayedBuckets: number[]
  readonly steppedBack: SteppedBack[]
  readonly buckets: Map<number, BucketState>
}

/** Whether the chunks that a store gives are the ones that were verified. A store makes an object of its own for each state. */
export type IsSameState = (known: EntityChunks, read: EntityChunks) => boolean

export const isSameState: IsSameState = (known, read) => known === read

/** Whether a bucket is being replayed; null: it has no record, since it was discarded or nobody took it up yet. */
export type IsReplaying = (record: BucketRecord | null) => boolean

export const isReplaying: IsReplaying = (record) => record === null || record.replaying.length > 0

export interface SpeedChunkReaderOptions {
  readonly store: SpeedSide
  readonly cacheSizeMaxBytes: number
  readonly isSame: IsSameState
  readonly isReplaying: IsReplaying
}

export class SpeedChunkReader {
  private readonly store: SpeedSide
  private readonly isSame: IsSameState
  private readonly isReplaying: IsReplaying
  private readonly verified: LRUCache<string, VerifiedState>
  /** By bucket. */
  private readonly records = new WeakMap<ViewPlan, (KnownRecord | undefined)[]>()

  constructor({ store, cacheSizeMaxBytes, isSame, isReplaying: ofRecord }: SpeedChunkReaderOptions) {
    this.store = store
    this.isSame = isSame
    this.isReplaying = ofRecord
    this.verified = new LRUCache({ maxSize: cacheSizeMaxBytes, sizeCalculation: ({ chunks }) => chunks.reduce((sum, { byteLength }) => sum + byteLength, ENTRY_SIZE_BYTES) })
  }

  /** Throws what the store throws of more than damage, and DeadlinePassed. `partitions`: those whose fences are read too. */
  read(view: ResolvedView, partitions: readonly number[], work: ReadingWork): Soon<SpeedChunksRead> {
    const { entities } = view
    const known = entities.map(({ name }) => this.verified.get(name))
    const reading: SpeedReading = {
      chunks: new Array<readonly Uint8Array[] | Problem>(entities.length), goneThroughEpoch: -Infinity, replayedBuckets: [], steppedBack: [], logTimeMs: -Infinity, buckets: new Map(),
    }
    const read = inTurn(partsOf(placesOf(entities)), (part) => {
      const questions = part.map(([bucket, at]): BucketQuestion => ({
        view: view.id, bucket, partitions, entities: at.map((i) => entities[i]!.key), known: at.map((i) => known[i]?.stored ?? null), knownRecord: this.knownRecords(view)[bucket]?.bytes ?? null,
      }))
      return after(readUndamaged(questions, (asked) => work.inTime(this.store.read(asked), `speed view ${view.id}`)), (states) => {
        const places = part.flatMap(([bucket, at], k) => {
          const damage = this.takeBucket(reading, view, bucket, states[k]!)
          if (damage === null) return at.map((i, j) => ({ bucket, i, j }))
          for (const i of at) reading.chunks[i] = damage
          return []
        })
        return inSlices(places, () => work.pauseInTime(), ({ bucket, i, j }) => {
          takeState(reading, bucket, i, this.verify(view, entities[i]!, reading.buckets.get(bucket)!.entities[j]!, known[i]))
        })
      })
    })
    return after(read, () => reading)
  }

  /** What of it is damaged; null: nothing is. */
  private takeBucket(reading: SpeedReading, view: ResolvedView, bucket: number, state: BucketState | Problem): Problem | null {
    if ('code' in state) return state
    const record = state.record && this.decodeRecord(view, bucket, state.record)
    if (record !== null && 'code' in record) return record
    reading.buckets.set(bucket, state)
    if (record !== null) reading.goneThroughEpoch = Math.max(reading.goneThroughEpoch, record.startsAfterEpoch)
    if (this.isReplaying(record)) reading.replayedBuckets.push(bucket)
    return null
  }

  /** A record says the same as long as it is the same: it is decoded once. */
  private decodeRecord(view: ResolvedView, bucket: number, bytes: Uint8Array): BucketRecord | Problem {
    const records = this.knownRecords(view)
    const known = records[bucket]
    if (known?.bytes === bytes) return known.record
    try {
      const record = decodeBucketRecord(bytes, `bucket ${bucket} of view ${view.id}`)
      records[bucket] = { bytes, record }
      return record
    } catch (error) {
      if (isDamage(error)) return error.problems[0]!
      throw error
    }
  }

  private knownRecords({ plan }: ResolvedView): (KnownRecord | undefined)[] {
    let records = this.records.get(plan)
    if (records === undefined) this.records.set(plan, (records = new Array<KnownRecord | undefined>(plan.view.bucketCount).fill(undefined)))
    return records
  }

  private verify({ plan }: ResolvedView, { name }: ViewEntity, stored: EntityChunks, known: VerifiedState | undefined): VerifiedState | Problem {
    if (known !== undefined && known.plan === plan && this.isSame(known.stored, stored)) return known
    const chunks = stored.filter((chunk) => chunk !== null).map(({ bytes }) => bytes)
    const damage = damageOf(() => chunks.forEach((chunk) => verifyChunk(plan, chunk)))
    if (damage !== null) return damage
    const heads = headsOf(chunks)
    const seenLogTimeMs = Math.max(heads.logTimeMs, known?.plan === plan ? known.seenLogTimeMs : -Infinity)
    const state = { plan, stored, chunks, ...heads, seenLogTimeMs }
    this.verified.set(name, state)
    return state
  }
}

function takeState(reading: SpeedReading, bucket: number, i: number, read: VerifiedState | Problem): void {
  if ('code' in read) {
    reading.chunks[i] = read
    return
  }
  reading.chunks[i] = read.chunks
  reading.goneThroughEpoch = Math.max(reading.goneThroughEpoch, read.goneThroughEpoch)
  reading.logTimeMs = Math.max(reading.logTimeMs, read.logTimeMs)
  if (read.seenLogTimeMs > read.logTimeMs) reading.steppedBack.push({ bucket, seenLogTimeMs: read.seenLogTimeMs })
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
  if (places.size === 1) return [[...places]]
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
