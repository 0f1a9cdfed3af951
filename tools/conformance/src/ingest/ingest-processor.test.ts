// What the stream processor does beside folding: it stands still, goes on, starts, is wiped, gets other views, splits, and tells how far it is.

import { describe, expect, it } from '@jest/globals'
import { decodeHeartbeat, type Heartbeat } from '@tidemark/pipelines/ingest/heartbeat'
import type { IngestLimits } from '@tidemark/pipelines/ingest/ingest-limits'
import { decodeBucketRecord } from '@tidemark/pipelines/log/bucket-record'
import { changeSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { declareAppendTime } from '@tidemark/pipelines/log/declare-append-time'
import { decodeFence, encodeFence } from '@tidemark/pipelines/log/fence'
import { withAppendTime, withPartitionReopened } from '@tidemark/pipelines/log/seal-register'
import type { BucketWrite } from '@tidemark/ports/speed-view-store'
import { CLICKS, EPOCH_MS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOfHere, click, drain } from './ingest-schedules.ts'
import { IngestWorld } from './ingest-world.ts'
import { overriding } from './pausable-store.ts'

const [user] = HERE

function worldOf(partitionCount = 1, limits: Partial<IngestLimits> = {}): Promise<IngestWorld> {
  return IngestWorld.create({ source: CLICKS, views: [totals], partitionCount, limits })
}

async function heartbeatOf(world: IngestWorld, partition = 0): Promise<Heartbeat> {
  return decodeHeartbeat((await world.store.heartbeats('totals@1')).get(partition)!, 'heartbeat')
}

async function bucketOf(world: IngestWorld): Promise<{ startsAfterEpoch: number; next: number | null }> {
  const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [0] }])
  const fence = state!.fences[0]
  return { startsAfterEpoch: decodeBucketRecord(state!.record!, '').startsAfterEpoch, next: fence ? decodeFence(fence, '').next : null }
}

const codes = (world: IngestWorld): string[] => world.alarms.map(({ code }) => code)
const nowEpoch = (world: IngestWorld): number => Math.floor(world.nowMs / EPOCH_MS)

