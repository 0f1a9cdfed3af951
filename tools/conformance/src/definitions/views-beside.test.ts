// Views that come while others are served, and have a long log behind them: those that are served wait for nothing, and what is told once for all views,
// dead letters and how far the log is read, is told once.

import { createMemoryConsumerGroups } from '@tidemark/adapter-memory/memory-consumer-groups'
import { MemoryEventLog } from '@tidemark/adapter-memory/memory-event-log'
import { createMemoryObjectStore } from '@tidemark/adapter-memory/memory-object-store'
import { createMemoryRegisterStore } from '@tidemark/adapter-memory/memory-register-store'
import { MemorySpeedViewStore } from '@tidemark/adapter-memory/memory-speed-view-store'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { speedGroupOf } from '@tidemark/pipelines/ingest/group-names'
import { decodeHeartbeat, type Heartbeat } from '@tidemark/pipelines/ingest/heartbeat'
import { StreamPart } from '@tidemark/pipelines/lambda/stream-part'
import type { Revision } from '@tidemark/ports/revision'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { overriding } from '../ingest/pausable-store.ts'

const START_MS = 1_700_000_000_000
const BACKLOG_COUNT = 2_000
const POLL_COUNT = 50
const CHECK_MS = 1_000

const payments = eventSource('payments', { fields: { at: timestamp(), card: string() }, eventTime: 'at' })
const planOf = (version: number): ViewPlan => planView(featureView('cards', { version, source: payments, entity: { card: 'card' }, buckets: 2, features: { payments: count().over('lifetime') } }).definition, payments.definition)
const [first, second, third] = [planOf(1), planOf(2), planOf(3)]

const clock = createSteppedClock(START_MS)
let log: MemoryEventLog
let store: MemorySpeedViewStore
let part: StreamPart
let foldedCount: number
/** Views whose buckets were scanned. */
const swept = new Set<string>()

async function append(count: number, value = JSON.stringify({ at: clock.nowMs(), card: 'a' })): Promise<void> {
  await log.append([{ topic: 'payments', partition: 0, records: Array.from({ length: count }, () => ({ key: null, value: Buffer.from(value) })) }])
}

async function heartbeatOf({ view: { name, version } }: ViewPlan): Promise<Heartbeat> {
  const id = `${name}@${version}`
  return decodeHeartbeat((await store.heartbeats(id)).get(0)!, id)
}

