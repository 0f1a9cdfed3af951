// Law 10 for stored chunks: what comes back other than it was written is refused with a code, whatever byte of it is wrong;
// so is a chunk of a newer release, of another definition or in another chunk's place. Version 0 is read, and its lengths are checked.

import { describe, expect, it } from '@jest/globals'
import type { AggregationDefinition, FeatureViewDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { decodeBlob, encodeBatchBlob, verifyBlob } from './batch-blob.ts'
import {
  AT_BYTES, AT_CHECKSUM, AT_KIND, AT_TABLES, AT_VERSION, BATCH_CHUNK, CHUNK_VERSION, CLOSED_CHUNK, ENTRY_BYTES, ENTRY_CHECKSUM, ENTRY_GROUP, ENTRY_HEAP,
  ENTRY_ROWS, ENTRY_RUNG, entryAt, HEADER_BYTES, NONE, OPEN_CHUNK, SETTLED_CHUNK, tablesOf, viewOf, type ChunkKind,
} from './chunk-format.ts'
import { sealChunk, verifyChunk } from './chunk-verify.ts'
import { editStored, encodeState, NO_CHUNKS, openState, presentChunks } from './entity-state.ts'
import { mergeAtCut } from './merge.ts'
import { encodeChunk } from './testing/encode-chunk.ts'
import { panesOfEvents } from './testing/event-panes.ts'
import { generateSource } from './testing/generate-definition.ts'
import type { OracleEvent } from './testing/oracle.ts'
import { seededRandom } from './testing/random.ts'
import { planView } from './view-plan.ts'

const KINDS: readonly (readonly [string, ChunkKind])[] = [['batch', BATCH_CHUNK], ['open', OPEN_CHUNK], ['closed', CLOSED_CHUNK], ['settled', SETTLED_CHUNK]]
const LOG_TIME_MS = 40_000

const windows: AggregationDefinition['windows'] = [
  { name: '10s', lengthMs: 10_000, resolutionMs: 1_000 }, { name: '60s', lengthMs: 60_000, resolutionMs: 10_000 },
]
const lifetime: AggregationDefinition['windows'] = [{ name: 'lifetime', lengthMs: null, resolutionMs: null }]
const view: FeatureViewDefinition = {
  name: 'view', version: 1, source: 'events', sourceVersion: 1, bucketCount: 64, derive: [], entity: [{ key: 'user', column: 'user' }],
  aggregations: [
    { name: 'n', op: 'count', of: null, windows },
    { name: 'texts', op: 'lastK', of: 'text', k: 3, windows },
    { name: 'sizes', op: 'quantile', of: 'small', quantile: 0.5, error: 0.01, windows: lifetime },
  ],
}
const source = generateSource(seededRandom(1))
const plan = planView(view, source)
const events: OracleEvent[] = Array.from({ length: 20 }, (_, i) => (
  { fields: ['ann', 1, 2_000 * i, i, i, i, `text ${i}`, true, i], eventTimeMs: 2_000 * i, appendTimeMs: 2_000 * i, partition: 0, offset: i, epoch: 7 }
))

/** A chunk with tables of several groups and rungs, with heaps. */
function chunkOf(kind: ChunkKind): Uint8Array {
  const panes = panesOfEvents(plan, events, () => LOG_TIME_MS)
  return encodeChunk(plan, { kind, logTimeMs: LOG_TIME_MS, droppedThroughEpoch: NONE, panes, truncations: [] })
}

/** The code that the chunk is refused with; null: it passes. A plain error is a bug, and is thrown on. */
function refusal(bytes: Uint8Array, kind: ChunkKind | null = null): string | null {
  try {
    verifyChunk(plan, bytes, kind)
    return null
  } catch (error) {
    if (error instanceof TidemarkError) return error.code
    throw error
  }
}

/** A copy with something else in it, its checksums made anew: what only a wrong writer would store. */
function resealed(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(bytes)
  change(viewOf(copy))
  for (let index = 0; index < viewOf(bytes).getUint32(AT_TABLES, true); index++) viewOf(copy).setUint32(entryAt(index) + ENTRY_CHECKSUM, 0, true)
  sealChunk(plan, viewOf(copy))
  return copy
}

/** The chunk as version 0 wrote it: without checksums. */
function asVersion0(bytes: Uint8Array, change: (view: DataView) => void = () => undefined): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const view = viewOf(copy)
  view.setUint8(AT_VERSION, 0)
  view.setUint32(AT_CHECKSUM, 0, true)
  for (let index = 0; index < view.getUint32(AT_TABLES, true); index++) view.setUint32(entryAt(index) + ENTRY_CHECKSUM, 0, true)
  change(view)
  return copy
}