describe('standing still', () => {
  it('law 4: stops before a record that was appended too far ahead, and goes on with a declared time', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    world.log.shiftAppendTimes(world.topic, 0, 3_600_000)
    await world.append(0, click(world, user, 2))
    world.log.shiftAppendTimes(world.topic, 0, 0)
    await world.append(0, click(world, user, 4))
    for (let i = 0; i < 5; i++, world.nowMs += 1_000) await drain(processor)
    expect(codes(world)).toEqual(['APPEND_TIME_AHEAD'])
    expect(processor.status()).toMatchObject([{ nextOffset: 1, stopped: { code: 'APPEND_TIME_AHEAD' } }])
    expect((await heartbeatOf(world)).stopped).toMatchObject({ code: 'APPEND_TIME_AHEAD' })
    await declareAppendTime(world, world.source, { partition: 0, offset: 1, appendTimeMs: world.nowMs })
    world.nowMs += 1_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 3, stopped: null }])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 4: believes a stamp that is ahead by the declared skew, and no further one', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    for (const [aheadMs, expected] of [[CLICKS.skewMaxMs, { nextOffset: 1, stopped: null }], [CLICKS.skewMaxMs + 1, { nextOffset: 1, stopped: { code: 'APPEND_TIME_AHEAD' } }]] as const) {
      world.log.shiftAppendTimes(world.topic, 0, aheadMs)
      await world.append(0, click(world, user))
      await drain(processor)
      expect(processor.status()).toMatchObject([expected])
    }
    world.nowMs += 1_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 2, stopped: null }])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 4: a time that is declared while the clock comes up to the stamp is the same for everybody', async () => {
    const world = await worldOf()
    const stampedMs = world.nowMs + 3_600_000
    const declared = { partition: 0, offset: 1, appendTimeMs: world.nowMs }
    // Between its reading of the register and its fold.
    let isDue = false
    const read = async (name: string): ReturnType<typeof world.registers.read> => {
      const found = await world.registers.read(name)
      if (isDue && name.startsWith('seal/')) {
        isDue = false
        await declareAppendTime(world, world.source, declared)
        world.nowMs = stampedMs
      }
      return found
    }
    const processor = world.processor([0], (ports) => ({ ...ports, registers: { ...ports.registers, read } }))
    await world.append(0, click(world, user))
    await drain(processor)
    world.log.shiftAppendTimes(world.topic, 0, 3_600_000)
    await world.append(0, click(world, user, 2))
    world.log.shiftAppendTimes(world.topic, 0, 0)
    isDue = true
    for (let i = 0; i < 3; i++, world.nowMs += 1_000) await drain(processor)
    expect(isDue).toBe(false)
    expect(processor.status()).toMatchObject([{ nextOffset: 2, stopped: null }])
    expect((await heartbeatOf(world)).knownTimeMs).toBe(declared.appendTimeMs)
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 4: a record whose time is announced waits, whatever the clock says; one that is not ahead any more counts as it is stamped', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    world.log.shiftAppendTimes(world.topic, 0, 3_600_000)
    await world.append(0, click(world, user))
    world.log.shiftAppendTimes(world.topic, 0, 0)
    await drain(processor)
    const declared = { partition: 0, offset: 0, appendTimeMs: world.nowMs }
    await changeSealRegister(world.registers, world.source, (register) => withAppendTime(register, { ...declared, appendTimeMs: null }))
    world.nowMs += 7_200_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 0, stopped: { code: 'APPEND_TIME_AHEAD' } }])
    await expect(declareAppendTime(world, world.source, declared)).rejects.toMatchObject({ code: 'USAGE' })
    expect((await world.register()).overrides).toEqual([])
    world.nowMs += 1_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 1, stopped: null }])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 6: stops where what it needs next is gone from the log, never skipping it', async () => {
    const world = await worldOf()
    await world.append(0, click(world, user), click(world, user, 2))
    await drain(world.processor([0]))
    await world.append(0, click(world, user, 4), click(world, user, 8))
    world.log.moveStart(world.topic, 0, 3)
    const processor = world.processor([0])
    await drain(processor)
    expect(codes(world)).toEqual(['LOG_OFFSET_GONE'])
    expect((await bucketOf(world)).next).toBe(2)
    world.nowMs += 1_000
    await processor.step()
    expect((await heartbeatOf(world)).stopped).toMatchObject({ code: 'LOG_OFFSET_GONE' })
  })

  it('lets a view that cannot start not stop the others', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user), click(world, THERE[0]))
    await drain(processor)
    world.log.moveStart(world.topic, 0, 1)
    world.nowMs += 60_000
    await drain(processor)
    world.views = [totals, large]
    processor.setViews(world.views)
    await world.append(0, click(world, user, 4))
    await drain(processor)
    expect(world.alarms).toMatchObject([{ code: 'LOG_OFFSET_GONE', where: 'source clicks, partition 0, view large@1' }])
    world.views = [totals]
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 6: stops where a topic was made anew, also when nothing comes', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    world.log.makeAnew(world.topic)
    world.nowMs += 1_000
    await drain(processor)
    expect(codes(world)).toEqual(['LOG_REPLACED'])
    await world.append(0, click(world, user, 2), click(world, user, 2))
    await drain(world.processor([0]))
    expect(codes(world)).toEqual(['LOG_REPLACED', 'LOG_REPLACED'])
  })

  it('law 6: compares each fence with the log, also where others are as far', async () => {
    const world = await worldOf()
    await world.append(0, click(world, user))
    const processor = world.processor([0])
    await drain(processor)
    // So that the fences of all buckets are at the same place.
    world.nowMs += 60_000
    await drain(processor)
    const [state] = await world.store.read([{ ...bucketOfHere, entities: [], partitions: [0] }])
    const fence = decodeFence(state!.fences[0]!, '')
    const ofAnother = encodeFence({ ...fence, mark: { ...fence.mark!, checksum: fence.mark!.checksum + 1 } })
    await world.store.write(bucketOfHere, { expected: { fences: [], chunks: [] }, put: { fences: [{ partition: 0, bytes: ofAnother }], chunks: [] } })
    await drain(world.processor([0]))
    expect(codes(world)).toEqual(['LOG_REPLACED'])
  })

  it('law 6: notices a record in the place of offsets that nobody saw', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    world.log.appendInvisible(world.topic, 0, 1)
    await drain(processor)
    world.log.truncate(world.topic, 0, 1)
    await world.append(0, click(world, user, 2), click(world, user, 4))
    await drain(processor)
    expect(codes(world)).toEqual(['LOG_REPLACED'])
  })
})

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
    await drain(processor)
    world.nowMs += 1_000
    await processor.step()
    expect((await heartbeatOf(world)).brokenEpochs).toEqual([epoch + 1])
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
