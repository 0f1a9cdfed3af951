// A Cluster whose slots move, whose nodes are away, and where a replica takes over: what was acknowledged counts once, and where a fail-over
// lost some of it, that shows.
import { randomUUID } from 'node:crypto'
import { describe, expect, it, jest } from '@jest/globals'
import type { BucketKey, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { until, untilAvailable } from '@tidemark/ports/testing/until'
import { connectRedis } from '@tidemark/redis-client/redis-connection'
import { startServers } from '@tidemark/servers/server-set'
import { bucketRedisKey } from './bucket-fields.ts'
import { openRedisSpeedViewStore } from './redis-speed-view-store.ts'
import { makeReplica } from './testing/make-replica.ts'
import { Counter, countUntil } from './testing/counter.ts'
import { moveSlot } from './testing/move-slot.ts'

jest.setTimeout(600_000)

const VIEW = 'v@1'
const ENTITY = Buffer.from('entity')
const TIMEOUT_MS = 1_000

const bucketsOf = (count: number): BucketKey[] => Array.from({ length: count }, (_, bucket) => ({ view: VIEW, bucket }))

/** Each at its own moment, and in one call. */
async function countsOf(store: SpeedViewStore, buckets: readonly BucketKey[]): Promise<number[]> {
  const states = await store.read(buckets.map((key) => ({ ...key, entities: [ENTITY], partitions: [] })))
  return states.map(({ entities }) => Number(entities[0]![0]?.revision ?? 0))
}

describe('a speed view store on a Cluster', () => {
  it('follows a bucket whose slot moves, while it is read and written', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const { nodes } = servers.addresses.redisCluster
    const namespace = randomUUID()
    await using store = await openRedisSpeedViewStore({ server: { nodes }, namespace })
    const buckets = bucketsOf(12)
    const counters = buckets.map((key) => new Counter(store, key))
    for (const counter of counters) await counter.add()
    const moving = (async () => {
      for (const [i, key] of buckets.entries()) {
        const before = counters[i]!.count
        // Between the two, the old node says ASK and the new one serves only who was sent.
        await moveSlot(nodes, bucketRedisKey(namespace, key), () => until('the bucket is written while its slot moves', () => counters[i]!.count > before + 2))
      }
    })()
    let isMoved = false
    const reading = (async () => {
      for (let least = 0; !isMoved;) {
        const counts = await countsOf(store, buckets)
        expect(Math.min(...counts)).toBeGreaterThanOrEqual(least)
        least = Math.min(...counts)
      }
    })()
    await countUntil(counters, moving.finally(() => (isMoved = true))).finally(() => reading)
    for (const counter of counters) expect(counter.unknownCount).toBe(0)
    expect(await countsOf(store, buckets)).toEqual(counters.map(({ count }) => count))
  })

  it('goes on with the other nodes while one is away, and with that one when it is back', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const { nodes } = servers.addresses.redisCluster
    for (const node of nodes) {
      await using admin = await connectRedis({ server: { url: `redis://${node}` } })
      await admin.client.config('SET', 'cluster-require-full-coverage', 'no')
      await admin.client.config('SET', 'appendfsync', 'always')
    }
    await using store = await untilAvailable(() => openRedisSpeedViewStore({ server: { nodes }, namespace: randomUUID(), timeoutMs: TIMEOUT_MS }))
    const buckets = bucketsOf(12)
    const counters = buckets.map((key) => new Counter(store, key))
    for (const counter of counters) await counter.add()
    await servers.kill('redis-cluster-2')
    const results = await Promise.allSettled(buckets.map((key) => countsOf(store, [key])))
    const away = results.filter(({ status }) => status === 'rejected')
    expect(away.length).toBeGreaterThan(0)
    expect(away.length).toBeLessThan(12)
    for (const { reason } of away as PromiseRejectedResult[]) expect(reason).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await servers.restart('redis-cluster-2')
    for (const counter of counters) await counter.add()
    expect(counters.every(({ count }) => count >= 1)).toBe(true)
  })

  it('goes on with a replica that takes over in order, and loses nothing', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const { nodes } = servers.addresses.redisCluster
    await using pair = await makeReplica(nodes)
    await using store = await untilAvailable(() => openRedisSpeedViewStore({ server: { nodes }, namespace: randomUUID(), timeoutMs: TIMEOUT_MS }))
    const buckets = bucketsOf(12)
    const counters = buckets.map((key) => new Counter(store, key))
    await countUntil(counters, (async () => {
      await pair.takeOver('in order')
      const before = counters.map(({ count }) => count)
      await until('all are counted on', () => counters.every(({ count }, i) => count > before[i]! + 2))
    })())
    expect(await countsOf(store, buckets)).toEqual(counters.map(({ count }) => count))
  })

  it('refuses to build on what a fail-over has lost, and goes on from what is there', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const { nodes } = servers.addresses.redisCluster
    await using pair = await makeReplica(nodes)
    await using store = await untilAvailable(() => openRedisSpeedViewStore({ server: { nodes }, namespace: randomUUID() }))
    const buckets = bucketsOf(12)
    const put = (text: string, seen: string | null, key: BucketKey): Promise<boolean> => store.write(key, {
      expected: { record: seen === null ? null : Buffer.from(seen), fences: [], chunks: [] },
      put: { record: Buffer.from(text), fences: [{ partition: 0, bytes: Buffer.from(text) }], chunks: [] },
    })
    for (const key of buckets) expect(await put('kept', null, key)).toBe(true)
    await pair.endReplication()
    for (const key of buckets) expect(await put('lost', 'kept', key)).toBe(true)
    await servers.kill('redis-cluster-1')
    await pair.takeOver('by force')
    const states = await untilAvailable(async () => store.read(buckets.map((key) => ({ ...key, entities: [], partitions: [0] }))))
    const found = states.map(({ record }) => Buffer.from(record!).toString())
    expect(new Set(found)).toEqual(new Set(['kept', 'lost']))
    for (const [i, key] of buckets.entries()) {
      // Fence and record are of one moment.
      expect(Buffer.from(states[i]!.fences[0]!).toString()).toBe(found[i])
      expect(await put('built on it', 'lost', key)).toBe(found[i] === 'lost')
      if (found[i] === 'kept') expect(await put('from there', 'kept', key)).toBe(true)
    }
  })
})
