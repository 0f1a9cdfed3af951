// A server that is not there yet, hangs, is killed and is full: a write is done, not done, or nobody is told which; never is it told as
// refused where it was done.
import { describe, expect, it, jest } from '@jest/globals'
import { callingFor, OUTAGE_MS, untilAvailable } from '@tidemark/ports/testing/until'
import type { BucketKey, BucketState } from '@tidemark/ports/speed-view-store'
import { connectRedis } from '@tidemark/redis-client/redis-connection'
import { startServers } from '@tidemark/servers/server-set'
import { openRedisSpeedViewStore } from './redis-speed-view-store.ts'
import { Counter, countUntil } from './testing/counter.ts'

jest.setTimeout(600_000)

const KEY: BucketKey = { view: 'v@1', bucket: 3 }
const TIMEOUT_MS = 1_000
const CALLS_MAX = 100
const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' }

const errorOf = (failing: Promise<unknown>): Promise<unknown> => failing.then(() => { throw new Error('It succeeded.') }, (error: unknown) => error)

describe('a speed view store whose server', () => {
  it('is away or hangs at the start says so in time, and is opened once it is there', async () => {
    await using servers = await startServers({ names: ['redis'] })
    const server = { url: servers.addresses.redis.stateUrl }
    for (const [begin, end] of [
      [() => servers.stop('redis'), () => servers.restart('redis')],
      [() => servers.pause('redis'), async () => servers.resume('redis')],
    ] as const) {
      await begin()
      const fromMs = performance.now()
      expect(await errorOf(openRedisSpeedViewStore({ server, timeoutMs: TIMEOUT_MS }))).toMatchObject({ ...UNAVAILABLE, problems: [{ where: expect.stringContaining(server.url.slice(8)) }] })
      expect(performance.now() - fromMs).toBeLessThan(5 * TIMEOUT_MS)
      await end()
      await using store = await untilAvailable(() => openRedisSpeedViewStore({ server, timeoutMs: TIMEOUT_MS }))
      await new Counter(store, { ...KEY, view: `${begin}` }).add()
    }
  })

  it('hangs and is then killed, for ten seconds each, never tells a write as refused that was done, and goes on by itself', async () => {
    await using servers = await startServers({ names: ['redis'] })
    const server = { url: servers.addresses.redis.stateUrl }
    await using store = await openRedisSpeedViewStore({ server, timeoutMs: TIMEOUT_MS, callsInFlightMax: CALLS_MAX })
    // Each write is on the disk before it is acknowledged, so that a killed server has all of them.
    await using admin = await connectRedis({ server })
    await admin.client.config('SET', 'appendfsync', 'always')
    const counters = Array.from({ length: 4 }, (_, bucket) => new Counter(store, { ...KEY, bucket }))
    const other = { ...KEY, bucket: 99, entities: [], partitions: [] }
    const read = async (): Promise<readonly BucketState[]> => store.read([other])
    const awayFor = async (durationMs: number): Promise<void> => {
      const { results, longestMs } = await callingFor(durationMs, read)
      // The first may have been answered before.
      for (const result of results.slice(1)) expect(result).toMatchObject({ status: 'rejected', reason: UNAVAILABLE })
      expect(longestMs).toBeLessThan(3 * TIMEOUT_MS)
    }
    const countsBefore: number[] = []
    await countUntil(counters, (async () => {
      await servers.pause('redis')
      await awayFor(OUTAGE_MS)
      servers.resume('redis')
      await untilAvailable(read)
      countsBefore.push(...counters.map(({ count }) => count))
      await servers.kill('redis')
      await awayFor(OUTAGE_MS)
      await servers.restart('redis')
      await untilAvailable(read)
    })())
    for (const [i, counter] of counters.entries()) {
      expect(counter.unknownCount).toBeGreaterThanOrEqual(2)
      await counter.add()
      expect(counter.count).toBeGreaterThan(countsBefore[i]!)
      expect(Number(await counter.stored())).toBe(counter.count)
    }
    for (let round = 0; round < 3; round++) {
      await countUntil(counters, servers.kill('redis').then(() => servers.restart('redis')))
    }
    for (const counter of counters) await counter.add()
  })

  it('hangs is asked by no more than may wait', async () => {
    await using servers = await startServers({ names: ['redis'] })
    await using store = await openRedisSpeedViewStore({ server: { url: servers.addresses.redis.stateUrl }, timeoutMs: TIMEOUT_MS, callsInFlightMax: CALLS_MAX })
    await servers.pause('redis')
    const calls = Array.from({ length: CALLS_MAX + 5 }, async () => errorOf(Promise.resolve(store.read([{ ...KEY, entities: [], partitions: [] }]))))
    const errors = (await Promise.all(calls)).map(String)
    servers.resume('redis')
    expect(errors.filter((text) => text.includes(`${CALLS_MAX} calls wait`))).toHaveLength(5)
    expect(errors.filter((text) => text.includes(`within ${TIMEOUT_MS} ms`))).toHaveLength(CALLS_MAX)
  })

  it('is full keeps what it has, and says that it is full', async () => {
    await using servers = await startServers({ names: ['redis'] })
    const server = { url: servers.addresses.redis.stateUrl }
    await using admin = await connectRedis({ server })
    await using store = await openRedisSpeedViewStore({ server })
    const counter = new Counter(store, KEY)
    await counter.add()
    await admin.client.config('SET', 'maxmemory', 1_000_000)
    expect(await errorOf(counter.add())).toMatchObject({ code: 'STORE_FULL' })
    await admin.client.config('SET', 'maxmemory', 0)
    await counter.add()
    expect(counter.count).toBe(2)
  })
})
