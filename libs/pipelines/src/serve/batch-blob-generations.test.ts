// Law 5: a request has what the generation of its pin says, whatever was read for others.
import { expect, it } from '@jest/globals'
import { encodeChunk } from '@tidemark/aggregation/testing/encode-chunk'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import { BatchBlobs } from './batch-blobs.ts'
import { BatchRows } from './batch-rows.ts'
import { catalogOf } from './feature-catalog.ts'
import { resolveEntities, resolveNames } from './feature-request.ts'
import { KnownEntities } from './known-entities.ts'
import { Deadlines } from './deadlines.ts'
import { ReadingWork } from './reading-work.ts'
import { Slices } from './sliced-work.ts'

const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, features: { clicks: count().over('lifetime') } })
const { plans } = catalogOf(collectDefinitions([clicks, totals]))

const blobOf = (logTimeMs: number): Uint8Array => encodeChunk(plans[0]!, { kind: 0, logTimeMs, droppedThroughEpoch: -Infinity, panes: [], truncations: [] })
const damagedBlob = blobOf(3).fill(0xff, 8, 12)
/** By generation, of the entity `ada`; it has none in generation 1, and in generation 4 one that is damaged. */
const BLOBS = [null, null, blobOf(2), blobOf(3), damagedBlob]

it('gives what each generation has, in whatever order they are asked for, and reads it once', async () => {
  let readCount = 0
  const readNewest: BatchViewStore['readNewest'] = (_view, n, entities) => {
    readCount++
    const blob = BLOBS[n]!
    return entities.map((key) => (blob === null || !Buffer.from(key).includes('ada') ? null : { generation: n, blob }))
  }
  const clock = { nowMs: () => 0, steadyMs: () => 0, wait: () => new Promise<void>(() => undefined) }
  const slices = new Slices(clock)
  const cache = new BatchBlobs(new BatchRows({ readNewest }, null), 1_000_000)
  const resolved = await resolveEntities(resolveNames({ plans, services: [] }, [{ view: 'totals', feature: 'clicks_lifetime' }]), [{ user: 'ada' }, { user: 'bea' }], new KnownEntities(), slices)
  const read = (n: number): ReturnType<BatchBlobs['read']> => cache.read(resolved.views[0]!, { n, cut: n }, new ReadingWork(slices, new Deadlines(clock), { beganAtMs: 0, deadlineAtMs: Infinity }))
  for (const n of [1, 1, 2, 2, 3, 2, 3, 3]) expect(await read(n)).toEqual([BLOBS[n], null])
  expect(readCount).toBe(5)
  expect([await read(0), readCount]).toEqual([[null, null], 5])
  for (let i = 0; i < 2; i++) expect(await read(4)).toEqual([expect.objectContaining({ code: 'BLOB_DAMAGED' }), null])
  expect(readCount).toBe(7)
})
