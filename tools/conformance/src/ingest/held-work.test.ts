// Law 6 where a processor holds work back until its bucket is named: nothing of it is lost or counted twice, whatever becomes of it, and no fence or
// heartbeat says that it is folded.

import { describe, expect, it } from '@jest/globals'
import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import type { Processor } from '@tidemark/pipelines/ingest/processor'
import { decodeFence } from '@tidemark/pipelines/log/fence'
import { CLICKS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOfHere, click, drain } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'
import { overriding } from './pausable-store.ts'

const HELD_COUNT_MAX = 10
const [user] = HERE
const bucketOfThere = { ...bucketOfHere, bucket: 1 }

function worldOf(partitionCount = 1, limits: Partial<IngestLimits> = {}): Promise<IngestWorld> {
  return IngestWorld.create({ source: CLICKS, views: [totals], partitionCount, limits: { heldCountMax: HELD_COUNT_MAX, ...limits } })
}

/** Where the fences of two buckets are. */
async function fencesOf(world: IngestWorld): Promise<number[]> {
  const states = await world.store.read([bucketOfHere, bucketOfThere].map((bucket) => ({ ...bucket, entities: [], partitions: [0] })))
  return states.map(({ fences }) => decodeFence(fences[0]!, 'fence').next)
}

/** Once everything is folded everywhere. */
async function judgeEnd(world: IngestWorld, processor: Processor): Promise<string | null> {
  for (let round = 0; round < 2; round++, world.nowMs += 1_000) await drain(processor)
  return judgeAll(world, USERS)
}

/** A world in which some records of both buckets are polled and held back. */
async function holding(): Promise<{ readonly world: IngestWorld; readonly processor: Processor }> {
  const world = await worldOf()
  const processor = world.processor([0])
  await drain(processor)
  await world.append(0, click(world, user), click(world, THERE[0], 2))
  await drain(processor)
  await world.append(0, click(world, user, 4), 'no JSON')
  await drain(processor)
  expect(processor.status()).toMatchObject([{ nextOffset: 4 }])
  expect(await fencesOf(world)).toEqual([0, 0])
  return { world, processor }
}

describe('law 6: work that is held back', () => {
  it('is folded into the bucket that is named, in one command, and into the others later', async () => {
    const { world, processor } = await holding()
    const writeCount = world.store.writtenBuckets().length
    await processor.foldHeld([bucketOfHere])
    expect(world.store.writtenBuckets().length).toBeLessThanOrEqual(writeCount + 1)
    expect(await fencesOf(world)).toEqual([4, 0])
    await processor.foldHeld([bucketOfHere])
    await world.append(0, click(world, user, 8), click(world, THERE[1], 16))
    await drain(processor)
    await processor.foldHeld([bucketOfThere])
    expect(await fencesOf(world)).toEqual([4, 6])
    expect(await judgeEnd(world, processor)).toBeNull()
  })

  it('is folded once there is more than the limit, and when the fences are looked at', async () => {
    const { world, processor } = await holding()
    await world.append(0, ...Array.from({ length: HELD_COUNT_MAX }, (_, i) => click(world, user, i)))
    await drain(processor)
    expect(await fencesOf(world)).toEqual([14, 14])
    await world.append(0, click(world, user), click(world, THERE[0]))
    await drain(processor)
    expect(await fencesOf(world)).toEqual([14, 14])
    world.nowMs += 1_000
    await drain(processor)
    expect(await fencesOf(world)).toEqual([16, 16])
    expect(await judgeEnd(world, processor)).toBeNull()
  })

  it('is folded once it takes more memory than it may, or entities are to be forgotten', async () => {
    for (const limits of [{ heldSizeMaxBytes: 200 }, { cacheSizeMaxBytes: 1 }]) {
      const world = await worldOf(1, limits)
      const processor = world.processor([0])
      await drain(processor)
      for (let i = 0; i < 4; i++) {
        await world.append(0, click(world, user, i), click(world, THERE[0], i))
        await processor.step()
      }
      expect((await fencesOf(world))[0]).toBeGreaterThan(0)
      expect(await judgeEnd(world, processor)).toBeNull()
    }
  })

  it('is polled again by whoever comes after, and when the views are others', async () => {
    const { world, processor } = await holding()
    const other = world.processor([0])
    await drain(other)
    await other.foldHeld([bucketOfHere, bucketOfThere])
    expect(await fencesOf(world)).toEqual([4, 4])
    // What it holds is contained by now.
    await processor.foldHeld([bucketOfHere, bucketOfThere])
    await world.append(0, click(world, user, 8))
    world.views = [totals, large]
    await drain(processor)
    processor.setViews(world.views)
    expect(await judgeEnd(world, processor)).toBeNull()
  })

  it('is polled again after one partition of several is taken away, or stands still', async () => {
    const world = await worldOf(2)
    const assigned = [0, 1]
    const processor = world.processor(() => assigned)
    await drain(processor)
    for (const partition of [0, 1]) await world.append(partition, click(world, user), click(world, THERE[0], 2))
    await drain(processor)
    assigned.pop()
    await drain(processor)
    await world.append(0, click(world, user, 4))
    await drain(processor)
    await processor.foldHeld([bucketOfHere, bucketOfThere])
    expect(await fencesOf(world)).toEqual([3, 3])
    assigned.push(1)
    expect(await judgeEnd(world, processor)).toBeNull()
  })

  it('is polled again after one of its buckets was wiped', async () => {
    const { world, processor } = await holding()
    world.store.wipe(bucketOfHere)
    await processor.foldHeld([bucketOfHere])
    expect(processor.status()).toMatchObject([{ nextOffset: null }])
    await world.append(0, click(world, user, 8))
    expect(await judgeEnd(world, processor)).toBeNull()
  })

  it('is polled again after a store that failed, and nothing says that it is folded', async () => {
    const world = await worldOf()
    let isDown = false
    const processor = world.processor([0], (ports) => ({
      ...ports, store: overriding(ports.store, { write: async (...args) => (isDown ? Promise.reject(new Error('down')) : ports.store.write(...args)) }),
    }))
    await drain(processor)
    await world.append(0, click(world, user), click(world, THERE[0], 2))
    await drain(processor)
    isDown = true
    await expect(processor.foldHeld([bucketOfHere])).rejects.toThrow('down')
    expect(processor.status()).toMatchObject([{ nextOffset: null }])
    isDown = false
    await drain(processor)
    await processor.foldHeld([bucketOfHere, bucketOfThere])
    expect(await fencesOf(world)).toEqual([2, 2])
    expect(await judgeEnd(world, processor)).toBeNull()
  })
})
