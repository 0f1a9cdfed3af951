// The sweep of what a generation contains: what it leaves, when it removes, and what it says of that.

import { describe, expect, it } from '@jest/globals'
import { planView } from '@tidemark/aggregation/view-plan'
import { PIN_LEASE_MS } from '@tidemark/pipelines/pointer'
import { EPOCH_MS, HERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOf, worldOf } from './ingest-looks.ts'
import { bucketOfHere, click, drain } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'
import { overriding } from './pausable-store.ts'

const [user] = HERE

const nowEpoch = (world: IngestWorld): number => Math.floor(world.nowMs / EPOCH_MS)

/** A world with one entity that a generation contains, and the epoch of that. */
async function sweptWorld(): Promise<{ readonly world: IngestWorld; readonly epoch: number }> {
  const world = await worldOf()
  const processor = world.processor([0])
  await world.append(0, click(world, user))
  await drain(processor)
  const epoch = nowEpoch(world)
  world.nowMs += EPOCH_MS
  await world.seal(epoch)
  await world.publish(totals, epoch)
  return { world, epoch }
}

describe('the sweep', () => {
  it('law 5: leaves an entity whose newest epoch is in panes that are closed, since its event came late', async () => {
    const { windows, ...clicks } = totals.view.aggregations[0]!
    const hourly = planView({ ...totals.view, name: 'hourly', aggregations: [{ ...clicks, windows: windows.filter(({ lengthMs }) => lengthMs !== null) }] }, totals.source)
    const world = await IngestWorld.create({ source: totals.source, views: [hourly], partitionCount: 1 })
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    const epoch = nowEpoch(world)
    world.nowMs += 5 * EPOCH_MS
    await world.append(0, { user, at: world.nowMs - 3_000_000, amount: 2 })
    await drain(processor)
    await world.seal(epoch)
    await world.publish(hourly, epoch)
    const sweeper = world.sweeper(hourly)
    for (const did of ['looked', 'swept']) {
      expect(await sweeper.step()).toEqual({ did, removedCount: 0 })
      world.nowMs += PIN_LEASE_MS + 1
    }
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 5: removes nothing until older pins have ended, and says in the bucket that it is gone', async () => {
    const { world, epoch } = await sweptWorld()
    const sweeper = world.sweeper(totals)
    expect(await sweeper.step()).toEqual({ did: 'looked', removedCount: 0 })
    world.nowMs += PIN_LEASE_MS
    expect(await sweeper.step()).toEqual({ did: 'waited', removedCount: 0 })
    expect((await bucketOf(world)).startsAfterEpoch).toBe(-Infinity)
    world.nowMs++
    expect(await sweeper.step()).toEqual({ did: 'swept', removedCount: 1 })
    expect((await bucketOf(world)).startsAfterEpoch).toBe(epoch)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 5: leaves a bucket that is discarded meanwhile, and says nothing of it', async () => {
    const { world } = await sweptWorld()
    let isDue = false
    const sweeper = world.sweeper(totals, (ports) => ({
      ...ports,
      store: overriding(ports.store, { write: (bucket, write) => {
        if (isDue) world.store.wipe(bucketOfHere)
        return ports.store.write(bucket, write)
      } }),
    }))
    await sweeper.step()
    world.nowMs += PIN_LEASE_MS + 1
    isDue = true
    expect(await sweeper.step()).toEqual({ did: 'swept', removedCount: 0 })
    const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [] }])
    expect(state!.record).toBeNull()
  })
})
