// What the stream processor does beside folding: it starts, is wiped, gets other views, splits, and tells how far it is.

import { describe, expect, it } from '@jest/globals'
import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import { changeSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { withPartitionReopened } from '@tidemark/pipelines/log/seal-register'
import type { EventLog } from '@tidemark/ports/event-log'
import type { BucketWrite } from '@tidemark/ports/speed-view-store'
import { EPOCH_MS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOf, codes, heartbeatOf, worldOf } from './ingest-looks.ts'
import { bucketOfHere, click, drain } from './ingest-schedules.ts'
import type { IngestWorld } from './ingest-world.ts'
import { overriding } from './pausable-store.ts'

const [user] = HERE

const nowEpoch = (world: IngestWorld): number => Math.floor(world.nowMs / EPOCH_MS)

describe('the seam', () => {
  it('law 3: takes back the closing of an epoch that a record comes for', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    const epoch = nowEpoch(world)
    await changeSealRegister(world.registers, world.source, (before) => ({ ...before, closing: { through: epoch, ends: [{ partition: 0, end: 1 }] } }))
    await world.append(0, click(world, user, 2))
    await drain(processor)
    expect((await world.register()).closing).toBeNull()
    expect(codes(world)).toEqual([])
  })

  it('law 3: says in the heartbeat which epochs were opened again', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await drain(processor)
    const epoch = nowEpoch(world)
    await world.seal(epoch)
    await changeSealRegister(world.registers, world.source, (before) => withPartitionReopened(before, 0, 0))
    await world.append(0, click(world, user))
    const told = async (): Promise<readonly number[]> => {
      await drain(processor)
      world.nowMs += 1_000
      await processor.step()
      return (await heartbeatOf(world)).brokenEpochs
    }
    expect(await told()).toEqual([epoch + 1])
    await world.publish(totals, epoch)
    await world.publish(totals, epoch + 1, 1)
    // The pointer may go back to the floor, which lacks the record.
    expect(await told()).toEqual([epoch + 1])
    await world.publish(totals, epoch + 1)
    expect(await told()).toEqual([])
  })

  it('law 6: starts after the floor, from its manifest, and says so in the bucket', async () => {
    const world = await worldOf()
    await world.append(0, click(world, user), click(world, THERE[0]))
    const epoch = nowEpoch(world)
    await world.open()
    world.nowMs += EPOCH_MS
    await world.append(0, click(world, user, 4))
    await world.seal(epoch)
    await world.publish(totals, epoch)
    await drain(world.processor([0]))
    expect(await bucketOf(world)).toEqual({ startsAfterEpoch: epoch, next: 3 })
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 6: says in the bucket that a partition which comes later starts after the floor', async () => {
    const world = await worldOf(2)
    await drain(world.processor([0]))
    await world.append(1, click(world, user))
    await world.open()
    const epoch = nowEpoch(world)
    world.nowMs += EPOCH_MS
    await world.seal(epoch)
    await world.publish(totals, epoch)
    expect((await bucketOf(world)).startsAfterEpoch).toBe(-Infinity)
    await drain(world.processor([0, 1]))
    expect((await bucketOf(world)).startsAfterEpoch).toBe(epoch)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 6: begins with the fences of whoever was faster to begin', async () => {
    const world = await worldOf()
    await world.append(0, click(world, user))
    const faster = world.processor([0])
    const written: boolean[] = []
    const slower = world.processor([0], (ports) => ({
      ...ports,
      store: overriding(ports.store, { write: async (bucket, write) => {
        if (written.length === 0) await drain(faster)
        written.push(await ports.store.write(bucket, write))
        return written.at(-1)!
      } }),
    }))
    await drain(slower)
    expect(written[0]).toBe(false)
    await world.append(0, click(world, user, 2))
    await drain(slower)
    expect(slower.status()).toMatchObject([{ nextOffset: 2, stopped: null }])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 6: rebuilds a bucket that was wiped, from the floor', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    const epoch = nowEpoch(world)
    world.nowMs += EPOCH_MS
    await world.append(0, click(world, user, 2))
    await drain(processor)
    await world.seal(epoch)
    await world.publish(totals, epoch)
    world.store.wipe(bucketOfHere)
    world.nowMs += 1_000
    await drain(processor)
    expect(await bucketOf(world)).toEqual({ startsAfterEpoch: epoch, next: 2 })
    expect(await judgeAll(world, USERS)).toBeNull()
  })
})

