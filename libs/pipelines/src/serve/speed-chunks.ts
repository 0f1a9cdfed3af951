// The speed state of a view's entities: one question a bucket, then chunk by chunk what the merge needs to know of them.

import { AT_DROPPED, AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { BucketState, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { decodeBucketRecord } from '../log/bucket-record.ts'
import { damageOf } from './damage.ts'
import type { ResolvedView } from './feature-request.ts'

export interface SpeedChunksRead {
  /** By entity, in the order of the view: its chunks, verified; a problem where one is damaged. */
  readonly chunks: readonly (readonly Uint8Array[] | Problem)[]
  /** The epoch through which sections are gone from any of them, or never were in their bucket; -Infinity: none. */
  readonly goneThroughEpoch: number
  /** The newest append time in them; -Infinity: none. */
  readonly logTimeMs: number
  /** The buckets that were read, with their states: for explain. */
  readonly buckets: ReadonlyMap<number, BucketState>
}

/** Throws STORE_DAMAGED and what the store throws. `partitions`: those whose fences are read too. */
export async function readSpeedChunks(store: SpeedViewStore, { plan, id, entities }: ResolvedView, partitions: readonly number[]): Promise<SpeedChunksRead> {
  const places = new Map<number, number[]>()
  for (const [i, { bucket }] of entities.entries()) {
    const inBucket = places.get(bucket)
    if (inBucket === undefined) places.set(bucket, [i])
    else inBucket.push(i)
  }
  const buckets = [...places.keys()]
  const states = await store.read(buckets.map((bucket) => ({ view: id, bucket, partitions, entities: places.get(bucket)!.map((i) => entities[i]!.key) })))
  const chunks = new Array<readonly Uint8Array[] | Problem>(entities.length)
  const newest = { goneThroughEpoch: -Infinity, logTimeMs: -Infinity }
  for (const [at, bucket] of buckets.entries()) {
    const { record, entities: stored } = states[at]!
    if (record !== null) newest.goneThroughEpoch = Math.max(newest.goneThroughEpoch, decodeBucketRecord(record, `bucket ${bucket} of view ${id}`).startsAfterEpoch)
    for (const [j, i] of places.get(bucket)!.entries()) {
      const present = stored[j]!.filter((chunk) => chunk !== null).map(({ bytes }) => bytes)
      chunks[i] = damageOf(() => present.forEach((chunk) => verifyChunk(plan, chunk))) ?? present
      if (chunks[i] === present) readHeads(present, newest)
    }
  }
  return { chunks, ...newest, buckets: new Map(buckets.map((bucket, at) => [bucket, states[at]!])) }
}

function readHeads(chunks: readonly Uint8Array[], newest: { goneThroughEpoch: number; logTimeMs: number }): void {
  for (const chunk of chunks) {
    const view = viewOf(chunk)
    newest.goneThroughEpoch = Math.max(newest.goneThroughEpoch, view.getFloat64(AT_DROPPED, true))
    newest.logTimeMs = Math.max(newest.logTimeMs, view.getFloat64(AT_LOG_TIME, true))
  }
}
