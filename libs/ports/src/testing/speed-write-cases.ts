// Law 6 at the store: a command compares all that it names, and writes all that it puts, or nothing.
import { expect, it } from '@jest/globals'
import { WRITE_KEYS_MAX, type SpeedViewStore } from '../speed-view-store.ts'
import { BUCKET, hexOf, revisionOf, stateOf, stored, writeOf, type ShortWrite, type SpeedViewStoreHarness } from './speed-cases.ts'
import { bytesOf, collect, forSeeds, race, textOf } from './store-cases.ts'

const ENTITIES = ['a', 'b', 'c']

/** What there is before each refused write. */
const BEFORE: ShortWrite = { put: { record: 'r', fences: { 0: 'f0' }, chunks: [['a', 0, stored(10)], ['a', 1, stored(11)]] } }

/** What every refused write would have put: something new, something changed, of each kind. */
const PUT: NonNullable<ShortWrite['put']> = { record: 'R', fences: { 0: 'F0', 1: 'F1' }, chunks: [['a', 0, stored(20)], ['a', 2, stored(22)], ['b', 0, stored(30)]] }

const AS_STORED: NonNullable<ShortWrite['expected']> = { record: 'r', fences: { 0: 'f0', 1: null }, chunks: [['a', 0, 10], ['a', 1, 11], ['a', 2, null], ['b', 0, null]] }

const REFUSED: readonly (readonly [string, NonNullable<ShortWrite['expected']>])[] = [
  ['a fence differs', { ...AS_STORED, fences: { 0: 'f1', 1: null } }],
  ['a fence is longer', { ...AS_STORED, fences: { 0: 'f', 1: null } }],
  ['a fence is empty and another one was there', { ...AS_STORED, fences: { 0: '', 1: null } }],
  ['a fence is gone', { ...AS_STORED, fences: { 0: 'f0', 1: 'f1' } }],
  ['an empty fence is not no fence', { ...AS_STORED, fences: { 0: 'f0', 1: '' } }],
  ['a fence appeared', { ...AS_STORED, fences: { 0: null, 1: null } }],
  ['a revision differs', { ...AS_STORED, chunks: [['a', 1, 11], ['a', 0, 9]] }],
  ['the revision is another chunk\'s', { ...AS_STORED, chunks: [['a', 0, 11]] }],
  ['a chunk appeared', { ...AS_STORED, chunks: [['b', 0, null], ['a', 1, null]] }],
  ['a chunk is gone', { ...AS_STORED, chunks: [['b', 0, 0]] }],
  ['a chunk of an entity that has others is gone', { ...AS_STORED, chunks: [['a', 2, 0]] }],
  ['the record differs', { ...AS_STORED, record: 'q' }],
  ['the record appeared', { ...AS_STORED, record: null }],
]

