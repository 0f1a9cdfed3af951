// What comes back of a bucket.
import { expect, it } from '@jest/globals'
import { CHUNKS_PER_ENTITY, type BucketKey } from '../speed-view-store.ts'
import { BUCKET, hex, hexOf, plainState, revisionOf, stateOf, stored, writeOf, type SpeedViewStoreHarness } from './speed-cases.ts'
import { bytesOf, collect, race, textOf } from './store-cases.ts'

export function speedReadCases(createHarness: () => Promise<SpeedViewStoreHarness>): void {
  it('has nothing in a bucket that was never written', async () => {
    await using harness = await createHarness()
    const { store } = harness
    expect(await store.read([])).toEqual([])
    expect(await store.read([{ ...BUCKET, entities: [bytesOf('a')], partitions: [0, 7] }])).toEqual([{ record: null, fences: [null, null], entities: [new Array(CHUNKS_PER_ENTITY).fill(null)] }])
    expect(await collect(store.scan(BUCKET))).toEqual([])
    expect([...(await store.heartbeats('v@1'))]).toEqual([])
  })

  it('answers in the order of what was asked, twice where it was asked twice', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    await store.write(BUCKET, writeOf({ put: { record: 'r', fences: { 0: 'f0', 11: 'f11' }, chunks: [['a', 0, stored(1)], ['b', 2, stored(2)], ['b', 1, stored(3)]] } }))
    const [state, again] = await other.read([
      { ...BUCKET, entities: ['b', 'c', 'a', 'b'].map(bytesOf), partitions: [11, 0, 1, 11] },
      { ...BUCKET, entities: [bytesOf('a')], partitions: [] },
    ])
    const [a, b] = [[`1 ${hexOf('chunk 1')}`, null, null], [null, `3 ${hexOf('chunk 3')}`, `2 ${hexOf('chunk 2')}`]]
    expect(plainState(state!)).toEqual({ record: hexOf('r'), fences: ['f11', 'f0', null, 'f11'].map(hexOf), entities: [b, [null, null, null], a, b] })
    expect(plainState(again!)).toEqual({ record: hexOf('r'), fences: [], entities: [a] })
  })

  it('does not mix views, buckets, partitions and entities that are alike', async () => {
    await using harness = await createHarness()
    const { store } = harness
    const keys: BucketKey[] = [{ view: 'v@1', bucket: 1 }, { view: 'v@1', bucket: 11 }, { view: 'v@1', bucket: 257 }, { view: 'v@11', bucket: 1 }, { view: 'v@', bucket: 11 }, { view: 'é@1', bucket: 0 }]
    const entities = ['a', 'a\0', 'a\0\0', 'aa', '\0', 'é', 'a'.repeat(500), 'long '.repeat(2_000), `${'long '.repeat(2_000)}er`]
    for (const [i, key] of keys.entries()) {
      const chunks = entities.map((entity, j) => [entity, j % CHUNKS_PER_ENTITY, stored(i * 100 + j)] as const)
      expect(await store.write(key, writeOf({ expected: { record: null, fences: { 0: null }, chunks: chunks.map(([entity, chunk]) => [entity, chunk, null] as const) }, put: { record: `${i}`, fences: { 0: `${i}`, 256: `+${i}` }, chunks } }))).toBe(true)
    }
    for (const [i, key] of keys.entries()) {
      const [state] = await store.read([{ ...key, entities: entities.map(bytesOf), partitions: [0, 256, 1] }])
      expect([textOf(state!.record!), ...state!.fences.map((fence) => fence && textOf(fence))]).toEqual([`${i}`, `${i}`, `+${i}`, null])
      expect(state!.entities.map((chunks) => chunks.map((chunk) => chunk?.revision ?? null))).toEqual(entities.map((_, j) => [0, 1, 2].map((chunk) => (chunk === j % CHUNKS_PER_ENTITY ? i * 100 + j : null))))
      const scanned = await collect(store.scan(key))
      expect(scanned.map(({ entity }) => textOf(entity)).sort()).toEqual([...entities].sort())
    }
  })

  it('gives back bytes as they were put: zeros, nothing, and much', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    const entity = Uint8Array.of(0, 255, 0)
    const values = [new Uint8Array(0), Uint8Array.of(0, 0, 0), new Uint8Array(3_000_000).map((_, i) => i * 31)]
    const chunks = values.map((bytes, chunk) => ({ entity, chunk, stored: { revision: revisionOf([0, 1, Number.MAX_SAFE_INTEGER][chunk]!), bytes } }))
    expect(await store.write(BUCKET, { expected: { fences: [], chunks: [] }, put: { record: new Uint8Array(0), fences: [{ partition: 4, bytes: new Uint8Array(0) }], chunks } })).toBe(true)
    const [state] = await other.read([{ ...BUCKET, entities: [entity], partitions: [4] }])
    expect([state!.record!.length, state!.fences[0]!.length]).toEqual([0, 0])
    expect(state!.entities[0]!.map((chunk) => chunk!.revision)).toEqual([0, 1, Number.MAX_SAFE_INTEGER])
    for (const [i, bytes] of values.entries()) expect(Buffer.compare(state!.entities[0]![i]!.bytes, bytes)).toBe(0)
    const [scanned] = await collect(store.scan(BUCKET))
    expect(hex(scanned!.entity)).toBe('00ff00')
    for (const [i, bytes] of values.entries()) expect(Buffer.compare(scanned!.chunks[i]!.bytes, bytes)).toBe(0)
  })

  it('keeps its own copy', async () => {
    await using harness = await createHarness()
    const { store } = harness
    const write = writeOf({ put: { record: 'r', fences: { 0: 'f' }, chunks: [['a', 0, stored(1, 'bytes')]] } })
    await store.write(BUCKET, write)
    for (const bytes of [write.put.record!, write.put.fences[0]!.bytes, write.put.chunks[0]!.stored.bytes, write.put.chunks[0]!.entity]) bytes.fill(0)
    expect(await stateOf(store, BUCKET, ['a'], [0])).toEqual({ record: hexOf('r'), fences: [hexOf('f')], entities: [[`1 ${hexOf('bytes')}`, null, null]] })
  })

  it('gives what is stored, whatever is known of it', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    const entities = ['same', 'changed', 'more', 'gone', 'new', 'never'].map(bytesOf)
    await store.write(BUCKET, writeOf({ put: { chunks: [['same', 0, stored(1)], ['same', 2, stored(2)], ['changed', 1, stored(3)], ['more', 0, stored(4)], ['gone', 0, stored(5)]] } }))
    const [before] = await other.read([{ ...BUCKET, entities, partitions: [] }])
    const question = { ...BUCKET, entities, partitions: [], known: before!.entities }
    expect(plainState((await other.read([question]))[0]!)).toEqual(plainState(before!))
    await store.write(BUCKET, writeOf({ put: { chunks: [['changed', 1, stored(6)], ['more', 1, stored(7)], ['new', 0, stored(8)]] } }))
    await store.remove(BUCKET, bytesOf('gone'), [revisionOf(5), null, null])
    const [asked] = await other.read([question])
    expect(plainState(asked!)).toEqual(await stateOf(other, BUCKET, ['same', 'changed', 'more', 'gone', 'new', 'never'], []))
    expect(asked!.entities.map((chunks) => chunks.map((chunk) => chunk?.revision ?? null))).toEqual([[1, null, 2], [null, 6, null], [4, 7, null], [null, null, null], [8, null, null], [null, null, null]])
    const [ofOthers] = await other.read([{ ...question, known: [null, ...before!.entities.slice(0, 5)] }])
    expect(plainState(ofOthers!)).toEqual(plainState(asked!))
  })

  it.each([null, 'r', 'other', 'record', 'record and more'])('gives the record that is stored, also where %j is known', async (known) => {
    await using harness = await createHarness()
    const { store, other } = harness
    const question = { ...BUCKET, entities: [], partitions: [], knownRecord: known === null ? null : bytesOf(known) }
    expect((await other.read([question]))[0]!.record).toBeNull()
    for (const record of ['record', 'r', '']) {
      await store.write(BUCKET, writeOf({ put: { record } }))
      expect(textOf((await other.read([question]))[0]!.record!)).toBe(record)
    }
  })

  it('reads a bucket as of one moment, while others write it', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    const writes = 30
    const put = (i: number): Parameters<typeof store.write>[1] => writeOf({ put: { record: `${i}`, fences: { 0: `${i}`, 1: `${i}` }, chunks: [['a', 0, stored(i)], ['b', 1, stored(i)], ['b', 2, stored(i)]] } })
    await store.write(BUCKET, put(0))
    let isOver = false
    const written = (async () => {
      for (let i = 1; i <= writes; i++) await store.write(BUCKET, put(i))
    })().finally(() => (isOver = true))
    const seen = new Set<string>()
    while (!isOver) {
      const states = await other.read([{ ...BUCKET, entities: [bytesOf('a'), bytesOf('b')], partitions: [0, 1] }, { ...BUCKET, entities: [bytesOf('b')], partitions: [1] }])
      for (const { record, fences, entities } of states) {
        const moments = [textOf(record!), ...fences.map((fence) => textOf(fence!)), ...entities.flat().flatMap((chunk) => (chunk === null ? [] : [`${chunk.revision}`]))]
        expect(new Set(moments).size).toBe(1)
        seen.add(moments[0]!)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    await written
    expect(await stateOf(other, BUCKET, ['a'], [])).toMatchObject({ record: hexOf(`${writes}`) })
    expect(seen.size).toBeGreaterThan(0)
  })

  it('scans every entity once, with all its chunks, however many there are', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    const count = 2_500
    const entities = Array.from({ length: count }, (_, i) => `entity ${i}`)
    for (let from = 0; from < count; from += 500) {
      await store.write(BUCKET, writeOf({ put: { record: 'r', fences: { 0: 'f' }, chunks: entities.slice(from, from + 500).flatMap((entity, i) => [[entity, 0, stored(from + i)], [entity, 2, stored(from + i, 'closed')]] as const) } }))
    }
    await store.write({ ...BUCKET, bucket: BUCKET.bucket + 1 }, writeOf({ put: { record: 's', fences: { 0: 'f' }, chunks: [['entity 0', 0, stored(0)]] } }))
    const scanned = await collect(other.scan(BUCKET))
    expect(scanned.map(({ entity }) => textOf(entity)).sort()).toEqual(entities.sort())
    for (const { entity, chunks } of scanned) expect(chunks.map((chunk) => chunk?.revision ?? null)).toEqual([Number(textOf(entity).slice(7)), null, Number(textOf(entity).slice(7))])
  })

  it('keeps the last heartbeat of each partition of a view', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    await race(8, (i) => (i % 2 ? store : other).putHeartbeats('v@1', new Map([[i % 4, bytesOf('early')]])))
    await store.putHeartbeats('v@1', new Map([[0, bytesOf('v@1 0')], [300, bytesOf('v@1 300')]]))
    await store.putHeartbeats('v@11', new Map([[1, bytesOf('v@11 1')]]))
    await other.putHeartbeats('v@1', new Map([[3, new Uint8Array(0)]]))
    await other.putHeartbeats('v@', new Map())
    const heartbeats = await other.heartbeats('v@1')
    expect([...heartbeats].map(([partition, bytes]) => [partition, textOf(bytes)]).sort()).toEqual([[0, 'v@1 0'], [1, 'early'], [2, 'early'], [3, ''], [300, 'v@1 300']])
    expect([...(await store.heartbeats('v@11'))].map(([partition]) => partition)).toEqual([1])
    expect([...(await store.heartbeats('v@'))]).toEqual([])
  })
}
