// What a store on S3 does when its server ignores conditions, loses answers, is slow or away: on a small server that does so when it is told to.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { createHash, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import type { ObjectStore } from '@tidemark/ports/object-store'
import { markOfThisProcess } from '@tidemark/machine/process-mark'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { createS3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts'
import { startFakeS3, type FakeS3, type Fault, type Honoured } from './testing/fake-s3.ts'

const SECRET = 'a-secret-that-nobody-may-read'
const ACCESS_KEY = 'an-access-key-that-nobody-may-read'
const PART_SIZE_BYTES = 1_000

interface Opened extends AsyncDisposable {
  readonly server: FakeS3
  readonly store: ObjectStore
  readonly folder: string
}

async function openStore({ honoured, ...options }: Partial<S3ObjectStoreOptions> & { readonly honoured?: readonly Honoured[] } = {}): Promise<Opened> {
  const server = await startFakeS3(honoured)
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  const end = async (): Promise<void> => {
    await server[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  }
  try {
    const store = await createS3ObjectStore({
      endpoint: server.endpoint, region: 'us-east-1', bucket: 'bucket', openedFolder: folder, partSizeBytes: PART_SIZE_BYTES,
      credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET }, newRevision: () => randomInt(2 ** 48 - 1) as Revision, ...options,
    })
    return {
      server, store, folder,
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

/** These faults for the first requests that match, one after the other. */
function faultsOf(matches: RegExp, faults: readonly Fault[]): (request: string) => Fault | undefined {
  const left = [...faults]
  return (request) => (matches.test(request) ? left.shift() : undefined)
}

const textAt = async (store: ObjectStore, key: string): Promise<string | null> => {
  const found = await store.get(key)
  return found && textOf(found.bytes)
}

describe('S3ObjectStore', () => {
  it.each([
    [['match', 'complete'], /If-None-Match: \*` of a put/],
    [['create', 'complete'], /If-Match` of a put/],
    [['create', 'match'], /If-None-Match: \*` at the end of an upload in parts/],
    [[], /If-None-Match/],
  ] as const)('is not opened on a server that honours only %j', async (honoured, message) => {
    const opening = openStore({ honoured })
    await expect(opening).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
    await expect(opening).rejects.toThrow(message)
  })

  it('leaves nothing of what it tried', async () => {
    await using opened = await openStore({ keyPrefix: 'production/' })
    expect([...opened.server.objects.keys()]).toEqual([])
    await opened.store.create('k', bytesOf('x'))
    expect([...opened.server.objects.keys()]).toEqual(['bucket/production/k'])
  })

  it('knows its own object where the answer to a create was lost', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    server.fault = faultsOf(/^PUT/, ['lose'])
    expect(await store.create('k', bytesOf('mine'))).toBe(true)
    expect(server.requests.filter((request) => request === 'PUT bucket/k')).toHaveLength(2)
    expect(await store.create('k', bytesOf('mine'))).toBe(false)
  })

  it('sends no large object for nothing', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    const large = new Uint8Array(300_000)
    expect(await store.create('k', large)).toBe(true)
    server.fault = faultsOf(/^PUT/, ['cut', 'cut', 'cut', 'cut'])
    expect(await store.create('k', large)).toBe(false)
    expect(server.requests.filter((request) => request === 'PUT bucket/k')).toHaveLength(1)
  })

  it('tries again where a condition fails for what an attempt has left for a moment', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    server.fault = faultsOf(/^PUT/, ['cut', 412])
    expect(await store.create('k', bytesOf('mine'))).toBe(true)
    expect(await textAt(store, 'k')).toBe('mine')
    server.fault = faultsOf(/^PUT/, ['cut', 412, 412, 412])
    await expect(store.create('other', bytesOf('mine'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('knows its own object where the answer to a replacement was lost, by its tag', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    const first = await store.replace('k', null, bytesOf('one'))
    server.fault = faultsOf(/^PUT/, ['lose', 'lose'])
    const second = await store.replace('k', first, bytesOf('two'))
    expect(second).toBe((await store.get('k'))!.etag)
    expect(await textAt(store, 'k')).toBe('two')
  })

  it('does not say that somebody else was faster where its own object may have been replaced already', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    const lost = faultsOf(/^PUT/, ['lose'])
    server.fault = (request) => {
      const fault = lost(request)
      if (fault === undefined && request === 'PUT bucket/k') server.objects.set('bucket/k', { bytes: Buffer.from('built on it'), mark: undefined, etag: '"other"' })
      return fault
    }
    await expect(store.create('k', bytesOf('mine'))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    server.fault = () => undefined
    expect(server.objects.get('bucket/k')!.bytes.toString()).toBe('built on it')
    expect(await store.create('k', bytesOf('mine'))).toBe(false)
  })

  it('says that somebody else was faster where every answer came, and cannot tell where one did not', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    await store.create('k', bytesOf('first'))
    const { etag } = (await store.get('k'))!
    for (const write of [() => store.create('k', bytesOf('second')), () => store.replace('k', '"other"', bytesOf('second'))]) {
      server.fault = faultsOf(/^PUT/, [409, 429])
      expect(await write()).toBeFalsy()
      for (const fault of ['cut', 'lose', 500] as const) {
        server.fault = faultsOf(/^PUT/, [fault])
        await expect(write()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
      }
    }
    expect(await store.get('k')).toEqual({ etag, bytes: expect.anything() })
    expect(await textAt(store, 'k')).toBe('first')
  })

  it('knows its own object where the answer to the last step of an upload in parts was lost', async () => {
    await using opened = await openStore()
    const { store, server, folder } = opened
    const path = join(folder, 'large')
    await writeFile(path, createHash('sha512').update('noise').digest('hex').repeat(20))
    server.fault = lastStepOf(server, 'lose')
    expect(await store.createFromFile('large', path)).toBe(true)
    expect((await store.get('large'))!.bytes).toHaveLength(2_560)
    expect(await store.createFromFile('large', path)).toBe(false)
  })

  describe('opening what is larger than a part', () => {
    const text = createHash('sha512').update('noise').digest('hex').repeat(20)
    const ranges = ['bytes=0-999', 'bytes=1000-1999', 'bytes=2000-2999'].map((range) => `GET bucket/large ${range}`)
    const gets = ({ requests }: FakeS3): string[] => requests.filter((request) => request.startsWith('GET')).toSorted()
    const openText = async (store: ObjectStore): Promise<string> => {
      await using local = await store.open('large')
      return await readFile(local.path, 'utf8')
    }

    it('fetches ranges, and only what failed again', async () => {
      await using opened = await openStore()
      const { store, server } = opened
      await store.create('large', bytesOf(text))
      server.fault = faultsOf(/bytes=1000-/, ['cut', 503])
      expect(await openText(store)).toBe(text)
      expect(gets(server)).toEqual([ranges[0], ranges[1], ranges[1], ranges[1], ranges[2]])
    })

    it('opens more at once than there are calls at once', async () => {
      await using opened = await openStore({ answerTimeoutMs: 2_000 })
      const { store } = opened
      await store.create('large', bytesOf(text))
      expect(await Promise.all(Array.from({ length: 60 }, () => openText(store)))).toEqual(Array.from({ length: 60 }, () => text))
    }, 60_000)

    it('mixes no two states of an object', async () => {
      await using opened = await openStore()
      const { store, server } = opened
      await store.create('large', bytesOf(text))
      server.fault = (request) => {
        if (request.includes('bytes=2000-')) server.objects.set('bucket/large', { ...server.objects.get('bucket/large')!, etag: '"another"' })
        return undefined
      }
      await expect(store.open('large')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    })

    it('gets what it does not vouch for itself as a whole, and what no range is of', async () => {
      await using opened = await openStore()
      const { store, server } = opened
      await store.create('large', bytesOf(text))
      server.objects.set('bucket/large', { ...server.objects.get('bucket/large')!, mark: undefined })
      expect(await openText(store)).toBe(text)
      await store.remove('large')
      await store.create('large', new Uint8Array())
      expect(await openText(store)).toBe('')
    })
  })

  it('tries again what may be done twice, and gives up in the end', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    await store.create('k', bytesOf('x'))
    server.fault = faultsOf(/^GET/, ['cut', 503, 500])
    expect(await textAt(store, 'k')).toBe('x')
    server.fault = faultsOf(/^DELETE/, ['lose', 'cut'])
    await store.remove('k')
    expect(await store.get('k')).toBeNull()
    server.fault = () => 503
    const before = server.requests.length
    await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(server.requests).toHaveLength(before + 4)
  })

  it('waits no longer than it may for an answer', async () => {
    await using opened = await openStore({ answerTimeoutMs: 300 })
    const { store, server } = opened
    server.fault = () => 'stall'
    for (const call of [store.get('k'), store.create('k', bytesOf('x')), store.remove('k'), store.open('k')]) {
      await expect(call).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    }
  })

  it('says which server is away', async () => {
    await using opened = await openStore()
    const { endpoint } = opened.server
    await opened.server[Symbol.asyncDispose]()
    const getting = opened.store.get('archive/k')
    await expect(getting).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(getting).rejects.toThrow(`S3 bucket bucket at ${endpoint}, object archive/k`)
  })

  it.each([401, 403])('says that credentials are refused (%i), and shows none of them', async (status) => {
    await using opened = await openStore()
    const { store, server } = opened
    server.fault = () => status
    for (const call of [store.get('k'), store.create('k', bytesOf('x')), store.remove('k')]) {
      const error: unknown = await call.catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'STORE_REFUSED' })
      const shown = inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error)
      expect(shown).not.toContain(SECRET)
      expect(shown).not.toContain(ACCESS_KEY)
    }
  })

  it('says that a server has no room, and does not ask it again', async () => {
    await using opened = await openStore()
    opened.server.fault = () => 507
    const before = opened.server.requests.length
    await expect(opened.store.create('k', bytesOf('x'))).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect(opened.server.requests).toHaveLength(before + 1)
  })

  it('notices bytes that are not those that were put, and marks that say nothing', async () => {
    await using opened = await openStore()
    const { store, server } = opened
    await store.create('k', bytesOf('what was put'))
    const { mark, etag } = server.objects.get('bucket/k')!
    const damage = (bytes: string, damagedMark = mark): void => void server.objects.set('bucket/k', { bytes: Buffer.from(bytes), mark: damagedMark, etag })
    for (const bytes of ['what was  ut', 'what was', 'what was put and more', '']) {
      damage(bytes)
      await expect(store.get('k')).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
      await expect(store.open('k')).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
    }
    for (const [badMark, code] of [['1 x y z', 'STORE_DAMAGED'], ['1', 'STORE_DAMAGED'], ['2 whatever', 'STORE_TOO_NEW']] as const) {
      damage('what was put', badMark)
      await expect(store.get('k')).rejects.toMatchObject({ code })
    }
    damage('what was put')
    expect(await textAt(store, 'k')).toBe('what was put')
  })

  it('removes the files of opened objects with them, and those of processes that are gone when it begins', async () => {
    await using opened = await openStore()
    const { store, server, folder } = opened
    const [own] = await readdir(folder)
    const [host, processId, start] = markOfThisProcess().split('-')
    // The second had this process's id before it.
    const left = [`${host}-2147483647-1.x`, `${host}-${processId}-${start}9.x`]
    const kept = [own!, '000000000000-2147483647-1.x', `${markOfThisProcess()}.x`, 'something-else']
    for (const name of [...left, ...kept.slice(1)]) await mkdir(join(folder, name, 'object-x'), { recursive: true })
    await store.create('a/k', bytesOf('x'))
    {
      await using _local = await store.open('a/k')
      expect(await readdir(join(folder, own!))).toHaveLength(1)
    }
    expect(await readdir(join(folder, own!))).toEqual([])
    await using again = await openStore({ endpoint: server.endpoint, openedFolder: folder })
    const names = await readdir(folder)
    for (const name of left) expect(names).not.toContain(name)
    expect(names).toEqual(expect.arrayContaining(kept))
    await again.store[Symbol.asyncDispose]()
    expect((await readdir(folder)).toSorted()).toEqual(kept.toSorted())
  })
})

/** The fault for the first request that ends an upload. */
function lastStepOf(server: FakeS3, fault: Fault): FakeS3['fault'] {
  let postCount = 0
  return (request) => (request.startsWith('POST') && ++postCount === 2 ? ((server.fault = () => undefined), fault) : undefined)
}
