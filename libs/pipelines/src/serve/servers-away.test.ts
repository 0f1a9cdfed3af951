// Law 7 and the deadline: a server that hangs or fails costs an answer what only that server has, and the next answers no time.

import { describe, expect, it } from '@jest/globals'
import { encodeBatchBlob } from '@tidemark/aggregation/batch-blob'
import { encodeChunk } from '@tidemark/aggregation/testing/encode-chunk'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { createSteppedClock, type SteppedClock } from '@tidemark/ports/stepped-clock'
import { encodeHeartbeat, HEARTBEAT_VERSION } from '../ingest/heartbeat.ts'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { viewId } from '../names.ts'
import { emptyPointer, replacePointer, type Pointer } from '../pointer.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer, type FeatureServer } from './answer-features.ts'
import { catalogOf } from './feature-catalog.ts'
import type { FeatureAnswer } from './feature-answer.ts'
import type { FeatureRequest } from './feature-request.ts'
import { SERVE_RULES, type ServeRules } from './read-view.ts'

const BEGAN_AT_MS = 1_700_000_000_000
const CUT = 5
const DEADLINE_MS = 1_000
/** More than a pin may be used for. */
const LONG_MS = 61_000
const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, features: { clicks: count().over('lifetime') } })
const catalog = catalogOf(collectDefinitions([clicks, totals]))
const plan = catalog.plans[0]!
const event = (offset: number, epoch: number) => ({ fields: [BEGAN_AT_MS - 2, 'x'], eventTimeMs: BEGAN_AT_MS - 2, appendTimeMs: BEGAN_AT_MS - 1, partition: 0, offset, epoch })
/** Of each entity: one event in the generation, and two of later epochs in the stream. */
const blob = encodeBatchBlob(plan, { logTimeMs: BEGAN_AT_MS - 1, throughEpoch: CUT, panes: panesOfEvents(plan, [event(0, CUT)], () => BEGAN_AT_MS - 1) })
const chunk = encodeChunk(plan, { kind: 1, logTimeMs: BEGAN_AT_MS - 1, droppedThroughEpoch: -Infinity, panes: panesOfEvents(plan, [event(1, CUT + 1), event(2, CUT + 1)], () => BEGAN_AT_MS - 1), truncations: [] })
const pointer: Pointer = { ...emptyPointer(viewId(plan.view)), n: 1, floor: 1, next: 2, published: [{ n: 1, base: 0, cut: CUT, publishedAtMs: BEGAN_AT_MS }] }

const AWAY = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'Nobody listens.', where: 'host:1', action: 'Look.' }])
const DAMAGED = new TidemarkError([{ code: 'STORE_DAMAGED', message: 'It is not what was written.', where: 'host:1', action: 'Look.' }])
/** A call that hangs ends when its server goes on. */
type Way = 'answers' | 'hangs' | 'fails' | 'damages'

class Server {
  way: Way = 'answers'
  callCount = 0
  private goOn: () => void = () => undefined
  private waits = new Promise<void>(() => undefined)

  async call<T>(answer: () => T | Promise<T>): Promise<T> {
    this.callCount++
    if (this.way === 'fails') throw AWAY
    if (this.way === 'damages') throw DAMAGED
    if (this.way === 'hangs') await this.waits
    return answer()
  }

  set(way: Way): void {
    if (this.way === 'hangs') this.goOn()
    this.waits = new Promise((resolve) => (this.goOn = resolve))
    this.way = way
  }
}

interface Asked {
  readonly users?: readonly string[]
  readonly request?: Partial<FeatureRequest>
}

