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

async function append(count: number, value = JSON.stringify({ at: clock.nowMs(), card: 'a' })): Promise<void> {
  await log.append([{ topic: 'payments', partition: 0, records: Array.from({ length: count }, () => ({ key: null, value: Buffer.from(value) })) }])
}

async function heartbeatOf({ view: { name, version } }: ViewPlan): Promise<Heartbeat> {
  const id = `${name}@${version}`
  return decodeHeartbeat((await store.heartbeats(id)).get(0)!, id)
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
    objects: createMemoryObjectStore(), speedViews: store,
  }
  const ingestLimits = { pollWaitMaxMs: 0, pollCountMax: POLL_COUNT, shareCountMin: POLL_COUNT, fetchCountMax: POLL_COUNT, checkEveryMs: CHECK_MS }
  part = await StreamPart.start({ source: payments.definition, plans: [first], ports, member: 'one', onAlarm: () => undefined, ingestLimits })
  await append(BACKLOG_COUNT)
  await append(1, 'no JSON')
  await part.drain()
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
    part.setViews([first, third])
    clock.step(CHECK_MS)
    await part.step()
    for (const plan of [first, third]) expect(await heartbeatOf(plan)).toMatchObject({ nextOffset: await end(), caughtUpAtMs: expect.any(Number) })
    expect(part.status()).toMatchObject([{ nextOffset: await end(), lagMs: expect.any(Number) }])
  })
})
