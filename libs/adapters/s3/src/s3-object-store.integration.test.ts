// Objects on a real S3 server: the port's suite, and what only a real one does: parts, races at their end, pages, its own refusals and clock.
import { createHash, randomInt, randomUUID } from 'node:crypto'
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { CreateBucketCommand, ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { objectStoreContract } from '@tidemark/ports/object-store.contract'
import type { ObjectStore } from '@tidemark/ports/object-store'
import type { Revision } from '@tidemark/ports/revision'
import { bytesOf, collect, race, textOf } from '@tidemark/ports/testing/store-cases'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { createS3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts'

const BUCKET = `tidemark-${randomUUID()}`
const MIB = 1_048_576
const PART_SIZE_BYTES = 5 * MIB

let server: Pick<S3ObjectStoreOptions, 'endpoint' | 'region'> & { readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } }
let client: S3Client

beforeAll(async () => {
  const { endpoint, region, accessKeyId, secretAccessKey } = (await sharedServers('s3')).s3
  server = { endpoint, region, credentials: { accessKeyId, secretAccessKey } }
  client = new S3Client({ ...server, forcePathStyle: true })
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
})

interface Stores extends AsyncDisposable {
  readonly store: ObjectStore
  readonly other: ObjectStore
  readonly keyPrefix: string
  readonly folder: string
}

/** Two clients under a prefix of their own. */
async function openStores(options: Partial<S3ObjectStoreOptions> = {}): Promise<Stores> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-test-'))
  const keyPrefix = `${randomUUID()}/`
  const openOne = (): Promise<ObjectStore> => createS3ObjectStore({
    ...server, bucket: BUCKET, keyPrefix, openedFolder: folder, partSizeBytes: PART_SIZE_BYTES, newRevision: () => randomInt(2 ** 48 - 1) as Revision, ...options,
  })
  const [store, other] = await Promise.all([openOne(), openOne()])
  return {
    store, other, keyPrefix, folder,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

/** A file of this many bytes that repeats nothing for long. */
async function writeNoise(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, 'w')
  for (let block = 0, left = sizeBytes; left > 0; block++) {
    const bytes = Buffer.alloc(Math.min(left, MIB), createHash('sha512').update(String(block)).digest())
    await file.write(bytes)
    left -= bytes.length
  }
}

const sha256 = async (path: string): Promise<string> => createHash('sha256').update(await readFile(path)).digest('hex')

objectStoreContract('S3', () => openStores({ listedKeysPerPage: 7 }))

describe('S3ObjectStore on a real server', () => {
  it('creates from a file in parts, to the byte, once', async () => {
    await using stores = await openStores()
    const { store, other, folder } = stores
    const path = join(folder, 'large')
    for (const sizeBytes of [PART_SIZE_BYTES, PART_SIZE_BYTES + 1, 2 * PART_SIZE_BYTES, 23 * MIB + 17]) {
      await writeNoise(path, sizeBytes)
      const key = `parts/of-${sizeBytes}`
      expect(await store.createFromFile(key, path)).toBe(true)
      expect(await other.createFromFile(key, path)).toBe(false)
      await using opened = await other.open(key)
      expect(await sha256(opened.path)).toBe(await sha256(path))
      expect((await other.get(key))!.bytes).toHaveLength(sizeBytes)
    }
  })

  it('lets one of many win where uploads in parts end at once, beside simple ones, and leaves no upload unfinished', async () => {
    await using stores = await openStores()
    const { store, other, folder, keyPrefix } = stores
    const paths = Array.from({ length: 4 }, (_, i) => join(folder, `large-${i}`))
    for (const [i, path] of paths.entries()) await writeNoise(path, PART_SIZE_BYTES + 1 + i)
    const created = await race(8, (i) => {
      const by = i % 2 ? store : other
      return i < 4 ? by.createFromFile('raced', paths[i]!) : by.create('raced', bytesOf(`small ${i}`))
    })
    expect(created.filter(Boolean)).toHaveLength(1)
    const winner = created.indexOf(true)
    const found = (await store.get('raced'))!.bytes
    if (winner < 4) expect(found).toHaveLength(PART_SIZE_BYTES + 1 + winner)
    else expect(textOf(found)).toBe(`small ${winner}`)

    const racedInParts = await race(4, (i) => (i % 2 ? store : other).createFromFile('raced-in-parts', paths[i]!))
    expect(racedInParts.filter(Boolean)).toHaveLength(1)
    expect((await store.get('raced-in-parts'))!.bytes).toHaveLength(PART_SIZE_BYTES + 1 + racedInParts.indexOf(true))
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: keyPrefix }))
    expect(Uploads ?? []).toEqual([])
  })

  it('replaces an object that was put in parts, by its tag', async () => {
    await using stores = await openStores()
    const { store, other, folder } = stores
    const path = join(folder, 'large')
    await writeNoise(path, PART_SIZE_BYTES + 1)
    await store.createFromFile('k', path)
    const { etag } = (await other.get('k'))!
    const next = await other.replace('k', etag, bytesOf('small'))
    expect(next).not.toBeNull()
    expect(await store.replace('k', etag, bytesOf('late'))).toBeNull()
    expect(textOf((await store.get('k'))!.bytes)).toBe('small')
  })

  it('lists many pages, and not what its beginning has left behind', async () => {
    await using stores = await openStores({ listedKeysPerPage: 3 })
    const { store, keyPrefix } = stores
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${keyPrefix}@probe/left`, Body: 'x' }))
    const keys = Array.from({ length: 20 }, (_, i) => `k/${String(i).padStart(2, '0')}`)
    await race(20, (i) => store.create(keys[i]!, bytesOf('x')))
    expect(await collect(store.list(''))).toEqual(keys)
  })

  it('takes an object that something else put, as long as the server vouches for it', async () => {
    await using stores = await openStores()
    const { store, keyPrefix } = stores
    await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${keyPrefix}restored`, Body: 'restored' }))
    expect(textOf((await store.get('restored'))!.bytes)).toBe('restored')
    await using opened = await store.open('restored')
    expect(await readFile(opened.path, 'utf8')).toBe('restored')
  })

  it('says what is wrong with credentials and buckets, and shows no secret', async () => {
    const wrong = { accessKeyId: server.credentials.accessKeyId, secretAccessKey: 'a-wrong-secret-that-nobody-may-read' }
    for (const [options, code] of [
      [{ credentials: wrong }, 'STORE_REFUSED'],
      [{ credentials: { ...wrong, accessKeyId: 'nobody' } }, 'STORE_REFUSED'],
      [{ bucket: `none-${randomUUID()}` }, 'STORE_SETTINGS'],
      [{ endpoint: 'http://127.0.0.1:1' }, 'STORE_UNAVAILABLE'],
    ] as const) {
      const error: unknown = await openStores(options).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code })
      expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(wrong.secretAccessKey)
    }
  })

  it('works beside a server whose clock is another', async () => {
    const realNow = Date.now
    Date.now = () => realNow() + 3_600_000
    try {
      await using stores = await openStores()
      expect(await stores.store.create('k', bytesOf('x'))).toBe(true)
      expect(textOf((await stores.other.get('k'))!.bytes)).toBe('x')
    } finally {
      Date.now = realNow
    }
  })

  it('opens in files of its own, which go with it', async () => {
    await using stores = await openStores()
    const { store, folder } = stores
    await writeFile(join(folder, 'k'), 'mine')
    await store.create('k', bytesOf('object'))
    const opened = await store.open('k')
    expect(await readFile(opened.path, 'utf8')).toBe('object')
    await opened[Symbol.asyncDispose]()
    await expect(stat(opened.path)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await readFile(join(folder, 'k'), 'utf8')).toBe('mine')
  })
})
