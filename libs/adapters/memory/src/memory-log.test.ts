// The log, consumer groups and speed views in memory under the suites of their ports, and what they do besides.
import { describe, expect, it } from '@jest/globals'
import { consumerGroupsContract } from '@tidemark/ports/consumer-groups.contract'
import { eventLogContract } from '@tidemark/ports/event-log.contract'
import { SESSION_TIMEOUT_DEFAULT_MS } from '@tidemark/ports/group-members'
import type { Revision } from '@tidemark/ports/revision'
import type { BucketWrite } from '@tidemark/ports/speed-view-store'
import { speedViewStoreContract } from '@tidemark/ports/speed-view-store.contract'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { createMemoryConsumerGroups } from './memory-consumer-groups.ts'
import { MemoryEventLog, RECORD_SIZE_MAX_BYTES } from './memory-event-log.ts'
import { MemorySpeedViewStore } from './memory-speed-view-store.ts'

const nothingToClose = { [Symbol.asyncDispose]: () => Promise.resolve() }
const NO_LIMITS = { countMax: 100, sizeMaxBytes: 1_000_000, waitMaxMs: 0 }
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

eventLogContract('memory', async () => {
  const clock = createSteppedClock(1_000_000)
  const log = new MemoryEventLog({ clock })
  return {
    ...nothingToClose,
    log,
    other: log,
    nowMs: clock.nowMs,
    step: clock.step,
    recordSizeMaxBytes: RECORD_SIZE_MAX_BYTES,
    moveStart: async (topic, partition, start) => log.moveStart(topic, partition, start),
    appendInvisible: async (topic, partition, count) => log.appendInvisible(topic, partition, count),
  }
})

consumerGroupsContract('memory', async () => {
  const clock = createSteppedClock(1_000_000)
  const log = new MemoryEventLog({ clock })
  const groups = createMemoryConsumerGroups({ log, clock })
  return { ...nothingToClose, log, groups, other: groups, step: clock.step, sessionTimeoutMs: SESSION_TIMEOUT_DEFAULT_MS }
})

speedViewStoreContract('memory', async () => {
  const store = new MemorySpeedViewStore()
  return { ...nothingToClose, store, other: store }
})

describe('MemoryEventLog', () => {
  async function filled(): Promise<{ log: MemoryEventLog; append: (...values: string[]) => Promise<unknown>; texts: (from: number) => Promise<(string | null)[]> }> {
    const log = new MemoryEventLog({ clock: createSteppedClock(100) })
    await log.ensureTopic('t', 2)
    const append = (...values: string[]): Promise<unknown> => log.append([{ topic: 't', partition: 0, records: values.map((value) => ({ key: null, value: bytes(value) })) }])
    await append('a', 'b', 'c', 'd')
    const texts = async (from: number): Promise<(string | null)[]> => (await log.fetch('t', 0, from, NO_LIMITS)).records.map(({ value }) => value && new TextDecoder().decode(value))
    return { log, append, texts }
  }

  it('is cut short, and grows again with other records', async () => {
    const { log, append, texts } = await filled()
    log.truncate('t', 0, 2)
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 2, appendedEnd: 2 })
    await expect(log.fetch('t', 0, 3, NO_LIMITS)).rejects.toMatchObject({ code: 'LOG_OFFSET_GONE' })
    await append('x')
    expect(await texts(1)).toEqual(['b', 'x'])
  })

  it('shows nothing behind a transaction before that is decided', async () => {
    const { log, append, texts } = await filled()
    log.hold('t', 0)
    await append('x')
    expect(await texts(3)).toEqual(['d'])
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 4, appendedEnd: 5 })
    log.release('t', 0)
    expect(await texts(3)).toEqual(['d', 'x'])
  })

  it('is made anew, and keeps what was committed of it', async () => {
    const { log, append, texts } = await filled()
    await log.commit({ group: 'g', topic: 't', partition: 0, offset: 4 })
    log.makeAnew('t')
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
    expect(await log.committed('g', 't', 0)).toBe(4)
    await append('x')
    expect(await texts(0)).toEqual(['x'])
  })

  it('tells a fetch that waits of a log that was cut short under it', async () => {
    const { log } = await filled()
    const fetched = log.fetch('t', 0, 4, { ...NO_LIMITS, waitMaxMs: 1_000 })
    log.truncate('t', 0, 1)
    await expect(fetched).rejects.toMatchObject({ code: 'LOG_OFFSET_GONE' })
  })

  it('compacts records away and stamps partitions by clocks of their own', async () => {
    const { log, append } = await filled()
    log.compact('t', 0, 1)
    log.shiftAppendTimes('t', 0, -30)
    await append('e')
    const { records, next } = await log.fetch('t', 0, 0, NO_LIMITS)
    expect(records.map(({ offset, appendTimeMs }) => [offset, appendTimeMs])).toEqual([[0, 100], [2, 100], [3, 100], [4, 70]])
    expect(next).toBe(5)
    const [other] = await log.append([{ topic: 't', partition: 1, records: [{ key: null, value: null }] }])
    expect(other).toEqual({ firstOffset: 0, appendTimeMs: 100 })
  })
})

describe('MemorySpeedViewStore', () => {
  const bucket = { view: 'v@1', bucket: 0 }
  const writeOf = (revision: number): BucketWrite => ({ expected: { fences: [], chunks: [] }, put: { fences: [], chunks: [{ entity: bytes('a'), chunk: 0, stored: { revision: revision as Revision, bytes: bytes('x') } }] } })
  const revisionIn = async (store: MemorySpeedViewStore): Promise<number | null> => (await store.read([{ ...bucket, entities: [bytes('a')], partitions: [] }]))[0]!.entities[0]![0]?.revision ?? null

  it('fails over to an earlier state of a bucket', async () => {
    const store = new MemorySpeedViewStore({ historyCountMax: 3 })
    for (let revision = 1; revision <= 5; revision++) await store.write(bucket, writeOf(revision))
    expect(store.writtenBuckets()).toEqual([bucket])
    expect(store.failOver(bucket, 4)).toBe(false)
    expect(store.failOver(bucket, 2)).toBe(true)
    expect(await revisionIn(store)).toBe(3)
    expect(store.failOver(bucket, 2)).toBe(false)
    expect(store.failOver(bucket, 1)).toBe(true)
    expect(await revisionIn(store)).toBe(2)
    store.wipe(bucket)
    expect(await revisionIn(store)).toBeNull()
  })
})
