// Laws 4 and 7 on the batch side: what was read damaged is read again, so that a repair is seen; and an answer's t is after what its blobs contain.

import { expect, it } from '@jest/globals'
import { encodeBatchBlob } from '@tidemark/aggregation/batch-blob'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { openBatchSideServer } from '../testing/batch-side-server.ts'
import { catalogOf } from './feature-catalog.ts'
import type { FeatureAnswer } from './feature-answer.ts'

const NOW_MS = 1_000_000_000
/** As if the clock of who wrote the event were ahead of the server's. */
const LOG_TIME_MS = NOW_MS + 2_500
const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, features: { clicks: count().over('1h') } })
const catalog = catalogOf(collectDefinitions([clicks, totals]))
const plan = catalog.plans[0]!
const event = { fields: [LOG_TIME_MS - 1, 'ada'], eventTimeMs: LOG_TIME_MS - 1, appendTimeMs: LOG_TIME_MS, partition: 0, offset: 0, epoch: 5 }
const blob = encodeBatchBlob(plan, { logTimeMs: LOG_TIME_MS, throughEpoch: 5, panes: panesOfEvents(plan, [event], () => LOG_TIME_MS) })

/** Asks for one entity of which the batch store has what `stored` says. */
async function openWorld(): Promise<{ stored: Uint8Array | null; readCount: number; ask(): Promise<FeatureAnswer> }> {
  const world = {
    stored: blob as Uint8Array | null, readCount: 0,
    ask: async () => server.answer({ asked: { features: [{ view: 'totals', feature: 'clicks_1h' }] }, entities: [{ user: 'ada' }], policy: 'degrade', deadlineMs: 1_000, explain: false }),
  }
  const server = await openBatchSideServer({ catalog, nowMs: NOW_MS, cut: 5, blob: () => (world.readCount++, world.stored) })
  return world
}

it('law 7: a damaged blob is not kept, and is answered once it was mended; a sound one, and none, are read once', async () => {
  const world = await openWorld()
  const damaged = Uint8Array.from(blob)
  damaged[damaged.length - 1]! ^= 1
  world.stored = damaged
  for (let i = 0; i < 2; i++) expect(await world.ask()).toMatchObject({ entities: [{ values: [{ status: 'UNAVAILABLE', reason: 'state_damaged' }] }], degraded: expect.arrayContaining([expect.objectContaining({ code: 'STATE_DAMAGED' })]) })
  world.stored = blob
  for (let i = 0; i < 2; i++) expect(await world.ask()).toMatchObject({ entities: [{ values: [{ status: 'PRESENT', value: 1 }] }] })
  expect(world.readCount).toBe(3)
  const empty = await openWorld()
  empty.stored = null
  for (let i = 0; i < 2; i++) expect(await empty.ask()).toMatchObject({ t: NOW_MS, entities: [{ values: [{ status: 'NOT_FOUND' }] }] })
  expect(empty.readCount).toBe(1)
})

it('law 4: t is one millisecond after the newest log time of a batch blob where the clock is behind it', async () => {
  const world = await openWorld()
  expect(await world.ask()).toMatchObject({ t: LOG_TIME_MS + 1, entities: [{ values: [{ status: 'PRESENT', value: 1 }] }] })
})