describe('law 10: a damaged chunk is refused', () => {
  it.each(KINDS)('law 10: %s: what was written passes, and no other kind does', (_, kind) => {
    const chunk = chunkOf(kind)
    expect(tablesOf(plan, chunk).map(({ group, rung, heapBytes }) => [group, rung, heapBytes > 0])).toEqual([[0, 0, true], [0, 1, true], [1, 0, true]])
    expect(refusal(chunk)).toBeNull()
    expect(KINDS.filter(([, asked]) => refusal(chunk, asked) === null)).toEqual([KINDS[kind]])
    expect(KINDS.flatMap(([, asked]) => refusal(chunk, asked) ?? [])).toEqual(['BLOB_DAMAGED', 'BLOB_DAMAGED', 'BLOB_DAMAGED'])
  })

  it('law 10: a chunk without tables passes', () => {
    const empty = encodeChunk(plan, { kind: OPEN_CHUNK, logTimeMs: 0, droppedThroughEpoch: 3, panes: [], truncations: [] })
    expect([empty.length, refusal(empty)]).toEqual([HEADER_BYTES, null])
  })

  it('law 10: each flipped bit shows', () => {
    const chunk = chunkOf(CLOSED_CHUNK)
    const passed: string[] = []
    for (let bit = 0; bit < 8 * chunk.length; bit++) {
      const flipped = Uint8Array.from(chunk)
      flipped[bit >>> 3]! ^= 1 << (bit & 7)
      // A version beyond this release's is not read, so that its checksum is not known to be wrong.
      const isNewer = flipped[AT_VERSION]! > CHUNK_VERSION
      if (refusal(flipped) !== (isNewer ? 'BLOB_TOO_NEW' : 'BLOB_DAMAGED')) passed.push(`byte ${bit >>> 3}, bit ${bit & 7}`)
    }
    expect(passed).toEqual([])
  })

  it('law 10: bytes that are missing or too many show', () => {
    const chunk = chunkOf(CLOSED_CHUNK)
    const lengths = Array.from({ length: chunk.length }, (_, length) => length)
    expect(lengths.filter((length) => refusal(chunk.subarray(0, length)) !== 'BLOB_DAMAGED')).toEqual([])
    expect(refusal(Uint8Array.of(...chunk, 0))).toBe('BLOB_DAMAGED')
  })

  it('law 10: a chunk that says a shorter length, and is as long, is refused', () => {
    const chunk = chunkOf(CLOSED_CHUNK)
    const shorter = resealed(chunk, (view) => view.setUint32(AT_BYTES, chunk.length - 1, true)).subarray(0, chunk.length - 1)
    expect(refusal(shorter)).toBe('BLOB_DAMAGED')
    expect(refusal(resealed(Uint8Array.of(...chunk, 0), (view) => view.setUint32(AT_BYTES, chunk.length + 1, true)))).toBe('BLOB_DAMAGED')
  })

  it('law 10: of a newer release, or of another definition: each has its code', () => {
    const chunk = chunkOf(BATCH_CHUNK)
    expect(refusal(chunk.with(AT_VERSION, CHUNK_VERSION + 1))).toBe('BLOB_TOO_NEW')
    const other = planView({ ...view, aggregations: view.aggregations.slice(1) }, source)
    expect(() => decodeBlob(other, chunk)).toThrow(expect.objectContaining({ code: 'BLOB_OTHER_LAYOUT' }))
  })

  it('law 10: a chunk in the place of another is refused by the fold and by a batch run', () => {
    const [batch, open, closed, settled] = KINDS.map(([, kind]) => chunkOf(kind)) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
    expect(openState(plan, { open, closed, settled }).logTimeMs).toBe(LOG_TIME_MS)
    for (const chunks of [{ open: closed }, { open, closed: settled }, { open, settled: closed }, { open: batch }]) {
      expect(() => openState(plan, { ...NO_CHUNKS, ...chunks })).toThrow(expect.objectContaining({ code: 'BLOB_DAMAGED' }))
    }
    expect(() => verifyBlob(plan, closed)).toThrow(expect.objectContaining({ code: 'BLOB_DAMAGED' }))
    expect(() => encodeBatchBlob(plan, { logTimeMs: 0, throughEpoch: 7, panes: [], base: closed })).toThrow(expect.objectContaining({ code: 'BLOB_DAMAGED' }))
  })
})

