// Laws 6 and 7: a damaged bucket is discarded and computed anew, with an alarm; its neighbours are let alone; and until it is whole it says so.

import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { decodeHeartbeat } from '@tidemark/pipelines/ingest/heartbeat'
import { INGEST_LIMITS } from '@tidemark/pipelines/ingest/ingest-limits'
import { decodeBucketRecord } from '@tidemark/pipelines/log/bucket-record'
import { PIN_LEASE_MS } from '@tidemark/pipelines/pointer'
import type { BucketQuestion, BucketWrite, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { damageChunk } from './damage-chunk.ts'
import { CLICKS, EPOCH_MS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOfHere, click, drain } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'
import { overriding } from './pausable-store.ts'

const [user, other] = HERE
const damaged = new TidemarkError([{ code: 'STORE_DAMAGED', message: 'The checksum of a value is not what was written.', where: 'a key', action: 'Look.' }])

async function filledWorld(views = [totals], partitionCount = 1): Promise<IngestWorld> {
  const world = await IngestWorld.create({ source: CLICKS, views, partitionCount })
  for (let partition = 0; partition < partitionCount; partition++) await world.append(partition, click(world, user), click(world, other, 2), click(world, THERE[0], 4))
  await drain(world.processor(world.records.map((_, partition) => partition)))
  return world
}

async function replaying(world: IngestWorld): Promise<readonly number[] | null> {
  const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [] }])
  return state!.record === null ? null : decodeBucketRecord(state!.record, 'here').replaying
}

async function chunkCount(world: IngestWorld): Promise<number> {
  return (await Array.fromAsync(world.store.scan(bucketOfHere))).length
}

const codes = (world: IngestWorld): string[] => world.alarms.map(({ code }) => code)

/** Drains, with a check between. */
async function settle(world: IngestWorld, ...processors: readonly ReturnType<IngestWorld['processor']>[]): Promise<void> {
  for (let i = 0; i < 4; i++, world.nowMs += 1_000) for (const processor of processors) await drain(processor)
}

const put = (world: IngestWorld, put: Partial<BucketWrite['put']>): Promise<boolean> => world.store.write(bucketOfHere, { expected: { fences: [], chunks: [] }, put: { fences: [], chunks: [], ...put } })

const KINDS: readonly (readonly [string, (world: IngestWorld) => Promise<boolean>])[] = [
  ['a chunk', (world) => damageChunk(world.store, bucketOfHere)],
  ['its record', (world) => put(world, { record: Buffer.from('no record') })],
  ['a fence', (world) => put(world, { fences: [{ partition: 0, bytes: Buffer.from('no fence') }] })],
]