interface World {
  readonly clock: SteppedClock
  readonly redis: Server
  readonly cassandra: Server
  readonly told: (readonly [string, Problem['code'] | null])[]
  /** Of each question: the answer, and how long it took. */
  ask(asked?: Asked): Promise<{ readonly answer: FeatureAnswer; readonly tookMs: number }>
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function openWorld({ rules = SERVE_RULES, hasGeneration = true }: { readonly rules?: ServeRules; readonly hasGeneration?: boolean } = {}): Promise<World> {
  const clock = createSteppedClock(BEGAN_AT_MS)
  const [redis, cassandra] = [new Server(), new Server()]
  const plain = createPlainRegisters()
  if (hasGeneration) await replacePointer(plain, null, pointer)
  const registers: RegisterStore = { ...plain, read: (name) => cassandra.call(() => plain.read(name)) }
  const batchViews: Pick<BatchViewStore, 'readNewest'> = { readNewest: (_, generation, entities) => cassandra.call(() => entities.map(() => ({ generation, blob }))) }
  const speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'> = {
    heartbeats: () => redis.call(() => new Map([[0, encodeHeartbeat({
      formatVersion: HEARTBEAT_VERSION, writtenAtMs: clock.nowMs(), logEnd: 3, logEndSeenAtMs: clock.nowMs(), nextOffset: 3, caughtUpAtMs: clock.nowMs(), knownTimeMs: null, epoch: null, stopped: null, brokenEpochs: [],
    })]])),
    read: (questions) => redis.call(() => questions.map(({ entities, partitions }) => ({
      record: encodeBucketRecord({ startsAfterEpoch: -Infinity, replaying: [] }), fences: partitions.map(() => null), entities: entities.map(() => [{ revision: 1 as Revision, bytes: chunk }, null, null] as const),
    }))),
  }
  const told: (readonly [string, Problem['code'] | null])[] = []
  const server: FeatureServer = createFeatureServer({
    catalog: () => catalog, registers, batchViews: batchViews as BatchViewStore, speedViews: speedViews as SpeedViewStore, clock, rules,
    onLeftOut: (name, problem) => told.push([name, problem?.code ?? null]),
  })
  return {
    clock, redis, cassandra, told,
    async ask({ users = ['ada'], request = {} } = {}) {
      const fromMs = clock.steadyMs()
      let isOver = false
      const asked = { asked: { features: [{ view: 'totals', feature: 'clicks_lifetime' }] }, entities: users.map((user) => ({ user })), policy: 'degrade', deadlineMs: DEADLINE_MS, explain: false, ...request } as const
      const answering = Promise.resolve(server.answer(asked)).finally(() => (isOver = true))
      answering.catch(() => undefined)
      await turns()
      while (!isOver) {
        clock.step(5)
        await turns()
      }
      return { answer: await answering, tookMs: clock.steadyMs() - fromMs }
    },
  }
}

const valuesOf = ({ entities }: FeatureAnswer): (readonly unknown[])[] => entities.map(({ values: [value] }) => [value!.value, value!.reason ?? value!.status])
const codesOf = ({ degraded }: FeatureAnswer): string[] => degraded.map(({ code }) => code)

const WHOLE = [3, 'PRESENT']
const OF_BATCH = [1, 'PRESENT']
const NO_BATCH = [null, 'batch_unavailable']

/** Asks until a server is left out. */
async function untilLeftOut(world: World): Promise<void> {
  for (let i = 0; i < 10 && world.told.length === 0; i++) await world.ask()
  expect(world.told.map(([, code]) => code)).toEqual(['STORE_UNAVAILABLE'])
}