describe('chunks of version 0', () => {
  it('become chunks of this version once they are changed and encoded', () => {
    const state = openState(plan, { open: asVersion0(chunkOf(OPEN_CHUNK)), closed: asVersion0(chunkOf(CLOSED_CHUNK)), settled: asVersion0(chunkOf(SETTLED_CHUNK)) })
    state.isOpenChanged = true
    for (const name of ['closed', 'settled'] as const) editStored(plan, state, name)
    const chunks = { ...NO_CHUNKS, ...encodeState(plan, state) }
    for (const chunk of presentChunks(chunks)) expect(chunk[AT_VERSION]).toBe(CHUNK_VERSION)
    expect(openState(plan, chunks).logTimeMs).toBe(LOG_TIME_MS)
  })

  it('are read, and give the same values', () => {
    const chunk = chunkOf(BATCH_CHUNK)
    expect(decodeBlob(plan, asVersion0(chunk))).toEqual(decodeBlob(plan, chunk))
    const at = { cut: 7, t: LOG_TIME_MS + 1 }
    expect(mergeAtCut(plan, asVersion0(chunk), [], at)).toEqual(mergeAtCut(plan, chunk, [], at))
  })

  it.each([
    ['a group that the plan has not', (view: DataView) => view.setUint16(entryAt(2) + ENTRY_GROUP, plan.groups.length, true)],
    ['a rung that the group has not', (view: DataView) => view.setUint16(entryAt(2) + ENTRY_RUNG, plan.groups[1]!.rungs.length, true)],
    ['a kind that there is not', (view: DataView) => view.setUint8(AT_KIND, SETTLED_CHUNK + 1)],
    ['a checksum', (view: DataView) => view.setUint32(AT_CHECKSUM, 1, true)],
    ['a checksum of a table', (view: DataView) => view.setUint32(entryAt(1) + ENTRY_CHECKSUM, 1, true)],
    ['more tables than fit', (view: DataView) => view.setUint32(AT_TABLES, Math.ceil(view.byteLength / ENTRY_BYTES), true)],
    ['more rows than fit', (view: DataView) => view.setUint32(entryAt(0) + ENTRY_ROWS, 1_000, true)],
    ['a row less than there are', (view: DataView) => view.setUint32(entryAt(0) + ENTRY_ROWS, view.getUint32(entryAt(0) + ENTRY_ROWS, true) - 1, true)],
    ['a heap shorter than its rows say', (view: DataView) => moveHeapByte(view, 1)],
    ['a heap longer than its rows say', (view: DataView) => moveHeapByte(view, -1)],
    ['a partial of no form', (view: DataView) => view.setUint8(view.byteLength - 1, 0x80)],
  ])('with %s are refused', (_, change) => {
    expect(refusal(asVersion0(chunkOf(CLOSED_CHUNK), change))).toBe('BLOB_DAMAGED')
  })
})

/** Says that the first table's heap is shorter and the last one's is longer, so that the chunk's length stays. */
function moveHeapByte(view: DataView, byteCount: number): void {
  for (const [index, change] of [[0, -byteCount], [2, byteCount]] as const) {
    const at = entryAt(index) + ENTRY_HEAP
    view.setUint32(at, view.getUint32(at, true) + change, true)
  }
}