describe('a damaged bucket', () => {
  it.each(KINDS)('is computed anew where %s is damaged', async (_, damage) => {
    const world = await filledWorld()
    await settle(world, world.processor([0]))
    await damage(world)
    await world.append(0, click(world, user, 8), click(world, THERE[0], 8))
    await settle(world, world.processor([0]))
    expect(await judgeAll(world, USERS)).toBeNull()
    expect(world.alarms).toMatchObject([{ where: 'bucket 0 of view totals@1' }])
    expect(await replaying(world)).toEqual([])
  })

  it.each(KINDS.slice(1))('is noticed by who runs, though nothing comes, where %s is damaged', async (_, damage) => {
    const world = await filledWorld()
    const processor = world.processor([0])
    await settle(world, processor)
    await damage(world)
    await settle(world, processor)
    expect(await judgeAll(world, USERS)).toBeNull()
    expect(codes(world)).toEqual(['STORE_DAMAGED'])
  })

  it('says so from the moment that it is discarded until every partition is replayed', async () => {
    const world = await filledWorld([totals], 2)
    const [one, two] = [world.processor([0]), world.processor([1])]
    await settle(world, one, two)
    expect(await replaying(world)).toEqual([])
    await damageChunk(world.store, bucketOfHere)
    const next = world.processor([0])
    await world.append(0, click(world, user, 8))
    for (let step = await next.step(); step.did !== 'discarded'; step = await next.step()) expect(await replaying(world)).toEqual([])
    expect(await replaying(world)).toBeNull()
    await drain(next)
    expect(await replaying(world)).toEqual([0, 1])
    world.nowMs += 1_000
    await drain(next)
    expect(await replaying(world)).toEqual([1])
    await settle(world, two)
    expect(await replaying(world)).toEqual([])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('is let alone by who found it so late, where another one has computed it anew since', async () => {
    const world = await filledWorld()
    await settle(world, world.processor([0]))
    await damageChunk(world.store, bucketOfHere)
    await world.append(0, click(world, user, 8))
    const discarded: boolean[] = []
    const discard: SpeedViewStore['discard'] = async (...asked) => {
      if (discarded.length === 0) await settle(world, world.processor([0]))
      discarded.push(await world.store.discard(...asked))
      return discarded.at(-1)!
    }
    await settle(world, world.processor([0], (ports) => ({ ...ports, store: overriding(ports.store, { discard }) })))
    expect(discarded).toEqual([false])
    expect(codes(world)).toHaveLength(1)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('says so still where the store loses what was computed anew, before that was told', async () => {
    const world = await filledWorld()
    await settle(world, world.processor([0]))
    await damageChunk(world.store, bucketOfHere)
    await world.append(0, click(world, user, 8))
    let begun: BucketWrite['put'] | null = null
    const told: boolean[] = []
    const write: SpeedViewStore['write'] = async (bucket, asked) => {
      const { record, fences } = asked.put
      if (bucket.bucket !== bucketOfHere.bucket || record === undefined) return world.store.write(bucket, asked)
      if (fences.length > 0) begun = asked.put
      const isTold = fences.length === 0
      if (isTold && told.length === 0) {
        await world.store.discard(bucketOfHere, { fences: [], chunks: [] })
        await put(world, begun!)
      }
      const isWritten = await world.store.write(bucket, asked)
      if (isTold) told.push(isWritten)
      return isWritten
    }
    await settle(world, world.processor([0], (ports) => ({ ...ports, store: overriding(ports.store, { write }) })))
    expect(told).toEqual([false, true])
    expect(await replaying(world)).toEqual([])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('starts after the floor where there is one', async () => {
    const world = await filledWorld()
    const epoch = Math.floor(world.nowMs / EPOCH_MS)
    world.nowMs += 50_000
    await world.append(0, click(world, user, 8))
    const processor = world.processor([0])
    await settle(world, processor)
    await world.seal(epoch)
    await world.publish(totals, epoch)
    await damageChunk(world.store, bucketOfHere)
    await world.append(0, click(world, user, 16), click(world, other, 16))
    await settle(world, world.processor([0]))
    const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [] }])
    expect(decodeBucketRecord(state!.record!, 'here').startsAfterEpoch).toBe(epoch)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('is found by the sweep where no event comes for it any more', async () => {
    const world = await filledWorld()
    const epoch = Math.floor(world.nowMs / EPOCH_MS)
    const processor = world.processor([0])
    await settle(world, processor)
    world.nowMs += 50_000
    await world.seal(epoch)
    await world.publish(totals, epoch)
    await damageChunk(world.store, bucketOfHere)
    await world.sweeper(totals).step()
    expect([codes(world), await chunkCount(world), await replaying(world)]).toEqual([['BLOB_DAMAGED'], 0, null])
    await settle(world, processor)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('is found by the sweep also before the view has a generation, and nothing sound is swept', async () => {
    const world = await filledWorld()
    const processor = world.processor([0])
    await settle(world, processor)
    const sweeper = world.sweeper(totals)
    const round = async (): Promise<void> => {
      for (const did of ['looked', 'waited', 'swept']) {
        expect(await sweeper.step()).toEqual({ did, removedCount: 0 })
        if (did === 'waited') world.nowMs += PIN_LEASE_MS + 1
      }
    }
    await round()
    expect([codes(world), await chunkCount(world) > 0]).toEqual([[], true])
    await damageChunk(world.store, bucketOfHere)
    await round()
    expect([codes(world), await chunkCount(world), await replaying(world)]).toEqual([['BLOB_DAMAGED'], 0, null])
    await settle(world, processor)
    await round()
    expect(codes(world)).toEqual(['BLOB_DAMAGED'])
    expect(await replaying(world)).toEqual([])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it.each([0, 1])('is known where the store itself cannot read it: bucket %i', async (bucket) => {
    const world = await filledWorld()
    const discarded: number[] = []
    const isAsked = (asked: readonly BucketQuestion[]): boolean => asked.some((question) => question.view === 'totals@1' && question.bucket === bucket)
    const store: Partial<SpeedViewStore> = {
      read: (asked) => (discarded.length === 0 && isAsked(asked) ? Promise.reject(damaged) : world.store.read(asked)),
      discard: (key, expected) => (discarded.push(key.bucket), world.store.discard(key, expected)),
    }
    const processor = world.processor([0], (ports) => ({ ...ports, store: overriding(ports.store, store) }))
    await settle(world, processor)
    expect(discarded).toEqual([bucket])
    expect(world.alarms).toMatchObject([{ code: 'STORE_DAMAGED', where: `bucket ${bucket} of view totals@1` }])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('is discarded later each time where it is damaged again and again, and lets other views go on', async () => {
    const world = await filledWorld([totals, large])
    const discardedAt: number[] = []
    let isBad = true
    const fromMs = world.nowMs
    const store: Partial<SpeedViewStore> = {
      read: (asked) => (isBad && asked.some(({ view, bucket }) => view === 'totals@1' && bucket === 0) ? Promise.reject(damaged) : world.store.read(asked)),
      discard: (...given) => (discardedAt.push(world.nowMs - fromMs), world.store.discard(...given)),
    }
    const processor = world.processor([0], (ports) => ({ ...ports, store: overriding(ports.store, store) }))
    await world.append(0, click(world, user, 20))
    for (let i = 0; i < 600; i++, world.nowMs += 1_000) await drain(processor)
    // A halted view is looked at each 30 s.
    expect(discardedAt).toEqual([0, 60_000, 180_000, 420_000].map((atMs) => expect.closeTo(atMs, -4.5)))
    const heartbeatOf = async (view: string): Promise<unknown> => decodeHeartbeat((await world.store.heartbeats(view)).get(0)!, 'heartbeat')
    // The partition is at the log's end, and the view's state is not.
    expect(await heartbeatOf('totals@1')).toMatchObject({ stopped: { code: 'STORE_DAMAGED' }, caughtUpAtMs: null })
    expect(await heartbeatOf('large@1')).toMatchObject({ stopped: null, caughtUpAtMs: expect.any(Number) })
    world.views = [large]
    expect(await judgeAll(world, USERS)).toBeNull()
    isBad = false
    world.views = [totals, large]
    for (let i = 0; i < 40; i++, world.nowMs += 30_000) await drain(processor)
    expect(await judgeAll(world, USERS)).toBeNull()
    expect(await heartbeatOf('totals@1')).toMatchObject({ stopped: null, caughtUpAtMs: expect.any(Number) })
    // Long ago is as if never.
    world.nowMs += 2 * INGEST_LIMITS.discardPauseMaxMs
    discardedAt.length = 0
    isBad = true
    const againFromMs = world.nowMs - fromMs
    for (let i = 0; i < 300; i++, world.nowMs += 1_000) await drain(processor)
    expect(discardedAt.map((atMs) => atMs - againFromMs)).toEqual([0, 60_000, 180_000].map((atMs) => expect.closeTo(atMs, -4.5)))
  })
})
