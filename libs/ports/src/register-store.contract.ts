import { describe, expect, it } from '@jest/globals'
import { REGISTER_SIZE_MAX_BYTES, type RegisterStore } from './register-store.ts'
import type { Revision } from './revision.ts'
import { bytesOf, race, textOf } from './testing/store-cases.ts'

export interface RegisterStoreHarness extends AsyncDisposable {
  readonly store: RegisterStore
  /** Another client of the same registers. */
  readonly other: RegisterStore
}

const textAt = async (store: RegisterStore, name: string): Promise<string | null> => {
  const found = await store.read(name)
  return found && textOf(found.bytes)
}

/** What every RegisterStore promises. */
export function registerStoreContract(name: string, createHarness: () => Promise<RegisterStoreHarness>): void {
  describe(`RegisterStore: ${name}`, () => {
    it('has nothing until somebody sets it', async () => {
      await using harness = await createHarness()
      expect(await harness.store.read('pointer/a@1')).toBeNull()
      expect(await harness.store.list('')).toEqual([])
      expect(await harness.store.compareAndSet('pointer/a@1', 7 as Revision, bytesOf('x'))).toBeNull()
      expect(await harness.other.read('pointer/a@1')).toBeNull()
    })

    it('sets by compare-and-set only', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      const first = await store.compareAndSet('r', null, bytesOf('one'))
      expect(await other.read('r')).toEqual({ revision: first, bytes: expect.anything() })
      expect(await other.compareAndSet('r', null, bytesOf('two'))).toBeNull()
      const second = await other.compareAndSet('r', first, bytesOf('two'))
      expect(await textAt(store, 'r')).toBe('two')
      expect(await store.compareAndSet('r', first, bytesOf('three'))).toBeNull()
      expect(await store.compareAndSet('r', null, bytesOf('three'))).toBeNull()
      expect(await store.read('r')).toEqual({ revision: second, bytes: expect.anything() })
      expect(await textAt(store, 'r')).toBe('two')
    })

    it('gives each value a revision of its own, the same value too', async () => {
      await using harness = await createHarness()
      const seen = new Set<Revision>()
      let revision: Revision | null = null
      for (let i = 0; i < 50; i++) {
        revision = await harness.store.compareAndSet('r', revision, bytesOf('same'))
        expect(Number.isSafeInteger(revision) && revision! >= 0).toBe(true)
        seen.add(revision!)
      }
      expect(seen.size).toBe(50)
      const old = [...seen][3]!
      expect(await harness.store.compareAndSet('r', old, bytesOf('back'))).toBeNull()
    })

    it('does not take the revision of one register for that of another', async () => {
      await using harness = await createHarness()
      const a = await harness.store.compareAndSet('a', null, bytesOf('a'))
      await harness.store.compareAndSet('b', null, bytesOf('b'))
      expect(await harness.store.compareAndSet('b', a, bytesOf('c'))).toBeNull()
      expect(await textAt(harness.store, 'b')).toBe('b')
    })

    it('lets one of twenty win, whether there is a value or not', async () => {
      await using harness = await createHarness()
      let revision: Revision | null = null
      for (let round = 0; round < 5; round++) {
        const expected: Revision | null = revision
        const revisions: (Revision | null)[] = await race(20, (i) => (i % 2 ? harness.store : harness.other).compareAndSet('r', expected, bytesOf(`${round} ${i}`)))
        expect(revisions.filter((won) => won !== null)).toHaveLength(1)
        const winner = revisions.findIndex((won) => won !== null)
        revision = revisions[winner]!
        expect(await harness.other.read('r')).toEqual({ revision, bytes: expect.anything() })
        expect(await textAt(harness.other, 'r')).toBe(`${round} ${winner}`)
      }
    })

    it('loses no update of those who read, add and set until they win', async () => {
      await using harness = await createHarness()
      await harness.store.compareAndSet('sum', null, bytesOf('0'))
      await race(8, async (i) => {
        const store = i % 2 ? harness.store : harness.other
        for (let added = 0; added < 5; ) {
          const found = await store.read('sum')
          if ((await store.compareAndSet('sum', found!.revision, bytesOf(String(Number(textOf(found!.bytes)) + 1)))) !== null) added++
        }
      })
      expect(await textAt(harness.store, 'sum')).toBe('40')
    })

    it('keeps its own copy', async () => {
      await using harness = await createHarness()
      const bytes = bytesOf('one')
      await harness.store.compareAndSet('r', null, bytes)
      bytes.fill(0)
      const found = await harness.store.read('r')
      found!.bytes.fill(0)
      expect(await textAt(harness.store, 'r')).toBe('one')
    })

    it('takes values up to the limit, and refuses larger ones', async () => {
      await using harness = await createHarness()
      const largest = new Uint8Array(REGISTER_SIZE_MAX_BYTES).fill(7)
      const revision = await harness.store.compareAndSet('r', null, largest)
      expect(Buffer.compare((await harness.other.read('r'))!.bytes, largest)).toBe(0)
      await expect(harness.store.compareAndSet('r', revision, new Uint8Array(REGISTER_SIZE_MAX_BYTES + 1))).rejects.toThrow(/1048576/)
      await expect(harness.store.compareAndSet('other', null, new Uint8Array(REGISTER_SIZE_MAX_BYTES + 1))).rejects.toThrow(/1048576/)
      expect((await harness.store.read('r'))!.revision).toBe(revision)
      expect(await harness.store.read('other')).toBeNull()
      expect(await harness.store.compareAndSet('r', revision, new Uint8Array(0))).not.toBeNull()
      expect((await harness.other.read('r'))!.bytes).toHaveLength(0)
    })

    it('lists the names that start so, in the order of their bytes', async () => {
      await using harness = await createHarness()
      const names = ['a', 'pointer/Z@1', 'pointer/a@1', 'pointer/a@10', 'pointer/b@1', 'pointer0', 'seal/x', 'é']
      for (const each of names.toReversed()) await harness.store.compareAndSet(each, null, bytesOf(each))
      expect(await harness.other.list('')).toEqual(names)
      expect(await harness.other.list('pointer/')).toEqual(names.filter((each) => each.startsWith('pointer/')))
      expect(await harness.other.list('pointer/a@1')).toEqual(['pointer/a@1', 'pointer/a@10'])
      expect(await harness.other.list('q')).toEqual([])
      expect(await harness.other.list('é')).toEqual(['é'])
    })
  })
}
