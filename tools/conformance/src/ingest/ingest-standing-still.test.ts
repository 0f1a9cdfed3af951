// Where the stream processor stands still, with an alarm, and how it goes on.

import { describe, expect, it } from '@jest/globals'
import { changeSealRegister } from '@tidemark/pipelines/log/change-seal-register'
import { decodeFence, encodeFence } from '@tidemark/pipelines/log/fence'
import { withAppendTime } from '@tidemark/pipelines/log/seal-register'
import { CLICKS, HERE, large, THERE, totals, USERS } from './ingest-definitions.ts'
import { judgeAll } from './ingest-judge.ts'
import { bucketOf, codes, heartbeatOf, worldOf } from './ingest-looks.ts'
import { click, drain } from './ingest-schedules.ts'

const [user] = HERE

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
    await world.declareAppendTime({ partition: 0, offset: 1, appendTimeMs: world.nowMs })
    world.nowMs += 1_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 3, stopped: null }])
    expect(await judgeAll(world, USERS)).toBeNull()
  })

  it('law 4: goes on with one declared time behind all that came while a clock was ahead', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    world.log.shiftAppendTimes(world.topic, 0, 3_600_000)
    for (let i = 0; i < 5; i++) await world.append(0, click(world, user, 2 ** i))
    world.log.shiftAppendTimes(world.topic, 0, 0)
    await world.append(0, click(world, user, 32))
    await drain(processor)
    const appendTimeMs = world.nowMs
    expect(await world.declareAppendTime({ partition: 0, offset: 0, appendTimeMs })).toBe(4)
    for (let i = 0; i < 2; i++) {
      world.nowMs += 1_000
      await drain(processor)
    }
    expect(codes(world)).toEqual(['APPEND_TIME_AHEAD'])
    expect(processor.status()).toMatchObject([{ nextOffset: 6, stopped: null }])
    expect((await heartbeatOf(world)).knownTimeMs).toBe(appendTimeMs)
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
        await world.declareAppendTime(declared)
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
    await changeSealRegister(world.registers, world.source, (register) => withAppendTime(register, { ...declared, through: declared.offset, appendTimeMs: null }))
    world.nowMs += 7_200_000
    await drain(processor)
    expect(processor.status()).toMatchObject([{ nextOffset: 0, stopped: { code: 'APPEND_TIME_AHEAD' } }])
    await expect(world.declareAppendTime(declared)).rejects.toMatchObject({ code: 'USAGE' })
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

  it.each<[number, readonly string[]]>([[2, []], [3, ['LOG_OFFSET_GONE']]])('law 6: misses the one record that it needs next, and none before that: the log begins at %i', async (start, expected) => {
    const world = await worldOf()
    const before = world.processor([0])
    await world.append(0, click(world, user), click(world, user, 2))
    await drain(before)
    world.nowMs += 60_000
    await drain(before)
    await world.append(0, click(world, user, 4), click(world, user, 8))
    world.log.moveStart(world.topic, 0, start)
    await drain(world.processor([0]))
    expect(codes(world)).toEqual(expected)
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
    // Once it goes, nothing stands still any more, and nothing is looked at again because of it.
    processor.setViews(world.views)
    expect((await processor.step()).did).toBe('took-up')
    world.nowMs += 3_600_000
    expect((await processor.step()).did).toBe('checked')
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
    // Nothing that it has read is gone on with.
    expect(processor.status()).toMatchObject([{ nextOffset: null, stopped: { code: 'LOG_REPLACED' } }])
    await world.append(0, click(world, user, 2), click(world, user, 2))
    await drain(world.processor([0]))
    expect(codes(world)).toEqual(['LOG_REPLACED', 'LOG_REPLACED'])
  })

  it('law 6: compares each fence with the log, also where others are as far', async () => {
    const world = await worldOf()
    world.views = [totals, large]
    await world.append(0, click(world, user))
    const processor = world.processor([0])
    await drain(processor)
    // So that the fences of all buckets are at the same place.
    world.nowMs += 60_000
    await drain(processor)
    const bucket = { view: 'large@1', bucket: 1 }
    const [state] = await world.store.read([{ ...bucket, entities: [], partitions: [0] }])
    const fence = decodeFence(state!.fences[0]!, '')
    const ofAnother = encodeFence({ ...fence, mark: { ...fence.mark!, checksum: fence.mark!.checksum + 1 } })
    await world.store.write(bucket, { expected: { fences: [], chunks: [] }, put: { fences: [{ partition: 0, bytes: ofAnother }], chunks: [] } })
    await drain(world.processor([0]))
    expect(codes(world)).toEqual(['LOG_REPLACED'])
  })

  it.each([[1, 2], [2, 2], [2, 1], [2, 0]])('law 6: stops where the log is cut short before a fence that it has yet to come to, after %i steps, and %i records come', async (stepCount, recordCount) => {
    const world = await worldOf()
    const before = world.processor([0])
    await world.append(0, click(world, user))
    await drain(before)
    // The other bucket is brought nothing, and stays behind.
    await world.append(0, click(world, THERE[0]), click(world, THERE[0], 2))
    await drain(before)
    const processor = world.processor([0])
    for (const did of ['took-up', 'checked'].slice(0, stepCount)) expect((await processor.step()).did).toBe(did)
    expect(processor.status()).toMatchObject([{ nextOffset: 1, stopped: null }])
    world.log.truncate(world.topic, 0, 2)
    for (let i = 0; i < recordCount; i++) await world.append(0, click(world, THERE[0], 4))
    await drain(processor)
    world.nowMs += 1_000
    await drain(processor)
    expect(codes(world)).toEqual(['LOG_REPLACED'])
    expect(processor.status()).toMatchObject([{ stopped: { code: 'LOG_REPLACED' } }])
  })

  it('laws 6 and 10: stops where the log is cut short before what was searched for dead letters, though no fence is as far', async () => {
    const world = await worldOf()
    const processor = world.processor([0])
    await world.append(0, click(world, user))
    await drain(processor)
    await world.append(0, 'no JSON', 'no JSON')
    await drain(processor)
    world.log.truncate(world.topic, 0, 2)
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