export function speedWriteCases(createHarness: () => Promise<SpeedViewStoreHarness>): void {
  it('writes all of a command whose expectations hold', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    expect(await store.write(BUCKET, writeOf(BEFORE))).toBe(true)
    expect(await other.write(BUCKET, writeOf({ expected: AS_STORED, put: PUT }))).toBe(true)
    const chunk = (revision: number): string => `${revision} ${hexOf(`chunk ${revision}`)}`
    expect(await stateOf(store, BUCKET, ENTITIES)).toEqual({ record: hexOf('R'), fences: ['F0', 'F1', null].map(hexOf), entities: [[chunk(20), chunk(11), chunk(22)], [chunk(30), null, null], [null, null, null]] })
  })

  it.each(REFUSED)('writes nothing at all where %s', async (_, expected) => {
    await using harness = await createHarness()
    const { store, other } = harness
    await store.write(BUCKET, writeOf(BEFORE))
    const before = await stateOf(store, BUCKET, ENTITIES)
    expect(await other.write(BUCKET, writeOf({ expected, put: PUT }))).toBe(false)
    expect(await stateOf(store, BUCKET, ENTITIES)).toEqual(before)
    expect((await collect(store.scan(BUCKET))).map(({ entity }) => textOf(entity))).toEqual(['a'])
    expect(await other.write(BUCKET, writeOf({ expected: AS_STORED, put: PUT }))).toBe(true)
  })

  it('does not compare what is not named', async () => {
    await using harness = await createHarness()
    const { store } = harness
    await store.write(BUCKET, writeOf(BEFORE))
    expect(await store.write(BUCKET, writeOf({ put: { fences: { 0: 'F' } } }))).toBe(true)
    expect(await store.write(BUCKET, writeOf({ expected: { fences: { 0: 'F' } }, put: { chunks: [['a', 0, stored(40)]] } }))).toBe(true)
    expect(await stateOf(store, BUCKET, ['a'], [0])).toMatchObject({ record: hexOf('r'), fences: [hexOf('F')] })
    expect(await store.write(BUCKET, writeOf({ expected: { record: 'r' } }))).toBe(true)
    expect(await store.write(BUCKET, writeOf({ expected: { record: 'q' } }))).toBe(false)
  })

  it('tells revisions apart that share their low or their high half', async () => {
    await using harness = await createHarness()
    const { store } = harness
    const revisions = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 2 ** 32]
    for (const revision of revisions) {
      await store.write(BUCKET, writeOf({ put: { chunks: [['a', 0, stored(revision)]] } }))
      for (const other of revisions) expect(await store.write(BUCKET, writeOf({ expected: { chunks: [['a', 0, other]] } }))).toBe(other === revision)
    }
  })

  it('takes as many keys as the limit, and throws beyond it', async () => {
    await using harness = await createHarness()
    const { store } = harness
    const half = WRITE_KEYS_MAX / 2
    const commandOf = (count: number): ReturnType<typeof writeOf> => {
      const entities = Array.from({ length: count }, (_, i) => `e${i}`)
      return writeOf({ expected: { chunks: entities.map((entity) => [entity, 0, null] as const) }, put: { chunks: entities.map((entity, i) => [entity, 0, stored(i)] as const) } })
    }
    const error = await store.write(BUCKET, commandOf(half + 1)).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).name).toBe('Error')
    expect(await collect(store.scan(BUCKET))).toEqual([])
    expect(await store.write(BUCKET, commandOf(half))).toBe(true)
    expect(await collect(store.scan(BUCKET))).toHaveLength(half)
  })

  it('refuses a chunk that cannot be', async () => {
    await using harness = await createHarness()
    for (const chunk of [-1, 3, 0.5]) await expect(harness.store.write(BUCKET, writeOf({ put: { fences: { 0: 'f' }, chunks: [['a', chunk, stored(1)]] } }))).rejects.toThrow(/chunk/)
    expect(await stateOf(harness.store, BUCKET, ['a'], [0])).toMatchObject({ fences: [null] })
  })

  it('removes an entity at the revisions that were seen, and at no others', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    await store.write(BUCKET, writeOf({ put: { record: 'r', fences: { 0: 'f' }, chunks: [['a', 0, stored(1)], ['a', 2, stored(3)], ['b', 0, stored(1)], ['a\0', 0, stored(1)]] } }))
    const before = await stateOf(store, BUCKET, ['a', 'b'])
    for (const revisions of [[1, null, null], [null, null, 3], [1, 2, 3], [3, null, 1], [1, null, 4], [null, null, null]]) {
      expect(await other.remove(BUCKET, bytesOf('a'), revisions.map((each) => (each === null ? null : revisionOf(each))))).toBe(false)
    }
    expect(await stateOf(store, BUCKET, ['a', 'b'])).toEqual(before)
    expect(await other.remove(BUCKET, bytesOf('a'), [revisionOf(1), null, revisionOf(3)])).toBe(true)
    expect((await collect(store.scan(BUCKET))).map(({ entity }) => textOf(entity)).sort()).toEqual(['a\0', 'b'])
    expect(await stateOf(store, BUCKET, ['a'], [0])).toEqual({ record: hexOf('r'), fences: [hexOf('f')], entities: [[null, null, null]] })
    expect(await other.remove(BUCKET, bytesOf('a'), [revisionOf(1), null, revisionOf(3)])).toBe(false)
    expect(await store.write(BUCKET, writeOf({ expected: { chunks: [['a', 0, null], ['a', 2, null]] }, put: { chunks: [['a', 0, stored(9)]] } }))).toBe(true)
  })

  it('lets one of many who read the same write', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    let fence: string | null = null
    for (let round = 0; round < 4; round++) {
      const expected: string | null = fence
      const won: readonly boolean[] = await race(10, (i) => (i % 2 ? store : other).write(BUCKET, writeOf({ expected: { fences: { 0: expected } }, put: { fences: { 0: `${round}.${i}` }, chunks: [['a', 0, stored(round * 10 + i)]] } })))
      expect(won.filter(Boolean)).toHaveLength(1)
      fence = `${round}.${won.indexOf(true)}`
      expect(await stateOf(other, BUCKET, ['a'], [0])).toMatchObject({ fences: [hexOf(fence)], entities: [[expect.stringMatching(`^${round * 10 + won.indexOf(true)} `), null, null]] })
    }
  })

  it('loses no write of those who read, add and write until they are not refused', async () => {
    await using harness = await createHarness()
    const { store, other } = harness
    let revisionCount = 0
    const add = async (client: SpeedViewStore, entity: string): Promise<void> => {
      for (;;) {
        const [state] = await client.read([{ ...BUCKET, entities: [bytesOf(entity)], partitions: [] }])
        const before = state!.entities[0]![0]!
        const sum = before === null ? 0 : Number(textOf(before.bytes))
        const write = writeOf({ expected: { chunks: [[entity, 0, before?.revision ?? null]] }, put: { chunks: [[entity, 0, stored(++revisionCount, `${sum + 1}`)]] } })
        if (await client.write(BUCKET, write)) return
      }
    }
    await race(6, async (i) => {
      for (let added = 0; added < 6; added++) await add(i % 2 ? store : other, ENTITIES[(i + added) % 2]!)
    })
    const [state] = await store.read([{ ...BUCKET, entities: ['a', 'b'].map(bytesOf), partitions: [] }])
    expect(state!.entities.map(([chunk]) => Number(textOf(chunk!.bytes))).reduce((sum, each) => sum + each)).toBe(36)
  })

  it('is what a map of buckets would be, through random commands', async () => {
    await forSeeds(3, async (chance) => {
      await using harness = await createHarness()
      const below = (limit: number): number => Math.floor(chance() * limit)
      const model = new Map<string, number>()
      let next = 0
      for (let i = 0; i < 60; i++) {
        const names = Array.from({ length: 1 + below(4) }, () => [ENTITIES[below(3)]!, below(3)] as const)
        const truthful = chance() < 0.7
        const expected = names.map(([entity, chunk]) => [entity, chunk, truthful || chance() < 0.7 ? (model.get(`${entity}${chunk}`) ?? null) : below(2) ? null : below(next + 1)] as const)
        const put = names.slice(below(2)).map(([entity, chunk]) => [entity, chunk, stored(++next)] as const)
        const isRight = expected.every(([entity, chunk, revision]) => (model.get(`${entity}${chunk}`) ?? null) === revision)
        expect(await (i % 2 ? harness.store : harness.other).write(BUCKET, writeOf({ expected: { chunks: expected }, put: { chunks: put } }))).toBe(isRight)
        if (isRight) for (const [entity, chunk, { revision }] of put) model.set(`${entity}${chunk}`, revision)
      }
      const [state] = await harness.store.read([{ ...BUCKET, entities: ENTITIES.map(bytesOf), partitions: [] }])
      expect(state!.entities.map((chunks) => chunks.map((chunk) => chunk?.revision ?? null))).toEqual(ENTITIES.map((entity) => [0, 1, 2].map((chunk) => model.get(`${entity}${chunk}`) ?? null)))
    })
  })
}
