// What heartbeats make of an answer, and what the policy `fail` says of it: what is the matter with which partition, and what to do.
import { describe, expect, it } from '@jest/globals'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { encodeHeartbeat, HEARTBEAT_VERSION, type Heartbeat } from '../ingest/heartbeat.ts'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer } from './answer-features.ts'
import { catalogOf } from './feature-catalog.ts'
import type { Policy } from './feature-request.ts'
import { HEARTBEAT_AGE_MAX_MS, LAG_MAX_MS } from './freshness.ts'

const NOW_MS = 1_700_000_000_000
const trips = eventSource('trips', { fields: { at: timestamp(), driver: string() }, eventTime: 'at' })
const drivers = featureView('drivers', { source: trips, entity: { driver: 'driver' }, features: { trips: count().over('1h') } })
const catalog = catalogOf(collectDefinitions([trips, drivers]))
const healthy: Heartbeat = {
  formatVersion: HEARTBEAT_VERSION, writtenAtMs: NOW_MS, logEnd: 9, logEndSeenAtMs: NOW_MS, nextOffset: 9, caughtUpAtMs: NOW_MS, knownTimeMs: null, epoch: null, stopped: null, brokenEpochs: [],
}

function ask(policy: Policy, heartbeats: readonly Heartbeat[]) {
  const speedViews: Pick<SpeedViewStore, 'read' | 'heartbeats'> = {
    read: async (questions) => questions.map(({ entities }) => ({ record: encodeBucketRecord({ startsAfterEpoch: -Infinity, replaying: [] }), fences: [], entities: entities.map(() => [null, null, null]) })),
    heartbeats: async () => new Map(heartbeats.map((heartbeat, partition) => [partition, encodeHeartbeat(heartbeat)])),
  }
  const server = createFeatureServer({
    catalog: () => catalog, registers: createPlainRegisters(), batchViews: {} as BatchViewStore, speedViews: speedViews as SpeedViewStore,
    clock: { nowMs: () => NOW_MS, steadyMs: () => NOW_MS, wait: () => new Promise((resolve) => setImmediate(resolve)) },
  })
  return server.answer({ asked: { features: [{ view: 'drivers', feature: 'trips_1h' }] }, entities: [{ driver: 'd' }], policy, deadlineMs: 1_000, explain: false })
}

describe('freshness', () => {
  it('is whole where every partition is at the end of its log, and may be so for as long as the limits say', async () => {
    const oldest = { ...healthy, writtenAtMs: NOW_MS - HEARTBEAT_AGE_MAX_MS, caughtUpAtMs: NOW_MS - LAG_MAX_MS }
    expect(await ask('fail', [healthy, oldest])).toMatchObject({ degraded: [], views: [{ lagMs: LAG_MAX_MS }] })
  })

  it.each<[string, readonly Heartbeat[], string, RegExp, RegExp]>([
    ['nobody has said anything', [], 'SPEED_SILENT', /No processor has said how far it is/, /speed layer runs/],
    ['a processor is silent', [healthy, { ...healthy, writtenAtMs: NOW_MS - HEARTBEAT_AGE_MAX_MS - 1 }], 'SPEED_SILENT', /partition 1 was last heard 5001 ms ago/, /speed layer runs.*overloaded/],
    ['one is behind', [{ ...healthy, nextOffset: 2, caughtUpAtMs: NOW_MS - LAG_MAX_MS - 1 }], 'SPEED_LAGGING', /Partition 0 .* 10001 ms ago; 7 records were left/, /caught up, or add processors/],
    ['one has not caught up yet', [{ ...healthy, nextOffset: 2, caughtUpAtMs: null }], 'SPEED_LAGGING', /partition 0 has not caught up .* since it took it over; 7 records/, /caught up, or add processors/],
    ['one stands still', [{ ...healthy, stopped: { code: 'LOG_REPLACED', message: 'Another log.' } }], 'PARTITION_STOPPED', /Partition 0 stands still at offset 9: LOG_REPLACED, Another log\./, /alarm/],
    ['the seam is broken', [{ ...healthy, brokenEpochs: [4] }], 'SEAM_BROKEN', /cut 4/, /generation/],
  ])('is told where %s, and refused by the policy to fail with what is the matter and what to do', async (_, heartbeats, code, message, action) => {
    expect((await ask('degrade', heartbeats)).degraded).toEqual([{ code, view: 'drivers', message: expect.stringMatching(message) }])
    const problem = { code: 'NOT_SERVABLE', where: 'view drivers@1', message: expect.stringMatching(new RegExp(`^${code}: `)), action: expect.stringMatching(action) }
    await expect(ask('fail', heartbeats)).rejects.toMatchObject({ problems: [problem] })
  })
})