describe('work', () => {
  it('law 6: folds of what another one has folded meanwhile only the rest', async () => {
    const world = await worldOf()
    await drain(world.processor([0]))
    let isDue = true
    const late = world.processor([0], (ports) => ({
      ...ports,
      store: overriding(ports.store, { async write(bucket, write) {
        if (isDue && write.put.chunks.length > 0) {
          isDue = false
          await world.append(0, click(world, user, 4))
          await drain(world.processor([0]))
        }
        return ports.store.write(bucket, write)
      } }),
    }))
    await drain(late)
    await world.append(0, click(world, user), click(world, THERE[0]), click(world, user, 2))
    await drain(late)
    expect(isDue).toBe(false)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('reads a partition from the lowest when a view is added', async () => {
    const world = await worldOf(2)
    const processor = world.processor([0, 1])
    await world.append(0, click(world, user, 20), click(world, THERE[0], 30))
    await world.append(1, click(world, user, 40))
    await drain(processor)
    world.views = [totals, large]
    processor.setViews(world.views)
    await world.append(1, click(world, user, 50))
    await drain(processor)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('takes up other views between two steps, whenever they are given', async () => {
    for (let callsBefore = 0; ; callsBefore++) {
      const world = await worldOf(2)
      let left = callsBefore
      const count = (): void => {
        if (left-- === 0) processor.setViews((world.views = [totals, large]))
      }
      const processor = world.processor([0, 1], (ports) => ({
        ...ports,
        registers: { ...ports.registers, read: (name) => (count(), ports.registers.read(name)) },
        store: overriding(ports.store, { read: (asked) => (count(), ports.store.read(asked)), write: (bucket, write) => (count(), ports.store.write(bucket, write)) }),
      }))
      for (const [partition, amount] of [[0, 20], [1, 40], [0, 50]] as const) {
        await world.append(partition, click(world, user, amount))
        await drain(processor)
      }
      if (left >= 0) return expect(callsBefore).toBeGreaterThan(5)
      await drain(processor)
      expect(await judgeAll(world, USERS)).toBeNull()
    }
  })

  it('shares what a poll may take between its partitions, each of which gets some', async () => {
    const firstPoll = async (partitions: readonly number[], limits: Partial<IngestLimits>): Promise<number> => {
      const world = await worldOf(3, { pollCountMax: 6, ...limits })
      for (const partition of [0, 1, 2]) await world.append(partition, ...Array.from({ length: 10 }, () => click(world, user)))
      const processor = world.processor(partitions)
      for (;;) {
        const { did, recordCount } = await processor.step()
        if (did === 'folded') return recordCount
      }
    }
    expect(await firstPoll([0, 1, 2], { shareCountMin: 1 })).toBe(6)
    expect(await firstPoll([1], { shareCountMin: 1 })).toBe(6)
    expect(await firstPoll([0, 2], { shareCountMin: 4 })).toBe(8)
    expect(await firstPoll([0, 1, 2], { shareCountMin: 4, fetchCountMax: 1 })).toBe(3)
  })

  it('splits a command by offset, never by entity', async () => {
    const world = await worldOf(2, { writeKeysMax: 20 })
    const writes: BucketWrite[] = []
    const processor = world.processor([0, 1], (ports) => ({
      ...ports,
      store: overriding(ports.store, { write: (bucket, write) => (writes.push(write), ports.store.write(bucket, write)) }),
    }))
    const users = Array.from({ length: 30 }, (_, i) => `u${i}`)
    await world.append(0, ...users.map((one) => click(world, one)), ...users.map((one) => click(world, one, 2)))
    await world.append(1, ...users.map((one) => click(world, one, 4)))
    await drain(processor)
    const keyCounts = writes.map(({ expected, put }) => 2 + expected.fences.length + put.fences.length + expected.chunks.length + put.chunks.length)
    expect(Math.max(...keyCounts)).toBeLessThanOrEqual(20)
    expect(await judgeAll(world, users.map((one) => [one]))).toBeNull()
  })

  it('counts what nobody counts: a NULL key', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, null), click(world, user))
    await drain(processor)
    expect(processor.nullKeyCounts()).toEqual(new Map([['totals@1', 1]]))
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('advances idle fences, so that retention cannot pass them', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, THERE[0]))
    await drain(processor)
    expect((await bucketOf(world)).next).toBe(0)
    world.nowMs += 60_000
    await drain(processor)
    expect((await bucketOf(world)).next).toBe(1)
  })

  it('keeps going with a cache of no size', async () => {
    const world = await worldOf(1, { cacheSizeMaxBytes: 1 })
    const processor = world.processor([0])
    for (let i = 0; i < 5; i++) {
      await world.append(0, ...USERS.map(([one]) => click(world, one!, i)))
      await drain(processor)
    }
    expect(await judgeAll(world, USERS)).toBeNull()
  })
})