describe('the server of speed views', () => {
  it('that hangs has its share of the deadline, and then the answer is of the generation alone', async () => {
    const world = await openWorld()
    expect(valuesOf((await world.ask()).answer)).toEqual([WHOLE])
    world.redis.set('hangs')
    const { answer, tookMs } = await world.ask()
    expect([valuesOf(answer), tookMs]).toEqual([[OF_BATCH], 800])
    expect(answer).toMatchObject({ views: [{ generation: 1, cut: CUT }], degraded: [{ code: 'SPEED_UNAVAILABLE', message: expect.stringContaining('within 800 ms') }] })
  })

  it('is looked for by a suite that would see it take the whole deadline', async () => {
    const world = await openWorld({ rules: { ...SERVE_RULES, shares: { reading: 1, pin: 1 } } })
    await world.ask()
    world.redis.set('hangs')
    const { answer } = await world.ask()
    expect([valuesOf(answer), codesOf(answer)]).toEqual([[[null, 'deadline']], ['DEADLINE']])
  })

  it.each(['hangs', 'fails'] as const)('that %s is left out before long, is tried by one read a second, and is read again once that succeeds', async (way) => {
    const world = await openWorld()
    await world.ask()
    world.redis.set(way)
    for (let i = 0; i < 12; i++) {
      world.clock.step(100)
      await turns()
      const { answer, tookMs } = await world.ask()
      expect([valuesOf(answer), codesOf(answer).includes('SPEED_UNAVAILABLE'), tookMs <= 805]).toEqual([[OF_BATCH], true, true])
    }
    expect(world.told).toEqual([['speedViews', 'STORE_UNAVAILABLE']])
    const before = world.redis.callCount
    let slowCount = 0
    for (let i = 0; i < 50; i++) {
      world.clock.step(40)
      await turns()
      const { answer, tookMs } = await world.ask()
      expect([valuesOf(answer), tookMs <= 60]).toEqual([[OF_BATCH], true])
      if (tookMs > 0) slowCount++
    }
    expect(world.redis.callCount - before).toBeLessThanOrEqual(3)
    expect(slowCount).toBeLessThanOrEqual(3)
    world.redis.set('answers')
    for (let passedMs = 0; passedMs < 1_100; passedMs += 50) {
      world.clock.step(50)
      await world.ask()
    }
    const { answer, tookMs } = await world.ask()
    expect([valuesOf(answer), codesOf(answer), tookMs]).toEqual([[WHOLE], [], 0])
    expect(world.told).toEqual([['speedViews', 'STORE_UNAVAILABLE'], ['speedViews', null]])
  })

  it('is not left out for reads that fail while others succeed, nor for deadlines that are short', async () => {
    const world = await openWorld()
    for (let i = 0; i < 40; i++) {
      world.redis.set(i % 4 === 3 ? 'answers' : 'fails')
      await world.ask()
      world.clock.step(100)
      await turns()
    }
    for (let i = 0; i < 20; i++) {
      world.redis.set('hangs')
      await world.ask({ request: { deadlineMs: 100 } })
      world.redis.set('answers')
      await turns()
    }
    expect(world.told).toEqual([])
  })

  it('has everything where there is no generation: nothing is told of an entity without it', async () => {
    const world = await openWorld({ hasGeneration: false })
    world.redis.set('fails')
    const { answer } = await world.ask()
    expect([valuesOf(answer), codesOf(answer)[0]]).toEqual([[[null, 'speed_unavailable']], 'SPEED_UNAVAILABLE'])
  })

  it('is what a request fails of that wants all or nothing, left out or not', async () => {
    const world = await openWorld()
    await world.ask()
    world.redis.set('hangs')
    const refused = { code: 'STORE_UNAVAILABLE', problems: expect.arrayContaining([expect.objectContaining({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('SPEED_UNAVAILABLE') })]) }
    await expect(world.ask({ request: { policy: 'fail' } })).rejects.toMatchObject(refused)
    await untilLeftOut(world)
    const fromMs = world.clock.steadyMs()
    await expect(world.ask({ request: { policy: 'fail' } })).rejects.toMatchObject(refused)
    expect(world.clock.steadyMs() - fromMs).toBe(0)
  })

  it('leaves nothing to explain, and the values that there are', async () => {
    const world = await openWorld()
    world.redis.set('hangs')
    const { answer, tookMs } = await world.ask({ request: { explain: true } })
    expect([valuesOf(answer), tookMs <= 810, answer.entities[0]!.explanation]).toEqual([[OF_BATCH], true, []])
  })
})

