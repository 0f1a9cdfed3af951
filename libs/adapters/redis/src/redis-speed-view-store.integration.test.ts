// The store under its port's suite, on one server and on a Cluster of three, and what only a server can be: another's, too full, set up wrongly.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Problem } from '@tidemark/feature-schema/errors'
import { speedViewStoreContract } from '@tidemark/ports/speed-view-store.contract'
import { WRITE_KEYS_MAX, type BucketKey, type BucketWrite, type SpeedViewStore } from '@tidemark/ports/speed-view-store'
import type { Revision } from '@tidemark/ports/revision'
import { connectRedis, type RedisConnection, type RedisServerOptions } from '@tidemark/redis-client/redis-connection'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { bucketRedisKey } from './bucket-fields.ts'
import { openRedisSpeedViewStore } from './redis-speed-view-store.ts'

/** Two clients of a namespace of their own, as of a new store. */
async function openTwo(server: RedisServerOptions['server']): Promise<{ store: SpeedViewStore; other: SpeedViewStore } & AsyncDisposable> {
  const namespace = `test-${randomUUID()}`
  const [store, other] = await Promise.all([openRedisSpeedViewStore({ server, namespace }), openRedisSpeedViewStore({ server, namespace })])
  return {
    store, other,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

speedViewStoreContract('Redis', async () => openTwo({ url: (await sharedServers('redis')).redis.stateUrl }))
speedViewStoreContract('Redis Cluster', async () => openTwo({ nodes: (await sharedServers('redis-cluster')).redisCluster.nodes }))

const KEY: BucketKey = { view: 'v@1', bucket: 3 }
const NOTHING: BucketWrite['expected'] = { fences: [], chunks: [] }
const entityOf = (i: number): Uint8Array => Buffer.from(`entity ${i}`)
const chunkOf = (i: number, bytes: Uint8Array = Buffer.from(`chunk ${i}`)): BucketWrite['put']['chunks'][number] => ({ entity: entityOf(i), chunk: i % 3, stored: { revision: i as Revision, bytes } })
const errorOf = (failing: Promise<unknown>): Promise<unknown> => failing.then(() => { throw new Error('It succeeded.') }, (error: unknown) => error)

describe('a speed view store on Redis', () => {
  const namespace = `test-${randomUUID()}`
  let server: { readonly url: string }
  let connection: RedisConnection
  let store: SpeedViewStore

  beforeAll(async () => {
    server = { url: (await sharedServers('redis')).redis.stateUrl }
    connection = await connectRedis({ server })
    store = await openRedisSpeedViewStore({ server, namespace })
  })

  afterAll(async () => {
    await store[Symbol.asyncDispose]()
    await connection[Symbol.asyncDispose]()
  })

  it('puts as many chunks at once as a command may have, and compares as many', async () => {
    const chunks = Array.from({ length: WRITE_KEYS_MAX }, (_, i) => chunkOf(i))
    expect(await store.write(KEY, { expected: NOTHING, put: { fences: [], chunks } })).toBe(true)
    const seen = { fences: [], chunks: chunks.map(({ entity, chunk, stored: { revision } }) => ({ entity, chunk, revision })) }
    expect(await store.write(KEY, { expected: seen, put: { fences: [], chunks: [] } })).toBe(true)
    expect(await store.discard(KEY, { ...seen, chunks: [...seen.chunks.slice(1), { ...seen.chunks[0]!, revision: 1 as Revision }] })).toBe(false)
    expect(await store.discard(KEY, seen)).toBe(true)
  })

  it('knows its script again after the server has forgotten it', async () => {
    await connection.client.script('FLUSH')
    expect(await store.write(KEY, { expected: NOTHING, put: { fences: [], chunks: [chunkOf(1)] } })).toBe(true)
    await connection.client.script('FLUSH')
    expect(await store.discard(KEY, { fences: [], chunks: [{ entity: entityOf(1), chunk: 1, revision: null }] })).toBe(false)
    expect(await store.discard(KEY, NOTHING)).toBe(true)
  })

  it('gives the known object back where nothing was written since, and bytes that hold on to no more than themselves', async () => {
    await store.write(KEY, { expected: NOTHING, put: { fences: [], chunks: [chunkOf(0), chunkOf(1), chunkOf(2)] } })
    const question = { ...KEY, entities: [entityOf(0), entityOf(1)], partitions: [] }
    const [before] = await store.read([question])
    expect(before!.entities.map((chunks) => chunks.reduce((sum, chunk) => sum + (chunk?.bytes.buffer.byteLength ?? 0), 0))).toEqual([7, 7])
    await store.write(KEY, { expected: NOTHING, put: { fences: [], chunks: [{ ...chunkOf(0), stored: { revision: 9 as Revision, bytes: Buffer.from('later') } }] } })
    const [after] = await store.read([{ ...question, known: before!.entities }])
    expect(after!.entities[0]).not.toBe(before!.entities[0])
    expect(after!.entities[1]).toBe(before!.entities[1])
    await store.discard(KEY, NOTHING)
  })

  it('is damaged where revisions and chunks do not agree or the key is no hash, and whole again once it is discarded', async () => {
    const key = bucketRedisKey(namespace, KEY)
    const read = async (): Promise<unknown> => store.read([{ ...KEY, entities: [entityOf(0)], partitions: [0] }, { ...KEY, bucket: 4, entities: [], partitions: [0] }])
    const damages = [
      () => connection.client.hset(key, '0entity 0', 'a chunk without a revision'),
      () => connection.client.hset(key, 'eentity 0', 'short'),
      () => connection.client.hset(key, 'eentity 0', Buffer.alloc(24)),
      () => connection.client.set(key, 'no hash'),
    ]
    for (const damage of damages) {
      await damage()
      const error = await errorOf(read())
      expect(error).toMatchObject({ code: 'STORE_DAMAGED' })
      expect(await store.discard(KEY, NOTHING)).toBe(true)
      await expect(read()).resolves.toHaveLength(2)
    }
    await connection.client.set(key, 'no hash')
    expect(await errorOf(store.discard(KEY, { record: null, fences: [], chunks: [] }))).toMatchObject({ code: 'STORE_DAMAGED' })
    expect(await errorOf(store.write(KEY, { expected: NOTHING, put: { fences: [], chunks: [chunkOf(0)] } }))).toMatchObject({ code: 'STORE_DAMAGED' })
    await connection.client.del(key)
  })

  it('keeps namespaces apart', async () => {
    await using elsewhere = await openRedisSpeedViewStore({ server, namespace: `${namespace}-other` })
    await elsewhere.write(KEY, { expected: NOTHING, put: { record: Buffer.from('r'), fences: [], chunks: [] } })
    expect((await store.read([{ ...KEY, entities: [], partitions: [] }]))[0]!.record).toBeNull()
  })
})

describe('opening a speed view store', () => {
  it('is refused by a server that may evict, with the command that mends it', async () => {
    const { redis: { cacheUrl, username, password } } = await sharedServers('redis-cache')
    const error = await errorOf(openRedisSpeedViewStore({ server: { url: cacheUrl }, credentials: { username, password } }))
    expect(error).toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('allkeys-lru'), action: expect.stringContaining('CONFIG SET maxmemory-policy noeviction') }] })
    expect(String(error)).not.toContain(password)
  })

  it('is refused all the same where CONFIG is forbidden, and where the server says nothing at all', async () => {
    const { redis: { cacheUrl, stateUrl } } = await sharedServers('redis-cache', 'redis')
    const user = { username: `user-${randomUUID()}`, password: randomUUID() }
    for (const [url, rules, expected] of [
      [cacheUrl, ['+@all', '-config'], { code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('allkeys-lru') }] }],
      [stateUrl, ['+@all', '-config', '-info'], { code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('does not say') }] }],
      [stateUrl, ['+@all', '-config'], null],
    ] as const) {
      await using admin = await connectRedis({ server: { url } })
      await admin.client.acl('SETUSER', user.username, 'reset', 'on', `>${user.password}`, '~*', '&*', ...rules)
      const opening = openRedisSpeedViewStore({ server: { url }, credentials: user })
      if (expected === null) await (await opening)[Symbol.asyncDispose]()
      else expect(await errorOf(opening)).toMatchObject(expected)
      await admin.client.acl('DELUSER', user.username)
    }
  })

  it('tells of a server that keeps nothing when it restarts', async () => {
    const url = (await sharedServers('redis')).redis.stateUrl
    await using admin = await connectRedis({ server: { url } })
    const openWith = async (setting: string, value: string): Promise<Problem[]> => {
      const notices: Problem[] = []
      const [, before] = (await admin.client.config('GET', setting)) as [string, string]
      await admin.client.config('SET', setting, value)
      try {
        await (await openRedisSpeedViewStore({ server: { url }, onNotice: (notice) => notices.push(notice) }))[Symbol.asyncDispose]()
      } finally {
        await admin.client.config('SET', setting, before)
      }
      return notices
    }
    expect(await openWith('appendfsync', 'everysec')).toEqual([])
    expect(await openWith('appendonly', 'no')).toMatchObject([{ code: 'STORE_SETTINGS', message: expect.stringContaining('append-only') }])
    expect(await openWith('appendfsync', 'no')).toMatchObject([{ code: 'STORE_SETTINGS', message: expect.stringContaining('appendfsync') }])
  })

  it('is refused with wrong credentials, and without a word of them', async () => {
    const { redis: { stateUrl }, redisCluster: { nodes } } = await sharedServers('redis', 'redis-cluster')
    const credentials = { username: 'tidemark', password: 'not-the-password' }
    for (const server of [{ url: stateUrl }, { url: stateUrl.replace('redis://', 'redis://tidemark:not-the-password@') }, { nodes }]) {
      const error = await errorOf(openRedisSpeedViewStore({ server, ...(!JSON.stringify(server).includes('not-the') && { credentials }) }))
      expect(error).toMatchObject({ code: 'STORE_REFUSED' })
      expect(String(error)).not.toContain('not-the-password')
    }
  })

  it('is refused what a user may not do', async () => {
    const url = (await sharedServers('redis')).redis.stateUrl
    const user = { username: `user-${randomUUID()}`, password: randomUUID() }
    await using admin = await connectRedis({ server: { url } })
    await admin.client.acl('SETUSER', user.username, 'on', `>${user.password}`, '~*', '+@read', '+@connection', '+info', '+config|get')
    await using store = await openRedisSpeedViewStore({ server: { url }, credentials: user, namespace: `test-${randomUUID()}` })
    expect((await store.read([{ ...KEY, entities: [], partitions: [0] }]))[0]!.fences).toEqual([null])
    expect(await errorOf(store.write(KEY, { expected: NOTHING, put: { fences: [], chunks: [chunkOf(0)] } }))).toMatchObject({ code: 'STORE_REFUSED' })
    await admin.client.acl('DELUSER', user.username)
  })

  it('says which server does not answer', async () => {
    for (const server of [{ url: 'redis://127.0.0.1:1' }, { nodes: ['127.0.0.1:1', '127.0.0.1:2'] }]) {
      expect(await errorOf(openRedisSpeedViewStore({ server }))).toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: expect.stringContaining('127.0.0.1:1'), message: expect.stringMatching(/ECONNREFUSED|not answer/) }] })
    }
  })
})
