// The sweep: entities of which the speed view has nothing that a pointer can still need are removed (law 5). It acts on a floor that it
// read longer ago than a pin may live, raises the bucket's record to that floor's cut first, so that a reader with an older pin finds out
// though there is no chunk, and removes an entity only at the revisions that it saw. As it reads every chunk, it finds damage that no processor
// meets, since no event comes for the entity, or its state is in memory: such a bucket is discarded. Before a view's first generation, and in one that
// never has any, that is all that it does.

import { ENTRY_EPOCH, entryAt, AT_TABLES, viewOf } from '@tidemark/aggregation/chunk-format'
import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Clock } from '@tidemark/ports/clock'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import type { BucketKey, EntityChunks, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import type { OnAlarm } from '../alarm.ts'
import { decodeBucketRecord, encodeBucketRecord } from '../log/bucket-record.ts'
import { viewId } from '../names.ts'
import { floorCut, readPointer } from '../pointer.ts'
import { BucketDamagedError, ofBucket, readBuckets, storeOfBucket, type SeenDamage } from './bucket-damage.ts'
import { BucketDiscards } from './bucket-discards.ts'
import { INGEST_LIMITS, type IngestLimits } from './ingest-limits.ts'
import { INGEST_RULES, type IngestRules } from './ingest-rules.ts'
import { bucketWhere } from './speed-view.ts'

export interface SweeperOptions {
  readonly view: ViewPlan
  readonly store: SpeedViewStore
  readonly registers: RegisterStore
  readonly clock: Clock
  readonly onAlarm: OnAlarm
  readonly rules?: IngestRules
  readonly limits?: Partial<IngestLimits>
}

export interface SweepReport {
  /** 'waited': nothing may be removed before the lease of older pins has ended. */
  readonly did: 'looked' | 'waited' | 'swept'
  readonly removedCount: number
}

export interface Sweeper {
  /** Looks for dead entities in all buckets; waits for the lease; then sweeps a bucket a step; and begins again. */
  step(): Promise<SweepReport>
}

interface DeadEntity {
  readonly entity: Uint8Array
  readonly revisions: readonly (Revision | null)[]
}

/** What one round is about to remove. */
interface Round {
  readonly cut: number
  /** By the steady clock. */
  readonly readAtMs: number
  readonly left: { readonly bucket: BucketKey; readonly dead: readonly DeadEntity[] }[]
}

export function createSweeper({ view, store, registers, clock, onAlarm, rules = INGEST_RULES, limits: declared }: SweeperOptions): Sweeper {
  const limits = { ...INGEST_LIMITS, ...declared }
  const id = viewId(view.view)
  const discards = new BucketDiscards({ store, clock, rules, limits, onAlarm })
  let round: Round | null = null

  const look = async (): Promise<Round> => {
    const cut = floorCut((await readPointer(registers, id)).pointer)
    const readAtMs = clock.steadyMs()
    const left: Round['left'] = []
    for (let bucket = 0; bucket < view.view.bucketCount; bucket++) {
      const dead = await unlessDamaged(() => storeOfBucket({ view: id, bucket }, () => deadEntities(store, view, { view: id, bucket }, cut, limits.sweepCountMax)))
      if (dead !== null && dead.length > 0) left.push({ bucket: { view: id, bucket }, dead })
    }
    return { cut, readAtMs, left }
  }

  /** null: the bucket is damaged. */
  const unlessDamaged = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof BucketDamagedError)) throw error
      await discards.discard(error)
      return null
    }
  }

  return {
    async step() {
      if (round === null) {
        round = await look()
        return { did: 'looked', removedCount: 0 }
      }
      if (!rules.isLeaseOver(clock.steadyMs(), round.readAtMs, limits.pinLeaseMs)) return { did: 'waited', removedCount: 0 }
      const { cut, left } = round
      const next = left.pop()
      if (left.length === 0) round = null
      if (next === undefined || (await unlessDamaged(() => raiseRecord(store, next.bucket, cut))) !== true) return { did: 'swept', removedCount: 0 }
      let removedCount = 0
      for (const { entity, revisions } of next.dead) {
        const at = await rules.revisionsToRemove(revisions, () => readRevisions(store, next.bucket, entity))
        if (await store.remove(next.bucket, entity, at)) removedCount++
      }
      return { did: 'swept', removedCount }
    },
  }
}

async function deadEntities(store: SpeedViewStore, plan: ViewPlan, bucket: BucketKey, cut: number, countMax: number): Promise<DeadEntity[]> {
  const dead: DeadEntity[] = []
  for await (const { entity, chunks } of store.scan(bucket)) {
    if (dead.length >= countMax) break
    const revisions = revisionsOf(chunks)
    const seen = (): SeenDamage => ({ chunks: revisions.map((revision, chunk) => ({ entity, chunk, revision })) })
    const newest = ofBucket(bucket, seen, () => Math.max(...chunks.map((chunk) => (chunk === null ? -Infinity : newestEpoch(plan, chunk.bytes)))))
    if (newest <= cut && cut > -Infinity) dead.push({ entity, revisions })
  }
  return dead
}

/** The newest epoch that a chunk has a section of; -Infinity: it has none. Throws BLOB_DAMAGED, BLOB_TOO_NEW, BLOB_OTHER_LAYOUT. */
function newestEpoch(plan: ViewPlan, chunk: Uint8Array): number {
  verifyChunk(plan, chunk)
  const view = viewOf(chunk)
  let newest = -Infinity
  for (let table = view.getUint32(AT_TABLES, true) - 1; table >= 0; table--) newest = Math.max(newest, view.getFloat64(entryAt(table) + ENTRY_EPOCH, true))
  return newest
}

/** false: the record changed, or the bucket was wiped, in the meantime; another round will see. */
async function raiseRecord(store: SpeedViewStore, bucket: BucketKey, cut: number): Promise<boolean> {
  const [state] = await readBuckets(store, [{ ...bucket, entities: [], partitions: [] }])
  const { record } = state!
  if (record === null) return false
  const before = ofBucket(bucket, () => ({ record }), () => decodeBucketRecord(record, bucketWhere(bucket)))
  if (before.startsAfterEpoch >= cut) return true
  return store.write(bucket, {
    expected: { record, fences: [], chunks: [] },
    put: { record: encodeBucketRecord({ ...before, startsAfterEpoch: cut }), fences: [], chunks: [] },
  })
}

async function readRevisions(store: SpeedViewStore, bucket: BucketKey, entity: Uint8Array): Promise<readonly (Revision | null)[]> {
  const [state] = await store.read([{ ...bucket, entities: [entity], partitions: [] }])
  return revisionsOf(state!.entities[0]!)
}

function revisionsOf(chunks: EntityChunks): (Revision | null)[] {
  return chunks.map((chunk) => chunk?.revision ?? null)
}
