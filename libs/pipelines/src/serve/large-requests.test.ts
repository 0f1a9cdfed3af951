// A large request is answered by its deadline with what is there by then, and does not hold up the small ones beside it. Time passes by being
// looked at: each look at the clock is a millisecond of work.
import { describe, expect, it } from '@jest/globals'
import { encodeChunk } from '@tidemark/aggregation/testing/encode-chunk'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { Revision } from '@tidemark/ports/revision'
import type { EntityChunks, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { encodeHeartbeat, HEARTBEAT_VERSION } from '../ingest/heartbeat.ts'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer, type FeatureServer } from './answer-features.ts'
import { catalogOf } from './feature-catalog.ts'
import type { AnsweredEntity } from './feature-answer.ts'
import type { FeatureRequest } from './feature-request.ts'

const BEGAN_AT_MS = 1_700_000_000_000
const trips = eventSource('trips', { fields: { at: timestamp(), driver: string() }, eventTime: 'at' })
const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, features: { trips: count().default(-1).over('lifetime') } })
const others = featureView('others', { source: trips, entity: { driver: 'driver' }, features: { trips: count().default(-1).over('lifetime') } })
const catalog = catalogOf(collectDefinitions([trips, drivers, others]))
const plan = catalog.plans[0]!

const EVENTS_MAX = 5
const event = (offset: number) => ({ fields: [BEGAN_AT_MS - 1_000, 'x'], eventTimeMs: BEGAN_AT_MS - 1_000, appendTimeMs: BEGAN_AT_MS - 1_000, partition: 0, offset, epoch: 1 })
/** States of entities with so many events. */
const statesByCount = Array.from({ length: EVENTS_MAX }, (_, eventCount): EntityChunks => {
  const panes = panesOfEvents(plan, Array.from({ length: eventCount + 1 }, (__, offset) => event(offset)), () => BEGAN_AT_MS - 1_000)
  return [{ revision: eventCount as Revision, bytes: encodeChunk(plan, { kind: 1, logTimeMs: BEGAN_AT_MS - 1_000, droppedThroughEpoch: -Infinity, panes, truncations: [] }) }, null, null]
})
const countOf = (i: number): number => (i % EVENTS_MAX) + 1

interface World {
  readonly server: FeatureServer
  readonly clock: WaitingClock
  /** Entities that the speed store was asked for. */
  readCount: number
}

interface WorldOptions {
  readonly msPerLook?: number
  readonly sliceMaxMs?: number
  /** The speed store has its state at hand. */
  readonly isAtHand?: boolean
}

function openWorld({ msPerLook = 1, sliceMaxMs, isAtHand = false }: WorldOptions = {}): World {
  let nowMs = BEGAN_AT_MS
  const look = (): number => (nowMs += msPerLook)
  const clock: WaitingClock = { nowMs: look, steadyMs: look, wait: () => new Promise((resolve) => setImmediate(resolve)) }
  const speedViews: Pick<SpeedViewStore, 'read' | 'heartbeats'> = {
    read(questions) {
      const states = questions.map(({ entities, partitions }) => {
        world.readCount += entities.length
        return { record: encodeBucketRecord({ startsAfterEpoch: -Infinity, replaying: [] }), fences: partitions.map(() => null), entities: entities.map((key) => statesByCount[Number(/\d+$/.exec(Buffer.from(key).toString())![0]) % EVENTS_MAX]!) }
      })
      return isAtHand ? states : Promise.resolve(states)
    },
    heartbeats: async () => new Map([[0, encodeHeartbeat({
      formatVersion: HEARTBEAT_VERSION, writtenAtMs: nowMs, logEnd: 9, logEndSeenAtMs: nowMs, nextOffset: 9, caughtUpAtMs: nowMs, knownTimeMs: null, epoch: null, stopped: null, brokenEpochs: [],
    })]]),
  }
  const server = createFeatureServer({
    catalog: () => catalog, registers: createPlainRegisters(), batchViews: {} as BatchViewStore, speedViews: speedViews as SpeedViewStore, clock, ...(sliceMaxMs !== undefined && { sliceMaxMs }),
  })
  const world: World = { server, clock, readCount: 0 }
  return world
}

