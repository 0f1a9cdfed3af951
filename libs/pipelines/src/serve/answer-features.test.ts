// Law 7: what an answer says of its lag holds for the state that it was made of.

import { expect, it } from '@jest/globals'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { encodeHeartbeat, HEARTBEAT_VERSION } from '../ingest/heartbeat.ts'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer } from './answer-features.ts'
import { catalogOf } from './feature-catalog.ts'

const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, features: { clicks: count().over('1h') } })
const NOW_MS = 1_000_000

function heartbeatOf(caughtUpAtMs: number): Uint8Array {
  return encodeHeartbeat({
    formatVersion: HEARTBEAT_VERSION, writtenAtMs: caughtUpAtMs, logEnd: 0, logEndSeenAtMs: caughtUpAtMs, nextOffset: 0, caughtUpAtMs, knownTimeMs: null, epoch: null,
    stopped: null, brokenEpochs: [],
  })
}

it('does not tell the lag of a heartbeat that came after its state was read', async () => {
  let caughtUpAtMs = NOW_MS - 700
  const speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'> = {
    heartbeats: () => Promise.resolve(new Map([[0, heartbeatOf(caughtUpAtMs)]])),
    read: (questions) => {
      caughtUpAtMs = NOW_MS
      return Promise.resolve(questions.map(({ entities }) => ({ record: encodeBucketRecord({ startsAfterEpoch: -Infinity, replaying: [] }), fences: [], entities: entities.map(() => [null, null, null]) })))
    },
  }
  const catalog = catalogOf({ formatVersion: 1, sources: [clicks.definition], views: [totals.definition], services: [] })
  const server = createFeatureServer({
    catalog: () => catalog, registers: createPlainRegisters(), batchViews: {} as BatchViewStore, speedViews: speedViews as SpeedViewStore,
    clock: { nowMs: () => NOW_MS, steadyMs: () => NOW_MS, wait: () => new Promise(() => undefined) },
  })
  const answer = await server.answer({ asked: { features: [{ view: 'totals', feature: 'clicks_1h' }] }, entities: [{ user: 'ada' }], policy: 'degrade', deadlineMs: 1_000, explain: false })
  expect(answer).toMatchObject({ entities: [{ values: [{ status: 'NOT_FOUND' }] }], views: [{ generation: 0, lagMs: 700 }], degraded: [] })
})
