import { describe, expect, it } from '@jest/globals'
import type { BatchViewStore } from './batch-view-store.ts'
import { bytesOf, forSeeds, race, textOf } from './testing/store-cases.ts'

export interface BatchViewStoreHarness extends AsyncDisposable {
  readonly store: BatchViewStore
  /** Another client of the same rows. */
  readonly other: BatchViewStore
}

const VIEW = 'airport_delays@1'

const write = (store: BatchViewStore, generation: number, rows: Readonly<Record<string, string>>, view = VIEW): Promise<void> =>
  store.write(view, generation, Object.entries(rows).map(([entity, blob]) => ({ entity: bytesOf(entity), blob: bytesOf(blob) })))

/** `2:blob` of each entity. */
async function newest(store: BatchViewStore, through: number, entities: readonly string[], view = VIEW): Promise<(string | null)[]> {
  const rows = await store.readNewest(view, through, entities.map(bytesOf))
  return rows.map((row) => row && `${row.generation}:${textOf(row.blob)}`)
}

/** What every BatchViewStore promises. */
export function batchViewStoreContract(name: string, createHarness: () => Promise<BatchViewStoreHarness>): void {
  describe(`BatchViewStore: ${name}`, () => {
    it('reads the newest row at or below the generation, in the order asked for', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      await write(store, 1, { a: 'a1', b: 'b1' })
      await write(store, 3, { a: 'a3' })
      await write(store, 300, { b: 'b300' })
      expect(await newest(other, 0, ['a', 'b'])).toEqual([null, null])
      expect(await newest(other, 1, ['b', 'a', 'c', 'b'])).toEqual(['1:b1', '1:a1', null, '1:b1'])
      expect(await newest(other, 2, ['a', 'b'])).toEqual(['1:a1', '1:b1'])
      expect(await newest(other, 3, ['a', 'b'])).toEqual(['3:a3', '1:b1'])
      expect(await newest(other, 299, ['a', 'b'])).toEqual(['3:a3', '1:b1'])
      expect(await newest(other, Number.MAX_SAFE_INTEGER, ['a', 'b'])).toEqual(['3:a3', '300:b300'])
      expect(await newest(other, 3, [])).toEqual([])
    })

    it('keeps generations of any size in their order', async () => {
      await using harness = await createHarness()
      const generations = [1, 255, 256, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]
      for (const generation of generations.toReversed()) await write(harness.store, generation, { a: `of ${generation}` })
      expect(await harness.other.generationsOf(VIEW, [bytesOf('a')])).toEqual([generations.toReversed()])
      for (const generation of generations) expect(await newest(harness.other, generation, ['a'])).toEqual([`${generation}:of ${generation}`])
    })

    it('keeps views and entities apart, also where one starts as another does', async () => {
      await using harness = await createHarness()
      const entities = ['', 'a', 'a\0', 'aa', '\xff', 'a\0\0\0\0\0\0\0\0\0', '@1', 'b@1']
      for (const view of ['v@1', 'v@10', 'v', 'v@1b']) await write(harness.store, 1, Object.fromEntries(entities.map((entity) => [entity, `${view} ${entity}`])), view)
      for (const view of ['v@1', 'v@10', 'v', 'v@1b']) {
        expect(await newest(harness.other, 9, entities, view)).toEqual(entities.map((entity) => `1:${view} ${entity}`))
      }
      expect(await newest(harness.other, 9, entities, 'v@2')).toEqual(entities.map(() => null))
      await harness.store.remove('v', 1, entities.map(bytesOf))
      expect(await newest(harness.other, 9, entities, 'v@1')).toEqual(entities.map((entity) => `1:v@1 ${entity}`))
    })

    it('takes entities and blobs of any length', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      const lengths = [1, 500, 1_000, 1_024, 1_025, 1_900, 1_979, 5_000, 70_000]
      const entities = lengths.flatMap((length) => ['x', 'y'].map((end) => 'k'.repeat(length - 1) + end))
      for (const generation of [1, 2]) await write(store, generation, Object.fromEntries(entities.map((entity, i) => [entity, `${generation} ${i}`])))
      await store.remove(VIEW, 2, entities.filter((_, i) => i % 2).map(bytesOf))
      expect(await newest(other, 2, entities)).toEqual(entities.map((_, i) => (i % 2 ? `1:1 ${i}` : `2:2 ${i}`)))
      const blob = 'blob'.repeat(500_000)
      await write(store, 3, { empty: '', large: blob })
      expect(await newest(other, 3, ['empty', 'large'])).toEqual(['3:', `3:${blob}`])
    })

    it('writes a row twice as once, and keeps its own copy', async () => {
      await using harness = await createHarness()
      const row = { entity: bytesOf('a'), blob: bytesOf('one') }
      await harness.store.write(VIEW, 1, [row, row])
      await harness.other.write(VIEW, 1, [row])
      row.blob.fill(0)
      row.entity.fill(0)
      const [found] = await harness.other.readNewest(VIEW, 1, [bytesOf('a')])
      expect(textOf(found!.blob)).toBe('one')
      found!.blob.fill(0)
      expect(await newest(harness.store, 1, ['a'])).toEqual(['1:one'])
      expect(await harness.store.generationsOf(VIEW, [bytesOf('a')])).toEqual([[1]])
    })

    it('removes rows for ever: what is written later of the same generation does not come back', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      await write(store, 1, { a: 'a1', b: 'b1' })
      await write(store, 2, { a: 'a2', b: 'b2' })
      await store.remove(VIEW, 2, ['a', 'never'].map(bytesOf))
      expect(await newest(other, 2, ['a', 'b', 'never'])).toEqual(['1:a1', '2:b2', null])
      await write(other, 2, { a: 'late', never: 'late', b: 'b2' })
      expect(await newest(store, 9, ['a', 'b', 'never'])).toEqual(['1:a1', '2:b2', null])
      await other.remove(VIEW, 2, [bytesOf('a')])
      await write(store, 3, { a: 'a3', never: 'n3' })
      expect(await newest(other, 9, ['a', 'b', 'never'])).toEqual(['3:a3', '2:b2', '3:n3'])
      expect(await other.generationsOf(VIEW, ['a', 'b', 'never'].map(bytesOf))).toEqual([[3, 1], [2, 1], [3]])
    })

    it('skips any number of removed rows', async () => {
      await using harness = await createHarness()
      await write(harness.store, 1, { a: 'a1' })
      for (let generation = 2; generation < 40; generation++) {
        await write(harness.store, generation, { a: 'bad' })
        await harness.store.remove(VIEW, generation, [bytesOf('a')])
      }
      expect(await newest(harness.other, 39, ['a', 'b'])).toEqual(['1:a1', null])
      await harness.store.remove(VIEW, 1, [bytesOf('a')])
      expect(await newest(harness.other, 39, ['a'])).toEqual([null])
      expect(await harness.other.generationsOf(VIEW, [bytesOf('a')])).toEqual([[]])
    })

    it('lets a removal win over writes that race with it', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      const entities = Array.from({ length: 50 }, (_, i) => `e${i}`)
      await race(10, (i) =>
        i === 5 ? store.remove(VIEW, 7, entities.map(bytesOf)) : write(i % 2 ? store : other, 7, Object.fromEntries(entities.map((entity) => [entity, 'late']))),
      )
      expect(await newest(other, 7, entities)).toEqual(entities.map(() => null))
    })

    it('loads and reads many at once', async () => {
      await using harness = await createHarness()
      const entities = Array.from({ length: 5_000 }, (_, i) => `entity ${i}`)
      await write(harness.store, 1, Object.fromEntries(entities.map((entity) => [entity, entity])))
      expect(await newest(harness.other, 1, entities)).toEqual(entities.map((entity) => `1:${entity}`))
    })

    it('answers as a plain map does, over random histories', async () => {
      await forSeeds(8, async (chance) => {
        await using harness = await createHarness()
        const below = (n: number): number => Math.floor(chance() * n)
        const rows = new Map<string, string | null>()
        const entities = ['a', 'b', 'c', 'd']
        const newestOf = (entity: string, through: number): string | null => {
          for (let g = through; g > 0; g--) {
            const row = rows.get(`${g} ${entity}`) ?? null
            if (row !== null) return `${g}:${row}`
          }
          return null
        }
        for (let step = 0; step < 60; step++) {
          const store = below(2) ? harness.store : harness.other
          const generation = 1 + below(6)
          const some = entities.filter(() => below(2))
          if (below(3) === 0) {
            await store.remove(VIEW, generation, some.map(bytesOf))
            for (const entity of some) rows.set(`${generation} ${entity}`, null)
          } else {
            await write(store, generation, Object.fromEntries(some.map((entity) => [entity, `${step}`])))
            for (const entity of some) if (rows.get(`${generation} ${entity}`) !== null) rows.set(`${generation} ${entity}`, `${step}`)
          }
          const through = below(8)
          expect(await newest(harness.store, through, entities)).toEqual(entities.map((entity) => newestOf(entity, through)))
        }
      })
    })
  })
}
