// Law 7: a state that a store has lost a part of is told as lacking, until it is as far as it was, or a generation has what was lost.

import { expect, it } from '@jest/globals'
import { encodeChunk } from '@tidemark/aggregation/testing/encode-chunk'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { Revision } from '@tidemark/ports/revision'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { encodeHeartbeat, HEARTBEAT_VERSION } from '../ingest/heartbeat.ts'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { viewId } from '../names.ts'
import { emptyPointer, readPointer, replacePointer } from '../pointer.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer } from './answer-features.ts'
import { catalogOf } from './feature-catalog.ts'
import { PIN_SHARED_MAX_MS } from './pointer-pins.ts'

const HOUR_MS = 3_600_000
const FIRST_EPOCH = 500_000
const NOW_MS = (FIRST_EPOCH + 10) * HOUR_MS
const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at', epochLength: '1h' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, buckets: 64, features: { clicks: count().over('lifetime') } })
const catalog = catalogOf(collectDefinitions([clicks, totals]))
const plan = catalog.plans[0]!

function chunkOf(epoch: number): Uint8Array {
  const timeMs = epoch * HOUR_MS + 1
  const event = { fields: [timeMs, 'x'], eventTimeMs: timeMs, appendTimeMs: timeMs, partition: 0, offset: 0, epoch }
  return encodeChunk(plan, { kind: 1, logTimeMs: timeMs, droppedThroughEpoch: -Infinity, panes: panesOfEvents(plan, [event], () => timeMs), truncations: [] })
}

function openWorld() {
  const clock = createSteppedClock(NOW_MS)
  const registers = createPlainRegisters()
  /** By user, the epoch of the newest event that the store has. */
  const epochs = new Map([['ada', FIRST_EPOCH], ['bea', FIRST_EPOCH]])
  const bucketOf = new Map<string, number>()
  const replaying = new Set<string>()
  const userOf = (key: Uint8Array): string => Buffer.from(key).subarray(-3).toString()
  const speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'> = {
    heartbeats: async () => new Map([[0, encodeHeartbeat({
      formatVersion: HEARTBEAT_VERSION, writtenAtMs: clock.nowMs(), logEnd: 1, logEndSeenAtMs: clock.nowMs(), nextOffset: 1, caughtUpAtMs: clock.nowMs(), knownTimeMs: null, epoch: null, stopped: null, brokenEpochs: [],
    })]]),
    read: async (questions) => questions.map(({ bucket, entities }) => {
      const users = entities.map(userOf)
      for (const user of users) bucketOf.set(user, bucket)
      return {
        record: encodeBucketRecord({ startsAfterEpoch: -Infinity, replaying: users.some((user) => replaying.has(user)) ? [0] : [] }), fences: [],
        entities: users.map((user) => [{ revision: 1 as Revision, bytes: chunkOf(epochs.get(user)!) }, null, null] as const),
      }
    }),
  }
  const batchViews: Pick<BatchViewStore, 'readNewest'> = { readNewest: async (_, __, entities) => entities.map(() => null) }
  const server = createFeatureServer({ catalog: () => catalog, registers, batchViews: batchViews as BatchViewStore, speedViews: speedViews as SpeedViewStore, clock })
  return {
    epochs, bucketOf, replaying,
    async publish(cut: number): Promise<void> {
      const { revision } = await readPointer(registers, viewId(plan.view))
      await replacePointer(registers, revision, { ...emptyPointer(viewId(plan.view)), n: 1, floor: 1, next: 2, published: [{ n: 1, base: 0, cut, publishedAtMs: 0 }] })
      clock.step(PIN_SHARED_MAX_MS)
    },
    /** What an answer of both says that it may lack. */
    async lacks(): Promise<string[]> {
      const answer = await server.answer({ asked: { features: [{ view: 'totals', feature: 'clicks_lifetime' }] }, entities: [{ user: 'ada' }, { user: 'bea' }], policy: 'degrade', deadlineMs: Infinity, explain: false })
      return answer.degraded.map(({ code, message }) => `${code} ${message}`)
    },
  }
}

const ofBuckets = (...buckets: (number | undefined)[]): string[] => [expect.stringContaining(`The state of bucket ${buckets.join(', ')} is being computed anew`) as unknown as string]

it('an entity whose state is behind what it was lacks events until it is as far again, however often it is read meanwhile', async () => {
  const { epochs, bucketOf, lacks } = openWorld()
  epochs.set('ada', FIRST_EPOCH + 5)
  expect(await lacks()).toEqual([])
  for (const epoch of [FIRST_EPOCH, FIRST_EPOCH + 2, FIRST_EPOCH + 4]) {
    epochs.set('ada', epoch)
    expect(await lacks()).toEqual(ofBuckets(bucketOf.get('ada')))
  }
  epochs.set('ada', FIRST_EPOCH + 5)
  expect(await lacks()).toEqual([])
})

it('what a generation has of it, no answer lacks', async () => {
  const { epochs, bucketOf, lacks, publish } = openWorld()
  await publish(FIRST_EPOCH + 1)
  epochs.set('ada', FIRST_EPOCH + 2)
  expect(await lacks()).toEqual([])
  epochs.set('ada', FIRST_EPOCH)
  expect(await lacks()).toEqual(ofBuckets(bucketOf.get('ada')))
  await publish(FIRST_EPOCH + 2)
  expect(await lacks()).toEqual([])
})

it('that another bucket is being replayed is told beside it', async () => {
  const { epochs, bucketOf, lacks, replaying } = openWorld()
  epochs.set('ada', FIRST_EPOCH + 2)
  await lacks()
  expect(bucketOf.get('ada')).not.toBe(bucketOf.get('bea'))
  epochs.set('ada', FIRST_EPOCH)
  replaying.add('bea')
  expect(await lacks()).toEqual(ofBuckets(bucketOf.get('bea'), bucketOf.get('ada')))
})
