// What the merge refuses, and what it leaves behind for the next one where it ends early: nothing.

import { describe, expect, it } from '@jest/globals'
import type { FeatureViewDefinition } from '@tidemark/feature-schema/definition'
import { BATCH_CHUNK, CLOSED_CHUNK, NONE } from './chunk-format.ts'
import { mergeAtCut } from './merge.ts'
import { encodeChunk } from './testing/encode-chunk.ts'
import { generateSource } from './testing/generate-definition.ts'
import { seededRandom } from './testing/random.ts'
import { planView } from './view-plan.ts'

const LOG_TIME_MS = 5_000

const view: FeatureViewDefinition = {
  name: 'view', version: 1, source: 'events', sourceVersion: 1, bucketCount: 64, derive: [], entity: [{ key: 'user', column: 'user' }],
  aggregations: [{ name: 'n', op: 'count', of: null, windows: [{ name: 'lifetime', lengthMs: null, resolutionMs: null }] }],
}
const plan = planView(view, generateSource(seededRandom(1)))

/** A chunk of one event in each of the epochs. */
function chunkOf(kind: typeof BATCH_CHUNK | typeof CLOSED_CHUNK, epochs: readonly number[], droppedThroughEpoch = NONE): Uint8Array {
  const panes = epochs.map((epoch) => ({ epoch, group: 0, rung: 0, startMs: -Infinity, partials: [1] }))
  return encodeChunk(plan, { kind, logTimeMs: LOG_TIME_MS, droppedThroughEpoch, panes, truncations: [] })
}

const batch = chunkOf(BATCH_CHUNK, [7])
const t = LOG_TIME_MS + 1

describe('mergeAtCut', () => {
  it('law 3: adds exactly the epochs after the cut', () => {
    const counted = [-Infinity, 6, 7, 8, 9].map((cut) => mergeAtCut(plan, null, [chunkOf(CLOSED_CHUNK, [7, 8, 9])], { cut, t }).values[0]!.value)
    expect(counted).toEqual([3, 3, 2, 1, null])
  })

  it.each([['batch blob', batch, []], ['speed chunk', null, [chunkOf(CLOSED_CHUNK, [8])]]])('law 4: asks after the log time of the %s alone', (_, blob, chunks) => {
    expect(mergeAtCut(plan, blob, chunks, { cut: 7, t }).values).toEqual([{ status: 'PRESENT', value: 1 }])
    expect(() => mergeAtCut(plan, blob, chunks, { cut: 7, t: LOG_TIME_MS })).toThrow('not before t')
  })

  it('law 3: takes no batch blob that has epochs after the cut', () => {
    expect(() => mergeAtCut(plan, batch, [], { cut: 6, t })).toThrow('The batch blob has epoch 7, after the cut 6.')
  })

  it('law 5: needs a newer pin where sections after the cut are dropped, and up to the cut does not', () => {
    const needing = [6, 7, 8].map((dropped) => mergeAtCut(plan, batch, [chunkOf(CLOSED_CHUNK, [9], dropped)], { cut: 7, t }))
    expect(needing.map(({ needsNewerPin }) => needsNewerPin)).toEqual([false, false, true])
    expect(needing.map(({ values }) => values.length)).toEqual([1, 1, 0])
  })

  it('leaves nothing behind where it ends early', () => {
    const chunks = [chunkOf(CLOSED_CHUNK, [8]), chunkOf(CLOSED_CHUNK, [9], 8)]
    expect(mergeAtCut(plan, batch, chunks, { cut: 7, t }).needsNewerPin).toBe(true)
    expect(() => mergeAtCut(plan, batch, chunks, { cut: 6, t })).toThrow()
    expect(mergeAtCut(plan, batch, chunks.slice(0, 1), { cut: 7, t }).values).toEqual([{ status: 'PRESENT', value: 2 }])
    expect(mergeAtCut(plan, null, [], { cut: 7, t }).values).toEqual([{ status: 'NOT_FOUND', value: null }])
  })
})
