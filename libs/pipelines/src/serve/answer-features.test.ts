// Law 7: what an answer says of its lag and its generation holds for what it was made of.

import { expect, it } from '@jest/globals'
import { encodeChunk } from '@tidemark/aggregation/testing/encode-chunk'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { Revision } from '@tidemark/ports/revision'
import type { Soon } from '@tidemark/ports/soon'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { encodeHeartbeat, HEARTBEAT_VERSION } from '../ingest/heartbeat.ts'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { openPartitions } from '../log/change-seal-register.ts'
import { emptyPointer, PIN_LEASE_MS, readPointer, replacePointer } from '../pointer.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer } from './answer-features.ts'
import type { FeatureAnswer } from './feature-answer.ts'
import { catalogOf } from './feature-catalog.ts'

const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, features: { clicks: count().over('1h') } })
const catalog = catalogOf({ formatVersion: 1, sources: [clicks.definition], views: [totals.definition], services: [] })
const NOW_MS = 1_000_000

function heartbeatOf(caughtUpAtMs: number): Uint8Array {
  return encodeHeartbeat({
    formatVersion: HEARTBEAT_VERSION, writtenAtMs: caughtUpAtMs, logEnd: 0, logEndSeenAtMs: caughtUpAtMs, nextOffset: 0, caughtUpAtMs, knownTimeMs: null, epoch: null,
    stopped: null, brokenEpochs: [],
  })
}

/** Asks for the one feature, of a state in which nothing is. */
function ask({ onRead = () => undefined, heartbeat = () => heartbeatOf(NOW_MS), registers = createPlainRegisters(), deadlineMs = 1_000, explain = false, steadyMs = () => NOW_MS, chunk = null }: {
  readonly onRead?: () => unknown
  readonly heartbeat?: () => Uint8Array
  readonly registers?: RegisterStore
  readonly deadlineMs?: number
  readonly explain?: boolean
  readonly steadyMs?: () => number
  /** What the stream has of whoever is asked for. */
  readonly chunk?: Uint8Array | null
}): Soon<FeatureAnswer> {
  const speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'> = {
    heartbeats: async () => {
      // It takes longer than what is asked for beside it.
      await new Promise(setImmediate)
      return new Map([[0, heartbeat()]])
    },
    read: async (questions) => {
      await onRead()
      return questions.map(({ entities, partitions }) => ({ record: encodeBucketRecord({ startsAfterEpoch: -Infinity, replaying: [] }), fences: partitions.map(() => null), entities: entities.map(() => [chunk && { revision: 1 as Revision, bytes: chunk }, null, null] as const) }))
    },
  }
  const batchViews: Pick<BatchViewStore, 'readNewest'> = { readNewest: async (_, __, entities) => entities.map(() => null) }
  const server = createFeatureServer({
    catalog: () => catalog, registers, batchViews: batchViews as BatchViewStore, speedViews: speedViews as SpeedViewStore,
    clock: { nowMs: () => NOW_MS, steadyMs, wait: () => new Promise(() => undefined) },
  })
  return server.answer({ asked: { features: [{ view: 'totals', feature: 'clicks_1h' }] }, entities: [{ user: 'ada' }], policy: 'degrade', deadlineMs, explain })
}

it('does not tell the lag of a heartbeat that came after its state was read', async () => {
  let caughtUpAtMs = NOW_MS - 700
  const answer = await ask({ heartbeat: () => heartbeatOf(caughtUpAtMs), onRead: () => void (caughtUpAtMs = NOW_MS) })
  expect(answer).toMatchObject({ entities: [{ values: [{ status: 'NOT_FOUND' }] }], views: [{ generation: 0, lagMs: 700 }], degraded: [] })
})

it('does not take a pointer that it has not read for one of a view without a generation', async () => {
  const away = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It is away.', where: 'registers', action: 'Wait.' }])
  const unread = { views: [{ view: 'totals', version: 1, generation: null, cut: null, lagMs: null }], entities: [{ values: [{ status: 'UNAVAILABLE' }] }] }
  const registers: RegisterStore = { ...createPlainRegisters(), read: () => Promise.reject(away) }
  expect(await ask({ registers })).toMatchObject({ ...unread, degraded: [{ code: 'BATCH_UNAVAILABLE' }] })
  expect(await ask({ deadlineMs: 0 })).toMatchObject({ ...unread, degraded: [{ code: 'DEADLINE' }] })
  expect(await ask({})).toMatchObject({ views: [{ generation: 0, cut: null, lagMs: 0 }], degraded: [] })
})

it('law 4: is of a time after everything that it is made of, where the log\'s clock is ahead', async () => {
  const plan = catalog.plans[0]!
  const appendTimeMs = NOW_MS + 20
  const event = { fields: [appendTimeMs, 'ada'], eventTimeMs: appendTimeMs, appendTimeMs, partition: 0, offset: 0, epoch: 0 }
  const chunk = encodeChunk(plan, { kind: 1, logTimeMs: appendTimeMs, droppedThroughEpoch: -Infinity, panes: panesOfEvents(plan, [event], () => appendTimeMs), truncations: [] })
  expect(await ask({ chunk })).toMatchObject({ t: appendTimeMs + 1, entities: [{ values: [{ value: 1 }] }] })
})

it('is made under no pin that grew too old while it was read, as in a process that stood still', async () => {
  const registers = createPlainRegisters()
  const publish = async (n: number): Promise<void> => {
    const { revision } = await readPointer(registers, 'totals@1')
    await replacePointer(registers, revision, { ...emptyPointer('totals@1'), n, floor: n, next: n + 1, published: [{ n, base: 0, cut: n, publishedAtMs: 0 }] })
  }
  await publish(1)
  let steadyMs = NOW_MS
  const onRead = async (): Promise<void> => {
    if (steadyMs > NOW_MS) return
    steadyMs += PIN_LEASE_MS
    await publish(2)
  }
  expect(await ask({ registers, onRead, steadyMs: () => steadyMs })).toMatchObject({ views: [{ generation: 2, cut: 2 }] })
})

it('explains with the fences of every partition that may be in the state, of one too that was opened while it was read', async () => {
  const registers = createPlainRegisters()
  const open = (partition: number): Promise<unknown> => openPartitions(registers, clicks.definition, [{ partition, offset: 0 }])
  await open(0)
  const { entities: [entity] } = await ask({ registers, onRead: () => open(1), explain: true })
  expect(entity!.explanation![0]!.fences.map(({ partition }) => partition)).toEqual([0, 1])
})