describe('heartbeats', () => {
  it('law 7: tell idle from behind', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    world.nowMs += 5_000
    await drain(processor)
    expect(await heartbeatOf(world)).toMatchObject({ writtenAtMs: world.nowMs, logEnd: 1, nextOffset: 1, caughtUpAtMs: world.nowMs, epoch: nowEpoch(world), stopped: null })
    await world.append(0, click(world, user))
    world.nowMs += 5_000
    await processor.step()
    expect(await heartbeatOf(world)).toMatchObject({ logEnd: 2, nextOffset: 1, caughtUpAtMs: world.nowMs - 5_000 })
  })

  it('law 7: are of a moment before the log was asked, however long that took', async () => {
    const world = await worldOf()
    const log = overriding<EventLog>(world.log, {
      extent: async (...asked) => {
        const extent = await world.log.extent(...asked)
        world.nowMs += 300
        return extent
      },
    })
    const processor = world.processor([0], (ports) => ({ ...ports, log }))
    await drain(processor)
    world.nowMs += 1_000
    const askedAtMs = world.nowMs
    expect((await processor.step()).did).toBe('checked')
    expect(await heartbeatOf(world)).toMatchObject({ logEndSeenAtMs: askedAtMs, caughtUpAtMs: askedAtMs })
  })

  it('law 7: count as lacking what is in a transaction that is not decided', async () => {
    const world = await worldOf()
    let undecidedCount = 0
    const log = overriding<EventLog>(world.log, {
      extent: async (topic: string, partition: number) => {
        const extent = await world.log.extent(topic, partition)
        return { ...extent, appendedEnd: extent.end + undecidedCount }
      },
      fetch: async (...asked: Parameters<EventLog['fetch']>) => {
        const batch = await world.log.fetch(...asked)
        return { ...batch, isAtEnd: batch.isAtEnd && undecidedCount === 0 }
      },
    })
    const processor = world.processor([0], (ports) => ({ ...ports, log }))
    await world.append(0, click(world, user))
    await drain(processor)
    undecidedCount = 3
    world.nowMs += 5_000
    await drain(processor)
    expect(await heartbeatOf(world)).toMatchObject({ logEnd: 4, nextOffset: 1, caughtUpAtMs: world.nowMs - 5_000 })
    undecidedCount = 0
    world.nowMs += 1_000
    await drain(processor)
    expect(await heartbeatOf(world)).toMatchObject({ logEnd: 1, nextOffset: 1, caughtUpAtMs: world.nowMs })
  })

  it('law 7: go on, and grow no younger, where the clock was ahead and is set back', async () => {
    const world = await worldOf(2)
    const processor = world.processor([0, 1])
    world.aheadMs = 3_600_000
    await drain(processor)
    expect(await heartbeatOf(world)).toMatchObject({ writtenAtMs: world.nowMs + 3_600_000, caughtUpAtMs: world.nowMs + 3_600_000 })
    world.aheadMs = 0
    // What it saw last of the log, it saw when its clock was ahead.
    await world.append(0, click(world, user))
    world.nowMs += 1_000
    await processor.step()
    expect(await heartbeatOf(world)).toMatchObject({ writtenAtMs: world.nowMs, logEnd: 1, nextOffset: 0, logEndSeenAtMs: world.nowMs, caughtUpAtMs: world.nowMs - 1_000 })
    expect(await heartbeatOf(world, 1)).toMatchObject({ writtenAtMs: world.nowMs, caughtUpAtMs: world.nowMs })
    await drain(processor)
    world.nowMs += 1_000
    await drain(processor)
    expect(await heartbeatOf(world)).toMatchObject({ writtenAtMs: world.nowMs, nextOffset: 1, caughtUpAtMs: world.nowMs })
  })

  it('law 4: one that stands still before a stamp looks again, though its clock was set back', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    world.aheadMs = 3_600_000
    world.log.shiftAppendTimes(world.topic, 0, 7_200_000)
    await world.append(0, click(world, user))
    await drain(processor)
    expect(processor.status()).toMatchObject([{ stopped: { code: 'APPEND_TIME_AHEAD' } }])
    world.aheadMs = 0
    await world.declareAppendTime({ partition: 0, offset: 0, appendTimeMs: world.nowMs })
    world.nowMs += 1_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 1, stopped: null }])
  })

  it('law 7: do not say of what the store lost that it is there', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    world.nowMs += 1_000
    world.store.failOver(bucketOfHere, 1)
    expect(await processor.step()).toMatchObject({ did: 'checked', rewoundCount: 1 })
    expect((await heartbeatOf(world)).caughtUpAtMs).toBeNull()
    await drain(processor)
    world.nowMs += 1_000
    await drain(processor)
    expect((await heartbeatOf(world)).caughtUpAtMs).toBe(world.nowMs)
  })
})
