// What every BlobCache promises. A cache may forget; one under this suite has room for all that the suite puts.
import { describe, expect, it } from '@jest/globals'
import { BLOB_CACHE_KEY_SIZE_MAX_BYTES, type BlobCache } from './blob-cache.ts'
import { bytesOf, race, seededChance, textOf } from './testing/store-cases.ts'

export interface BlobCacheHarness extends AsyncDisposable {
  readonly cache: BlobCache
  /** Another client of the same cache. */
  readonly other: BlobCache
}

export function blobCacheContract(name: string, createHarness: () => Promise<BlobCacheHarness>): void {
  const textsOf = (found: readonly (Uint8Array | null)[]): (string | null)[] => found.map((bytes) => bytes && textOf(bytes))

  describe(`BlobCache: ${name}`, () => {
    it('gives what was put, by any client, and nothing of what was not, in the order of the keys', async () => {
      await using harness = await createHarness()
      const { cache, other } = harness
      expect(await cache.getMany([bytesOf('a'), bytesOf('b')])).toEqual([null, null])
      await cache.putMany([{ key: bytesOf('a'), bytes: bytesOf('one') }, { key: bytesOf('c'), bytes: bytesOf('three') }])
      expect(textsOf(await other.getMany(['c', 'b', 'a', 'c'].map(bytesOf)))).toEqual(['three', null, 'one', 'three'])
    })

    it('takes nothing at all, and the same again', async () => {
      await using harness = await createHarness()
      const { cache } = harness
      await cache.putMany([])
      expect(await cache.getMany([])).toEqual([])
      for (let i = 0; i < 2; i++) await cache.putMany([{ key: bytesOf('a'), bytes: bytesOf('one') }])
      expect(textsOf(await cache.getMany([bytesOf('a')]))).toEqual(['one'])
    })

    it('keeps any bytes under any bytes, none of them too', async () => {
      await using harness = await createHarness()
      const { cache, other } = harness
      const chance = seededChance(1)
      const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(256 * chance()))
      const keys = [new Uint8Array(0), bytesOf('{a}'), bytesOf('{a}b'), bytesOf(' \r\n\0'), Uint8Array.of(0xff), Uint8Array.of(0xc3, 0xbf), Uint8Array.of(0xc3), ...Array.from({ length: 40 }, (_, i) => bytes(i + 8)), bytes(BLOB_CACHE_KEY_SIZE_MAX_BYTES)]
      const entries = keys.map((key, i) => ({ key, bytes: bytes(i % 5 === 0 ? 0 : 10 * i) }))
      await cache.putMany(entries)
      const found = await other.getMany(keys)
      for (const [i, entry] of entries.entries()) expect([i, Buffer.from(found[i]!).toString('hex')]).toEqual([i, Buffer.from(entry.bytes).toString('hex')])
    })

    it('keeps and gives what is nobody else\'s to change', async () => {
      await using harness = await createHarness()
      const { cache } = harness
      const bytes = bytesOf('one')
      const key = bytesOf('a')
      await cache.putMany([{ key, bytes }])
      bytes.fill(0)
      key.fill(0)
      const [first] = await cache.getMany([bytesOf('a')])
      expect(textOf(first!)).toBe('one')
      first!.fill(0)
      expect(textsOf(await cache.getMany([bytesOf('a')]))).toEqual(['one'])
    })

    it('gives bytes that hold on to no more than themselves', async () => {
      await using harness = await createHarness()
      const { cache } = harness
      const keys = Array.from({ length: 100 }, (_, i) => bytesOf(`k${i}`))
      await cache.putMany(keys.map((key) => ({ key, bytes: new Uint8Array(100) })))
      for (const found of await cache.getMany(keys)) expect(found!.buffer.byteLength).toBeLessThan(100 * keys.length + 1)
    })

    it('takes many and large ones at once', async () => {
      await using harness = await createHarness()
      const { cache, other } = harness
      const keys = Array.from({ length: 1_000 }, (_, i) => bytesOf(`many ${i}`))
      await race(4, (i) => cache.putMany(keys.slice(250 * i, 250 * (i + 1)).map((key) => ({ key, bytes: key }))))
      expect((await other.getMany(keys)).every((found, i) => Buffer.compare(found!, keys[i]!) === 0)).toBe(true)
      const large = new Uint8Array(2_000_000).fill(7)
      await cache.putMany([{ key: bytesOf('large'), bytes: large }])
      expect(Buffer.compare((await other.getMany([bytesOf('large')]))[0]!, large)).toBe(0)
    })

    it('refuses keys that are too long', async () => {
      await using harness = await createHarness()
      const { cache } = harness
      const key = new Uint8Array(BLOB_CACHE_KEY_SIZE_MAX_BYTES + 1)
      await expect(cache.getMany([key])).rejects.toThrow(/key/)
      await expect(cache.putMany([{ key, bytes: bytesOf('x') }])).rejects.toThrow(/key/)
    })
  })
}