/** Lets loops go on, for a round of sweepers and longer. */
async function pass(): Promise<void> {
  swept.clear()
  for (let i = 0; i < 12; i++) {
    clock.step(CHECK_MS)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
}

/** Some steps of each processor, and a check. */
async function stepOn(): Promise<void> {
  for (let i = 0; i < 4; i++) await part.step()
  clock.step(CHECK_MS)
  await part.step()
}

const end = async (): Promise<number> => (await log.extent('payments', 0)).end
const letterCount = async (): Promise<number> => (await log.extent('payments.dead-letters', 0)).end

beforeEach(async () => {
  log = new MemoryEventLog({ clock })
  store = new MemorySpeedViewStore({ historyCountMax: 8 })
  await log.ensureTopic('payments', 1)
  await log.ensureTopic('payments.dead-letters', 1)
  let revision = 0
  const newRevision = (): Revision => ++revision as Revision
  const ports = {
    log, clock, newRevision, schemas: undefined, groups: createMemoryConsumerGroups({ log, clock }), registers: createMemoryRegisterStore({ newRevision }),
    objects: createMemoryObjectStore(),
    speedViews: overriding(store, { scan: (bucket) => (swept.add(bucket.view), store.scan(bucket)) }),
  }
  const ingestLimits = { pollWaitMaxMs: 0, pollCountMax: POLL_COUNT, shareCountMin: POLL_COUNT, fetchCountMax: POLL_COUNT, checkEveryMs: CHECK_MS }
  part = await StreamPart.start({ source: payments.definition, plans: [first], ports, member: 'one', onAlarm: () => undefined, onFolded: (times) => void (foldedCount += times.length), ingestLimits })
  await append(BACKLOG_COUNT)
  await append(1, 'no JSON')
  await part.drain()
  foldedCount = 0
})

afterEach(() => part[Symbol.asyncDispose]())

describe('a view that comes while another is folded', () => {
  it('reads what is behind it beside that one, which is folded all the time', async () => {
    part.setViews([first, second])
    await stepOn()
    for (let i = 0; i < 5; i++) {
      await append(1)
      await stepOn()
      const [served, coming] = [await heartbeatOf(first), await heartbeatOf(second)]
      expect(served).toMatchObject({ nextOffset: await end(), caughtUpAtMs: expect.any(Number) })
      expect(coming.caughtUpAtMs).toBeNull()
      expect(part.status()).toMatchObject([{ nextOffset: await end(), lagMs: expect.any(Number) }])
    }
    await part.drain()
    await stepOn()
    expect(await heartbeatOf(second)).toMatchObject({ nextOffset: await end(), caughtUpAtMs: expect.any(Number) })
    // What it read of before it came is not late.
    expect(foldedCount).toBe(5)
  })

  it('is told of where it stands still', async () => {
    log.moveStart('payments', 0, 10)
    part.setViews([first, second])
    await stepOn()
    expect(part.status()).toMatchObject([{ stopped: { code: 'LOG_OFFSET_GONE' } }])
    expect(await heartbeatOf(first)).toMatchObject({ nextOffset: await end(), stopped: null })
  })

  it('is folded and swept while it is there, and nobody is at work for it any more once it goes', async () => {
    const ending = new AbortController()
    const running = Promise.all(part.loops.map((loop) => loop(ending.signal)))
    await pass()
    const waitingCount = clock.waiting().length
    expect([...swept]).toEqual(['cards@1'])
    part.setViews([first, second])
    await pass()
    expect([...swept]).toEqual(['cards@1', 'cards@2'])
    expect((await heartbeatOf(second)).writtenAtMs).toBe(clock.nowMs())
    expect(clock.waiting().length).toBeGreaterThan(waitingCount)
    part.setViews([first])
    await pass()
    expect([...swept]).toEqual(['cards@1'])
    expect(clock.waiting()).toHaveLength(waitingCount)
    ending.abort()
    await running
  })

  it('emits no dead letter, and says nothing of how far the log is read, until it is alone', async () => {
    part.setViews([first, second])
    await append(1, 'no JSON either')
    await part.drain()
    await stepOn()
    expect(await letterCount()).toBe(2)
    await append(1)
    part.setViews([second])
    await append(1, 'nor this')
    await part.drain()
    await stepOn()
    expect(await letterCount()).toBe(3)
    expect(await log.committed(speedGroupOf(payments.definition), 'payments', 0)).toBe(await end())
  })

  it('takes the place of one that goes with the same change', async () => {
    part.setViews([second])
    const { processor } = part
    part.setViews([second, third])
    expect(part.processor).toBe(processor)
    await part.drain()
    await stepOn()
    for (const plan of [second, third]) expect(await heartbeatOf(plan)).toMatchObject({ nextOffset: await end(), caughtUpAtMs: expect.any(Number) })
    part.setViews([third])
    expect(part.processor).not.toBe(processor)
    await append(1)
    await stepOn()
    expect(await heartbeatOf(third)).toMatchObject({ nextOffset: await end(), caughtUpAtMs: expect.any(Number) })
  })

  it('leaves those that stay where they were when one of them goes', async () => {
    part.setViews([first, second, third])
    await part.drain()
    await stepOn()
    const gone = await heartbeatOf(second)
    part.setViews([first, third])
    clock.step(CHECK_MS)
    await part.step()
    expect(await heartbeatOf(second)).toEqual(gone)
    for (const plan of [first, third]) expect(await heartbeatOf(plan)).toMatchObject({ nextOffset: await end(), caughtUpAtMs: expect.any(Number) })
    expect(part.status()).toMatchObject([{ nextOffset: await end(), lagMs: expect.any(Number) }])
  })
})