function requestFor(entityCount: number, rest: Partial<FeatureRequest> = {}): FeatureRequest {
  return {
    asked: { features: [{ view: 'drivers', feature: 'trips_lifetime' }] }, entities: Array.from({ length: entityCount }, (_, i) => ({ driver: `d${i}` })),
    policy: 'degrade', deadlineMs: 10_000, explain: false, ...rest,
  }
}

/** How long each turn of the event loop took until the work was done. */
async function turnsOf({ clock }: World, work: () => Promise<unknown>): Promise<number[]> {
  const turnsMs: number[] = []
  let beforeMs = clock.nowMs()
  let isOver = false
  const watch = (): void => {
    const atMs = clock.nowMs()
    turnsMs.push(atMs - beforeMs)
    beforeMs = atMs
    if (!isOver && turnsMs.length < 10_000) setImmediate(watch)
  }
  setImmediate(watch)
  await work()
  isOver = true
  return turnsMs
}

/** Enough to resolve and read 100 entities, and to merge some of them. */
const SHORT = { entityCount: 100, deadlineMs: 250 }

describe('a large request', () => {
  it.each([false, true])('is answered in however many slices as in one, its state at hand: %j', async (isAtHand) => {
    const answers = await Promise.all([0, 7, Infinity].map(async (sliceMaxMs) => openWorld({ msPerLook: 0, sliceMaxMs, isAtHand }).server.answer(requestFor(1_000, { explain: true }))))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]!.degraded).toEqual([])
    expect(answers[0]!.entities.map(({ values }) => values[0]!.value)).toEqual(Array.from({ length: 1_000 }, (_, i) => countOf(i)))
  })

  it.each([false, true])('has what was merged by its deadline, and says of the rest that it was not, its state at hand: %j', async (isAtHand) => {
    const { entityCount, deadlineMs } = SHORT
    const { entities, degraded } = await openWorld({ isAtHand }).server.answer(requestFor(entityCount, { deadlineMs }))
    const mergedCount = entities.findIndex(({ values }) => values[0]!.status === 'UNAVAILABLE')
    expect(mergedCount).toBeGreaterThan(0)
    for (const [i, { values }] of entities.entries()) {
      expect(values).toEqual([i < mergedCount ? { status: 'PRESENT', value: countOf(i) } : { status: 'UNAVAILABLE', value: null, reason: 'deadline' }])
    }
    expect(degraded).toEqual([{ code: 'DEADLINE', view: 'drivers', message: `${entityCount - mergedCount} of ${entityCount} entities were not answered before the deadline.` }])
  })

  it('says so where one of its entities is late, as of many', async () => {
    const lateCounts = new Set<number>()
    for (let deadlineMs = 1; !lateCounts.has(0); deadlineMs++) {
      const { entities, degraded } = await openWorld({ sliceMaxMs: 0, isAtHand: true }).server.answer(requestFor(3, { deadlineMs }))
      const lateCount = entities.filter(({ values }) => values[0]!.reason === 'deadline').length
      expect(degraded.map(({ code }) => code)).toEqual(lateCount > 0 ? ['DEADLINE'] : [])
      lateCounts.add(lateCount)
    }
    expect(lateCounts).toContain(1)
  })

  it('is an error, or has defaults, where the policy says so', async () => {
    const { entityCount, deadlineMs } = SHORT
    await expect(openWorld().server.answer(requestFor(entityCount, { deadlineMs, policy: 'fail' }))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const { entities } = await openWorld().server.answer(requestFor(entityCount, { deadlineMs, policy: 'defaults' }))
    expect(entities.at(-1)!.values).toEqual([{ status: 'UNAVAILABLE', value: -1, reason: 'deadline', isDefault: true }])
  })

  it('gives each entity its form in its slices, and by its deadline', async () => {
    const FORM_LOOKS = 3
    const { entityCount, deadlineMs } = SHORT
    const world = openWorld({ sliceMaxMs: 5, isAtHand: true })
    let formedCount = 0
    const form = ({ values }: AnsweredEntity): string => {
      for (let look = 0; look < FORM_LOOKS; look++) world.clock.nowMs()
      formedCount++
      return String(values[0]!.status)
    }
    const turnsMs = await turnsOf(world, async () => world.server.answerAs(form, requestFor(1_000)))
    // A slice and a few looks: 1,000 entities take thousands.
    expect(Math.max(...turnsMs.slice(1))).toBeLessThan(30)
    expect(formedCount).toBe(1_000)
    formedCount = 0
    const { entities, degraded } = await world.server.answerAs(form, requestFor(entityCount, { deadlineMs }))
    const inTimeCount = entities.indexOf('UNAVAILABLE')
    expect(inTimeCount).toBeGreaterThan(0)
    expect(entities).toEqual([...new Array<string>(inTimeCount).fill('PRESENT'), ...new Array<string>(entityCount - inTimeCount).fill('UNAVAILABLE')])
    expect(degraded).toMatchObject([{ code: 'DEADLINE', message: `${entityCount - inTimeCount} of ${entityCount} entities were not answered before the deadline.` }])
    // What is late is all the same.
    expect(formedCount).toBe(inTimeCount + 1)
    await expect(world.server.answerAs(form, requestFor(entityCount, { deadlineMs, policy: 'fail' }))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  it('has an entity of all its views, or of none', async () => {
    const features = ['drivers', 'others'].map((view) => ({ view, feature: 'trips_lifetime' }))
    const { entities, degraded } = await openWorld({ isAtHand: true }).server.answer(requestFor(100, { asked: { features }, deadlineMs: 480 }))
    const mergedCount = entities.findIndex(({ values }) => values[0]!.status === 'UNAVAILABLE')
    expect(mergedCount).toBeGreaterThan(0)
    for (const [i, { values }] of entities.entries()) expect(values.map(({ status }) => status)).toEqual(new Array(2).fill(i < mergedCount ? 'PRESENT' : 'UNAVAILABLE'))
    expect(degraded.map(({ code, view }) => [code, view])).toEqual([['DEADLINE', 'drivers'], ['DEADLINE', 'others']])
  })

  it('explains a feature once that is asked for again', async () => {
    const features = new Array(3).fill({ view: 'drivers', feature: 'trips_lifetime' })
    const { entities } = await openWorld().server.answer(requestFor(1, { asked: { features }, explain: true }))
    expect([entities[0]!.values.length, entities[0]!.explanation![0]!.features.length]).toEqual([3, 1])
  })

  it('ends reading at its deadline', async () => {
    const world = openWorld()
    const { entities, degraded } = await world.server.answer(requestFor(1_000, { deadlineMs: 1_100 }))
    expect(new Set(entities.map(({ values }) => values[0]!.reason))).toEqual(new Set(['deadline']))
    expect(degraded).toMatchObject([{ code: 'DEADLINE', message: 'It was not read before the deadline.' }])
    // What it had begun to read goes on no further.
    for (let turn = 0; turn < 1_000; turn++) await world.clock.wait(0)
    expect(world.readCount).toBeLessThan(1_000)
  })

  it.each([false, true])('lets small ones go first, and heeds that it waited before it was begun, its state at hand: %j', async (isAtHand) => {
    const world = openWorld({ isAtHand })
    const order: string[] = []
    const answer = async (name: string, entityCount: number): Promise<void> => {
      await world.server.answer(requestFor(entityCount))
      order.push(name)
    }
    await Promise.all([answer('large', 1_000), answer('small', 1)])
    expect(order).toEqual(['small', 'large'])
    const late = openWorld({ isAtHand })
    const { degraded } = await late.server.answer(requestFor(1), late.clock.steadyMs() - 10_000)
    expect([degraded.map(({ code }) => code), late.readCount]).toEqual([['DEADLINE'], 0])
  })

  it('shares the slice of a turn with all other large ones', async () => {
    const world = openWorld({ sliceMaxMs: 5 })
    const turnsMs = await turnsOf(world, () => Promise.all(Array.from({ length: 50 }, async () => world.server.answer(requestFor(20)))))
    // Each of the 50 looks once before it waits; a turn of its own is a slice and little more.
    expect(Math.max(...turnsMs.slice(1))).toBeLessThan(20)
  })
})

describe('a small request', () => {
  it('is answered at once where all of it is at hand', async () => {
    const { server } = openWorld({ isAtHand: true })
    const first = await server.answer(requestFor(1))
    // Pointer and heartbeats are at hand from now on.
    const second = server.answer(requestFor(1))
    expect(second).not.toBeInstanceOf(Promise)
    expect(await second).toMatchObject({ entities: first.entities, degraded: [] })
    const failed = server.answer({ ...requestFor(1), entities: [{}] })
    await expect(failed).rejects.toMatchObject({ code: 'ENTITY_INVALID' })
  })
})
