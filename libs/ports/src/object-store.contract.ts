import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { OBJECT_KEY_SEGMENT_SIZE_MAX_BYTES } from './object-key.ts'
import type { ObjectStore } from './object-store.ts'
import { bytesOf, collect, race, textOf } from './testing/store-cases.ts'

export interface ObjectStoreHarness extends AsyncDisposable {
  readonly store: ObjectStore
  /** Another client of the same objects. */
  readonly other: ObjectStore
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

const textAt = async (store: ObjectStore, key: string): Promise<string | null> => {
  const found = await store.get(key)
  return found === null ? null : textOf(found.bytes)
}

/** What every ObjectStore promises. Tags may be of contents, as S3's are: no case puts the same bytes twice and expects another tag. */
export function objectStoreContract(name: string, createHarness: () => Promise<ObjectStoreHarness>): void {
  describe(`ObjectStore: ${name}`, () => {
    it('keeps what was created, to the byte, for every client', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      const noise = Buffer.concat(Array.from({ length: 40_000 }, (_, i) => createHash('md5').update(String(i)).digest()))
      for (const [key, bytes] of [['a/empty', bytesOf('')], ['a/small', bytesOf('é\0\n')], ['a/b/large.parquet', noise]] as const) {
        expect(await store.create(key, bytes)).toBe(true)
        const found = await other.get(key)
        expect(Buffer.compare(found!.bytes, bytes)).toBe(0)
        expect(found!.etag).not.toBe('')
      }
    })

    it('creates once: a second one changes nothing', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      await store.create('k', bytesOf('first'))
      const before = await store.get('k')
      expect(await store.create('k', bytesOf('second'))).toBe(false)
      expect(await other.create('k', bytesOf('first'))).toBe(false)
      expect(await store.get('k')).toEqual(before)
    })

    it('keeps its own copy', async () => {
      await using harness = await createHarness()
      const bytes = bytesOf('first')
      await harness.store.create('k', bytes)
      bytes.fill(0)
      const found = await harness.store.get('k')
      expect(textOf(found!.bytes)).toBe('first')
      found!.bytes.fill(0)
      expect(await textAt(harness.store, 'k')).toBe('first')
    })

    it('lets one of many creators win, and keeps what that one gave', async () => {
      await using harness = await createHarness()
      const created = await race(20, (i) => (i % 2 ? harness.store : harness.other).create('raced', bytesOf(`of ${i}`)))
      expect(created.filter(Boolean)).toHaveLength(1)
      expect(await textAt(harness.store, 'raced')).toBe(`of ${created.indexOf(true)}`)
    })

    it('creates from a file, leaves it, and does not follow it', async () => {
      await using harness = await createHarness()
      await using folder = await temporaryFolder()
      const path = join(folder.path, 'source')
      await writeFile(path, 'content')
      expect(await harness.store.createFromFile('k', path)).toBe(true)
      expect(await harness.store.createFromFile('k', path)).toBe(false)
      expect(await harness.store.create('k', bytesOf('x'))).toBe(false)
      await writeFile(path, 'CHANGED')
      expect(await textAt(harness.store, 'k')).toBe('content')
      await expect(harness.store.createFromFile('none', join(folder.path, 'absent'))).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
      await expect(harness.store.createFromFile('none', folder.path)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
      expect(await harness.store.get('none')).toBeNull()
    })

    it('has nothing where nothing was created', async () => {
      await using harness = await createHarness()
      await harness.store.create('a/b', bytesOf('x'))
      for (const key of ['a/c', 'a/b.x', 'c/d/e']) {
        expect(await harness.store.get(key)).toBeNull()
        await expect(harness.store.open(key)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
        await harness.store.remove(key)
      }
      expect(await textAt(harness.store, 'a/b')).toBe('x')
    })

    it('replaces what has the tag, and nothing else', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      const first = await store.replace('k', null, bytesOf('one'))
      expect(first).not.toBeNull()
      expect(await other.replace('k', null, bytesOf('two'))).toBeNull()
      expect((await other.get('k'))!.etag).toBe(first)
      const second = await other.replace('k', first, bytesOf('two'))
      expect(await store.get('k')).toEqual({ etag: second, bytes: expect.anything() })
      expect(await textAt(store, 'k')).toBe('two')
      expect(await store.replace('k', first, bytesOf('three'))).toBeNull()
      await store.create('other', bytesOf('other'))
      expect(await store.replace('k', (await store.get('other'))!.etag, bytesOf('three'))).toBeNull()
      expect(await store.replace('none', second, bytesOf('three'))).toBeNull()
      expect(await store.replace('k', 'no tag of ours / ..', bytesOf('three'))).toBeNull()
      expect(await textAt(store, 'k')).toBe('two')
      expect(await store.get('none')).toBeNull()
    })

    it('replaces what was created, and creates nothing over what was replaced', async () => {
      await using harness = await createHarness()
      const { store } = harness
      await store.create('k', bytesOf('one'))
      const second = await store.replace('k', (await store.get('k'))!.etag, bytesOf('two'))
      expect(await store.create('k', bytesOf('three'))).toBe(false)
      expect((await store.get('k'))!.etag).toBe(second)
    })

    it('does not take a removed object for the one made after it', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      const old = await store.replace('k', null, bytesOf('one'))
      await other.remove('k')
      expect(await store.get('k')).toBeNull()
      expect(await store.replace('k', old, bytesOf('two'))).toBeNull()
      expect(await store.create('k', bytesOf('three'))).toBe(true)
      expect(await store.replace('k', old, bytesOf('four'))).toBeNull()
      expect(await textAt(other, 'k')).toBe('three')
    })

    it('lets one of many replacers win', async () => {
      await using harness = await createHarness()
      const tag = await harness.store.replace('k', null, bytesOf('start'))
      const tags = await race(20, (i) => (i % 2 ? harness.store : harness.other).replace('k', tag, bytesOf(`of ${i}`)))
      expect(tags.filter((won) => won !== null)).toHaveLength(1)
      const winner = tags.findIndex((won) => won !== null)
      const found = await harness.other.get('k')
      expect([found!.etag, textOf(found!.bytes)]).toEqual([tags[winner], `of ${winner}`])
    })

    it('loses no update of those who read, add and replace until they win', async () => {
      await using harness = await createHarness()
      await harness.store.create('sum', bytesOf('0'))
      let isRunning = true
      const watched = (async () => {
        for (let newest = 0; isRunning; ) {
          const value = Number(await textAt(harness.other, 'sum'))
          expect(value).toBeGreaterThanOrEqual(newest)
          newest = value
        }
      })()
      await race(6, async (i) => {
        const store = i % 2 ? harness.store : harness.other
        for (let added = 0; added < 5; ) {
          const found = await store.get('sum')
          if ((await store.replace('sum', found!.etag, bytesOf(String(Number(textOf(found!.bytes)) + 1)))) !== null) added++
        }
      })
      isRunning = false
      await watched
      expect(await textAt(harness.store, 'sum')).toBe('30')
    })

    it('opens an object as a file that stays as it was, whatever becomes of the object', async () => {
      await using harness = await createHarness()
      const { store, other } = harness
      await store.create('data/part.parquet', bytesOf('one'))
      {
        await using local = await store.open('data/part.parquet')
        await using again = await other.open('data/part.parquet')
        await other.replace('data/part.parquet', (await other.get('data/part.parquet'))!.etag, bytesOf('two'))
        expect(await readFile(local.path, 'utf8')).toBe('one')
        await other.remove('data/part.parquet')
        expect(await readFile(local.path, 'utf8')).toBe('one')
        expect(await readFile(again.path, 'utf8')).toBe('one')
      }
      expect(await store.get('data/part.parquet')).toBeNull()
      await expect(store.open('data/part.parquet')).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    })

    it('lists the keys that start so, in the order of their bytes', async () => {
      await using harness = await createHarness()
      const keys = ['a-b', 'a.c', 'a/B', 'a/b-/x', 'a/b.', 'a/b/c', 'a/b/d/e', 'a/b0', 'a=', 'a_', 'aa', 'b']
      for (const key of keys.toReversed()) await harness.store.create(key, bytesOf(key))
      expect(await collect(harness.other.list(''))).toEqual(keys)
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'a/b/d', 'a/b/d/', 'a/b/d/e', 'a/c', 'b/', 'b', 'c/d/']) {
        expect([prefix, await collect(harness.other.list(prefix))]).toEqual([prefix, keys.filter((key) => key.startsWith(prefix))])
      }
    })

    it('lists what is there while others create and remove', async () => {
      await using harness = await createHarness()
      await race(40, (i) => harness.store.create(`many/${i % 4}/${i}`, bytesOf('x')))
      const listed: string[] = []
      for await (const key of harness.store.list('many/')) {
        listed.push(key)
        await harness.other.remove(key)
        await harness.other.create(`many2/${listed.length}`, bytesOf('x'))
      }
      expect(listed).toHaveLength(40)
      expect(await collect(harness.store.list('many/'))).toEqual([])
    })

    it.each([
      '', '/', '/a', 'a/', 'a//b', '.', '..', 'a/../b', '../a', 'a/.', 'a b', 'a\0', 'é', 'a\\b', 'a@b', 'a:b', '%2e%2e',
      'x'.repeat(OBJECT_KEY_SEGMENT_SIZE_MAX_BYTES + 1), `${'abcdefghi/'.repeat(100)}a`,
    ])('refuses %j as a key', async (key) => {
      await using harness = await createHarness()
      const { store } = harness
      await expect(store.create(key, bytesOf('x'))).rejects.toThrow(/key/)
      await expect(store.createFromFile(key, 'nowhere')).rejects.toThrow(/key/)
      await expect(store.replace(key, null, bytesOf('x'))).rejects.toThrow(/key/)
      await expect(store.get(key)).rejects.toThrow(/key/)
      await expect(store.open(key)).rejects.toThrow(/key/)
      await expect(store.remove(key)).rejects.toThrow(/key/)
      expect(await collect(store.list(''))).toEqual([])
    })

    it('takes keys as long as they may be', async () => {
      await using harness = await createHarness()
      const segment = 'x'.repeat(OBJECT_KEY_SEGMENT_SIZE_MAX_BYTES)
      const keys = [segment, `${segment.slice(1)}0/${segment}`, `${'abcdefghi/'.repeat(89)}abcdefghij`]
      for (const key of keys) {
        expect(await harness.store.create(key, bytesOf(key))).toBe(true)
        expect(await textAt(harness.other, key)).toBe(key)
      }
    })

    it.each(['/', '../', 'a/../', 'a//', 'é', '@'])('refuses %j as the start of keys', async (prefix) => {
      await using harness = await createHarness()
      await expect(collect(harness.store.list(prefix))).rejects.toThrow(/key/)
    })
  })
}
