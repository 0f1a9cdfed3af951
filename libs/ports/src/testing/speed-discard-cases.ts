// The way on from a damaged bucket: all of it is deleted in one effect, at what was seen, and whoever was about to write finds out.
import { expect, it } from '@jest/globals'
import type { BucketKey } from '../speed-view-store.ts'
import { BUCKET, stateOf, stored, writeOf, type SpeedViewStoreHarness } from './speed-cases.ts'
import { collect } from './store-cases.ts'

const ENTITIES = ['a', 'b', 'long '.repeat(2_000)]
const PARTITIONS = [0, 1, 300]
const FULL = writeOf({ put: { record: 'r', fences: { 0: 'f0', 1: 'f1', 300: 'f300' }, chunks: ENTITIES.flatMap((entity, i) => [[entity, 0, stored(i)], [entity, 2, stored(10 + i)]] as const) } })
const EMPTY = { record: null, fences: [null, null, null], entities: ENTITIES.map(() => [null, null, null]) }
const NEIGHBOURS: readonly BucketKey[] = [{ ...BUCKET, bucket: 4 }, { ...BUCKET, bucket: 6 }, { ...BUCKET, bucket: 261 }, { ...BUCKET, view: 'v@11' }, { ...BUCKET, view: 'v@' }]

const DIFFERENT: readonly (readonly [string, NonNullable<Parameters<typeof writeOf>[0]['expected']>])[] = [
  ['the record differs', { record: 'q' }],
  ['the record is there', { record: null }],
  ['a fence differs', { fences: { 0: 'f0', 300: 'f301' } }],
  ['a fence is there', { fences: { 1: null } }],
  ['a revision differs', { chunks: [['a', 0, 0], ['a', 2, 11]] }],
  ['a chunk is there', { chunks: [['b', 2, null]] }],
]

export function speedDiscardCases(createHarness: () => Promise<SpeedViewStoreHarness>): void {
  it('deletes record, fences and chunks of a bucket, and nothing of any other', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    for (const key of [BUCKET, ...NEIGHBOURS]) await store.write(key, FULL)
    await store.putHeartbeats(BUCKET.view, new Map([[0, Buffer.from('alive')]]))
    const neighbour = await stateOf(store, NEIGHBOURS[0]!, ENTITIES, PARTITIONS)
    expect(await other.discard(BUCKET, writeOf({ expected: { record: 'r', fences: { 0: 'f0' }, chunks: [['a', 0, 0], ['a', 1, null]] } }).expected)).toBe(true)
    expect(await stateOf(store, BUCKET, ENTITIES, PARTITIONS)).toEqual(EMPTY)
    expect(await collect(store.scan(BUCKET))).toEqual([])
    for (const key of NEIGHBOURS) expect(await stateOf(other, key, ENTITIES, PARTITIONS)).toEqual(neighbour)
    expect((await store.heartbeats(BUCKET.view)).size).toBe(1)
  })

  it('takes no expectation for any state, and a bucket that was never written for an empty one', async () => {
    await using harness = await createHarness()
    const { store } = harness
    expect(await store.discard(BUCKET, { fences: [], chunks: [] })).toBe(true)
    await store.write(BUCKET, FULL)
    expect(await store.discard(BUCKET, { fences: [], chunks: [] })).toBe(true)
    expect(await stateOf(store, BUCKET, ENTITIES, PARTITIONS)).toEqual(EMPTY)
  })

  it.each(DIFFERENT)('deletes nothing where %s', async (_, expected) => {
    await using harness = await createHarness()
    const { store, other } = harness
    await store.write(BUCKET, FULL)
    const before = await stateOf(store, BUCKET, ENTITIES, PARTITIONS)
    expect(await other.discard(BUCKET, writeOf({ expected }).expected)).toBe(false)
    expect(await stateOf(store, BUCKET, ENTITIES, PARTITIONS)).toEqual(before)
  })

  it('refuses every write that goes by what was deleted, and takes one that begins anew', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    await store.write(BUCKET, FULL)
    await store.discard(BUCKET, { fences: [], chunks: [] })
    for (const expected of [{ fences: { 1: 'f1' } }, { record: 'r' }, { chunks: [['b', 0, 1]] as const }]) {
      expect(await other.write(BUCKET, writeOf({ expected, put: { fences: { 1: 'later' }, chunks: [['b', 0, stored(9)]] } }))).toBe(false)
    }
    expect(await other.write(BUCKET, writeOf({ expected: { record: null, fences: { 1: null }, chunks: [['b', 0, null]] }, put: { record: 'R', fences: { 1: 'F' }, chunks: [['b', 0, stored(9)]] } }))).toBe(true)
    expect((await collect(store.scan(BUCKET))).length).toBe(1)
  })

  it('deletes many entities at once', async () => {
    await using harness = await createHarness()
    const { store } = harness
    for (let from = 0; from < 3_000; from += 1_000) {
      await store.write(BUCKET, writeOf({ put: { chunks: Array.from({ length: 1_000 }, (_, i) => [`entity ${from + i}`, i % 3, stored(from + i)] as const) } }))
    }
    expect(await store.discard(BUCKET, { fences: [], chunks: [] })).toBe(true)
    expect(await collect(store.scan(BUCKET))).toEqual([])
  })
}
