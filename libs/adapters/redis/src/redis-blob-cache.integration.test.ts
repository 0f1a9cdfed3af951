// The cache under its port's suite, on one server and on a Cluster, and what only a server can be: one that evicts, evicts nothing, refuses.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import type { Problem } from '@tidemark/feature-schema/errors'
import { blobCacheContract, type BlobCacheHarness } from '@tidemark/ports/blob-cache.contract'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { connectRedis, type RedisServerOptions } from '@tidemark/redis-client/redis-connection'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { createRedisBlobCache } from './redis-blob-cache.ts'

/** A busy machine takes longer than who reads through a cache would wait. */
const TIMEOUT_MS = 10_000

async function openTwo(server: RedisServerOptions['server']): Promise<BlobCacheHarness> {
  const namespace = `test-${randomUUID()}`
  const [cache, other] = [0, 1].map(() => createRedisBlobCache({ server, namespace, timeoutMs: TIMEOUT_MS })) as [BlobCacheHarness['cache'], BlobCacheHarness['cache']]
  return {
    cache, other,
    async [Symbol.asyncDispose]() {
      await cache[Symbol.asyncDispose]()
      await other[Symbol.asyncDispose]()
    },
  }
}

blobCacheContract('Redis', async () => openTwo({ url: (await sharedServers('redis-cache')).redis.cacheUrl }))
blobCacheContract('Redis Cluster', async () => openTwo({ nodes: (await sharedServers('redis-cluster')).redisCluster.nodes }))

describe('a cache of blobs on Redis', () => {
  it('keeps for a while, and systems apart', async () => {
    const server = { url: (await sharedServers('redis-cache')).redis.cacheUrl }
    const namespace = `test-${randomUUID()}`
    await using cache = createRedisBlobCache({ server, namespace, keptForS: 100 })
    await using elsewhere = createRedisBlobCache({ server, namespace: `${namespace}-other` })
    await cache.putMany([{ key: bytesOf('a'), bytes: bytesOf('x') }])
    expect(await elsewhere.getMany([bytesOf('a')])).toEqual([null])
    await using admin = await connectRedis({ server })
    const leftS = await admin.client.ttl(`${namespace}:blobs:1:a`)
    expect(leftS).toBeGreaterThan(90)
    expect(leftS).toBeLessThanOrEqual(100)
  })

  it('tells of a server that evicts nothing, and of no other', async () => {
    const { redis: { cacheUrl, stateUrl } } = await sharedServers('redis-cache', 'redis')
    for (const [url, expected] of [[cacheUrl, []], [stateUrl, [{ code: 'STORE_SETTINGS', message: expect.stringContaining('noeviction') }]]] as const) {
      const notices: Problem[] = []
      await using cache = createRedisBlobCache({ server: { url }, namespace: `test-${randomUUID()}`, onNotice: (notice) => notices.push(notice) })
      for (let i = 0; i < 2; i++) await cache.getMany([bytesOf('a')])
      expect(notices).toMatchObject(expected)
    }
  })

  it('says that it is refused, or away, to whoever asks, and not before', async () => {
    const { redis: { cacheUrl: url } } = await sharedServers('redis-cache')
    await using refused = createRedisBlobCache({ server: { url }, credentials: { username: 'tidemark', password: 'not-the-password' } })
    await using away = createRedisBlobCache({ server: { url: 'redis://127.0.0.1:1' } })
    for (let i = 0; i < 2; i++) {
      await expect(refused.getMany([bytesOf('a')])).rejects.toMatchObject({ code: 'STORE_REFUSED' })
      await expect(away.putMany([{ key: bytesOf('a'), bytes: bytesOf('x') }])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    }
  })

  it('is connected to once by many who ask at once', async () => {
    const server = { url: (await sharedServers('redis-cache')).redis.cacheUrl }
    await using admin = await connectRedis({ server })
    const user = `user-${randomUUID()}`
    await admin.client.acl('SETUSER', user, 'on', '>secret', '~*', '+@all')
    await using cache = createRedisBlobCache({ server, namespace: `test-${randomUUID()}`, credentials: { username: user, password: 'secret' } })
    await Promise.all(Array.from({ length: 20 }, () => cache.getMany([bytesOf('a')])))
    const connections = String(await admin.client.client('LIST')).split('\n').filter((line) => line.includes(`user=${user}`))
    expect(connections).toHaveLength(1)
    await admin.client.acl('DELUSER', user)
  })

  it('gives bytes as they were put where somebody else has changed nothing', async () => {
    await using harness = await openTwo({ url: (await sharedServers('redis-cache')).redis.cacheUrl })
    await harness.cache.putMany([{ key: bytesOf('a'), bytes: bytesOf('one') }])
    expect(textOf((await harness.other.getMany([bytesOf('a')]))[0]!)).toBe('one')
  })
})
