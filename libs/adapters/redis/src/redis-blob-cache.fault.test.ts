// A cache whose server is not there, hangs, is full, and comes back: it says so in time, and is of use again by itself.
import { describe, expect, it, jest } from '@jest/globals'
import { bytesOf, textOf } from '@tidemark/ports/testing/store-cases'
import { callingFor, OUTAGE_MS, untilAvailable } from '@tidemark/ports/testing/until'
import { connectRedis } from '@tidemark/redis-client/redis-connection'
import { startServers } from '@tidemark/servers/server-set'
import { createRedisBlobCache } from './redis-blob-cache.ts'

jest.setTimeout(600_000)

const TIMEOUT_MS = 500
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' }
const entries = [{ key: bytesOf('a'), bytes: bytesOf('x') }]

describe('a cache of blobs whose server', () => {
  it('is away at the start, hangs and is killed says so in time, and is of use again', async () => {
    await using servers = await startServers({ names: ['redis-cache'] })
    await using cache = createRedisBlobCache({ server: { url: servers.addresses.redis.cacheUrl }, timeoutMs: TIMEOUT_MS })
    const get = (): Promise<unknown> => cache.getMany([bytesOf('a')])
    for (const [begin, end] of [
      [() => servers.stop('redis-cache'), () => servers.restart('redis-cache')],
      [() => servers.pause('redis-cache'), async () => servers.resume('redis-cache')],
      [() => servers.kill('redis-cache'), () => servers.restart('redis-cache')],
    ] as const) {
      await begin()
      const { results, longestMs } = await callingFor(OUTAGE_MS, get)
      for (const result of results.slice(1)) expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
      expect(longestMs).toBeLessThan(6 * TIMEOUT_MS)
      await end()
      await untilAvailable(() => cache.putMany(entries))
      expect(textOf((await cache.getMany([bytesOf('a')]))[0]!)).toBe('x')
    }
  })

  it('is full and evicts nothing says so, and gives what it has', async () => {
    await using servers = await startServers({ names: ['redis-cache'] })
    const server = { url: servers.addresses.redis.cacheUrl }
    await using cache = createRedisBlobCache({ server })
    await using admin = await connectRedis({ server })
    await cache.putMany(entries)
    await admin.client.config('SET', 'maxmemory-policy', 'noeviction')
    await admin.client.config('SET', 'maxmemory', 1_000_000)
    await expect(cache.putMany([{ key: bytesOf('b'), bytes: bytesOf('y') }])).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect(textOf((await cache.getMany([bytesOf('a')]))[0]!)).toBe('x')
    await admin.client.config('SET', 'maxmemory', 0)
    await cache.putMany([{ key: bytesOf('b'), bytes: bytesOf('y') }])
  })
})
