// Packing on a base: what the base says of panes that had to leave early is said as long as a window may need them.

import { describe, expect, it } from '@jest/globals'
import type { FeatureViewDefinition } from '@tidemark/feature-schema/definition'
import { decodeBlob, encodeBatchBlob } from './batch-blob.ts'
import { BATCH_CHUNK, NONE } from './chunk-format.ts'
import { encodeChunk } from './testing/encode-chunk.ts'
import { generateSource } from './testing/generate-definition.ts'
import { seededRandom } from './testing/random.ts'
import { planView } from './view-plan.ts'

const WINDOW_MS = 20_000
const TRUNCATED_AT_MS = 100

const view: FeatureViewDefinition = {
  name: 'view', version: 1, source: 'events', sourceVersion: 1, bucketCount: 64, derive: [], entity: [{ key: 'user', column: 'user' }],
  aggregations: [{ name: 'n', op: 'count', of: null, windows: [{ name: '20s', lengthMs: WINDOW_MS, resolutionMs: 1 }] }],
}
const plan = planView(view, generateSource(seededRandom(1)))
const base = encodeChunk(plan, {
  kind: BATCH_CHUNK, logTimeMs: 10_000, droppedThroughEpoch: NONE,
  panes: [{ epoch: 6, group: 0, rung: 0, startMs: 5_000, partials: [1] }],
  truncations: [{ epoch: 6, group: 0, startMs: TRUNCATED_AT_MS }],
})

describe('encodeBatchBlob on a base', () => {
  it('law 9: forgets that panes left early once the log time is past all windows that need them, and no sooner', () => {
    const lastNeededMs = TRUNCATED_AT_MS + WINDOW_MS - 1
    const [needed, past] = [lastNeededMs, lastNeededMs + 1].map((logTimeMs) => decodeBlob(plan, encodeBatchBlob(plan, { logTimeMs, throughEpoch: 7, panes: [], base })))
    expect(needed!.truncations).toEqual([{ epoch: 7, group: 0, startMs: TRUNCATED_AT_MS }])
    expect(past!.truncations).toEqual([])
    for (const { panes } of [needed!, past!]) expect(panes).toEqual([{ epoch: 7, group: 0, rung: 0, startMs: 5_000, partials: [1] }])
  })
})