describe('the server of batch views and pointers', () => {
  it.each(['hangs', 'fails'] as const)('that %s keeps no entity from its values whose generation is in memory, for as long as a pin may be used', async (way) => {
    const world = await openWorld()
    await world.ask()
    world.clock.step(2_000)
    world.cassandra.set(way)
    const { answer, tookMs } = await world.ask({ users: ['ada', 'bea'] })
    expect([valuesOf(answer), codesOf(answer), tookMs]).toEqual([[WHOLE, NO_BATCH], ['BATCH_UNAVAILABLE'], way === 'hangs' ? 800 : 0])
    expect(answer.degraded[0]!.message).toContain('Of 1 of 2 entities.')
    const known = await world.ask()
    expect([valuesOf(known.answer), codesOf(known.answer)]).toEqual([[WHOLE], []])
    expect(known.answer).toMatchObject({ views: [{ generation: 1, cut: CUT }] })
    for (let i = 0; i < 8; i++) await world.ask({ users: [`other ${i}`] }).then(() => world.clock.step(300))
    expect(world.told).toEqual([['stores', 'STORE_UNAVAILABLE']])
    const { answer: atOnce, tookMs: atOnceMs } = await world.ask({ users: ['ada', 'eve'] })
    expect([valuesOf(atOnce), atOnceMs <= 60]).toEqual([[WHOLE, NO_BATCH], true])
    world.clock.step(LONG_MS)
    await turns()
    const { answer: old } = await world.ask()
    expect([valuesOf(old), codesOf(old)]).toEqual([[NO_BATCH], ['BATCH_UNAVAILABLE']])
    expect(old).toMatchObject({ views: [{ generation: null, cut: null }] })
    world.cassandra.set('answers')
    await turns()
    world.clock.step(1_000)
    await turns()
    await world.ask()
    const { answer: again } = await world.ask({ users: ['ada', 'bea'] })
    expect([valuesOf(again), codesOf(again)]).toEqual([[WHOLE, WHOLE], []])
  })

  it('that hangs keeps nobody waiting for what was asked before it was left out', async () => {
    const world = await openWorld()
    await world.ask()
    world.cassandra.set('hangs')
    for (let i = 0; i < 4; i++) await world.ask({ users: ['bea'] }).then(() => world.ask({ users: [`other ${i}`] }))
    expect(world.told).toHaveLength(1)
    const { answer, tookMs } = await world.ask({ users: ['bea'] })
    expect([valuesOf(answer), tookMs <= 60]).toEqual([[NO_BATCH], true])
  })

  it('is looked for by a suite that would see a pin used for too long', async () => {
    const world = await openWorld({ rules: { ...SERVE_RULES, isExpired: () => false } })
    await world.ask()
    world.cassandra.set('fails')
    world.clock.step(LONG_MS)
    expect(valuesOf((await world.ask()).answer)).toEqual([WHOLE])
  })

  it('whose pointer is damaged has no answer made by the one before', async () => {
    const world = await openWorld()
    await world.ask()
    world.clock.step(2_000)
    world.cassandra.set('damages')
    const { answer } = await world.ask()
    expect([valuesOf(answer), codesOf(answer)]).toEqual([[NO_BATCH], ['BATCH_UNAVAILABLE']])
    expect(world.told).toEqual([])
  })

  it('that hangs before any pointer was read leaves nothing to tell, and says so by its share of the deadline', async () => {
    const world = await openWorld()
    world.cassandra.set('hangs')
    const { answer, tookMs } = await world.ask()
    expect([valuesOf(answer), codesOf(answer), tookMs]).toEqual([[NO_BATCH], ['BATCH_UNAVAILABLE'], 800])
  })

  it('that hangs while a newer pointer is needed is not waited for beyond its share', async () => {
    const world = await openWorld({ rules: { ...SERVE_RULES, needsNewerPin: () => true } })
    await world.ask()
    world.cassandra.set('hangs')
    const { answer, tookMs } = await world.ask()
    expect([valuesOf(answer), codesOf(answer), tookMs]).toEqual([[NO_BATCH], ['BATCH_UNAVAILABLE'], 800])
  })
})

it('both servers away leave what is in memory, as of the generation', async () => {
  const world = await openWorld()
  await world.ask()
  world.clock.step(2_000)
  world.redis.set('hangs')
  world.cassandra.set('hangs')
  const { answer, tookMs } = await world.ask({ users: ['ada', 'bea'] })
  expect([valuesOf(answer), tookMs <= 810]).toEqual([[OF_BATCH, NO_BATCH], true])
  expect(codesOf(answer)).toEqual(expect.arrayContaining(['SPEED_UNAVAILABLE', 'BATCH_UNAVAILABLE']))
})
