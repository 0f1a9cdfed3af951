// Servers that hang, are killed, are full and move their slots: a write is done, not done, or nobody is told which; never is it told as
// refused where it was done.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Revision } from '@tidemark/ports/revision'
import type { BucketKey, BucketWrite, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { connectRedis } from '@tidemark/redis-client/redis-connection'
import { startServers } from '@tidemark/servers/server-set'
import { bucketRedisKey } from './bucket-fields.ts'
import { openRedisSpeedViewStore } from './redis-speed-view-store.ts'

const KEY: BucketKey = { view: 'v@1', bucket: 3 }
const ENTITY = Buffer.from('entity')
const TIMEOUT_MS = 1_000
const START_LIMIT_MS = 600_000

/** Counts up in a chunk, one write for each number, and looks again whenever nobody knows. The only writer of its bucket. */
class Counter {
  count = 0
  unknownCount = 0
  /** Writes that may still be done: a server may get to them after their caller has given up, until another write is acknowledged. */
  private readonly unsettled = new Set<number>()
  private revision: Revision | null = null
  private readonly store: SpeedViewStore
  private readonly key: BucketKey

  constructor(store: SpeedViewStore, key: BucketKey = KEY) {
    this.store = store
    this.key = key
  }

  async add(): Promise<void> {
    const next = this.count + 1
    let isDone: boolean
    try {
      isDone = await this.store.write(this.key, this.writeOf(next))
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'STORE_UNAVAILABLE') throw error
      this.unknownCount++
      this.unsettled.add(next)
      return this.lookAgain([this.count, ...this.unsettled])
    }
    // A refusal must be for a write that nobody knew of; else it is a lie.
    if (!isDone) return this.lookAgain([...this.unsettled])
    this.unsettled.clear()
    this.count = next
    this.revision = next as Revision
  }

  private writeOf(next: number): BucketWrite {
    return {
      expected: { fences: [], chunks: [{ entity: ENTITY, chunk: 0, revision: this.revision }] },
      put: { fences: [], chunks: [{ entity: ENTITY, chunk: 0, stored: { revision: next as Revision, bytes: Buffer.from(`${next}`) } }] },
    }
  }

  private async lookAgain(possible: readonly number[]): Promise<void> {
    const [state] = await untilAvailable(async () => this.store.read([{ ...this.key, entities: [ENTITY], partitions: [] }]))
    const stored = state!.entities[0]![0]
    const found = Number(stored?.revision ?? 0)
    expect(possible).toContain(found)
    this.count = found
    this.revision = stored?.revision ?? null
  }
}

async function untilAvailable<T>(action: () => Promise<T>): Promise<T> {
  for (const deadlineMs = performance.now() + 30_000; ;) {
    try {
      return await action()
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'STORE_UNAVAILABLE' || performance.now() > deadlineMs) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const errorOf = (failing: Promise<unknown>): Promise<unknown> => failing.then(() => { throw new Error('It succeeded.') }, (error: unknown) => error)

describe('a speed view store whose server', () => {
  it('hangs or is killed never tells a write as refused that was done, and goes on by itself', async () => {
    await using servers = await startServers({ names: ['redis'] })
    const server = { url: servers.addresses.redis.stateUrl }
    await using store = await openRedisSpeedViewStore({ server, timeoutMs: TIMEOUT_MS })
    // Each write is on the disk before it is acknowledged, so that a killed server has all of them.
    await using admin = await connectRedis({ server })
    await admin.client.config('SET', 'appendfsync', 'always')
    const counter = new Counter(store)
    for (let i = 0; i < 50; i++) await counter.add()

    await servers.pause('redis')
    const startedAtMs = performance.now()
    const hanging = counter.add()
    expect(await errorOf(Promise.resolve(store.read([{ ...KEY, entities: [], partitions: [] }])))).toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: expect.stringContaining(server.url.slice(8)) }] })
    expect(performance.now() - startedAtMs).toBeLessThan(3 * TIMEOUT_MS)
    servers.resume('redis')
    await hanging
    expect(counter.unknownCount).toBe(1)

    for (let round = 0; round < 3; round++) {
      let isDown = false
      const down = servers.kill('redis').then(() => (isDown = true))
      while (!isDown) await Promise.race([counter.add(), down])
      await servers.restart('redis')
      for (let i = 0; i < 20; i++) await counter.add()
    }
    expect(counter.unknownCount).toBeGreaterThan(1)
    expect(counter.count).toBeGreaterThanOrEqual(110)
  }, START_LIMIT_MS)

  it('is full keeps what it has, and says that it is full', async () => {
    await using servers = await startServers({ names: ['redis'] })
    const server = { url: servers.addresses.redis.stateUrl }
    await using admin = await connectRedis({ server })
    await using store = await openRedisSpeedViewStore({ server })
    const counter = new Counter(store)
    await counter.add()
    await admin.client.config('SET', 'maxmemory', 1_000_000)
    expect(await errorOf(counter.add())).toMatchObject({ code: 'STORE_FULL' })
    await admin.client.config('SET', 'maxmemory', 0)
    await counter.add()
    expect(counter.count).toBe(2)
  }, START_LIMIT_MS)
})

describe('a speed view store on a Cluster', () => {
  it('follows a bucket whose slot moves, while it is read and written', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const { nodes } = servers.addresses.redisCluster
    const namespace = randomUUID()
    await using store = await openRedisSpeedViewStore({ server: { nodes }, namespace })
    const buckets = Array.from({ length: 12 }, (_, bucket) => ({ ...KEY, bucket }))
    const counters = buckets.map((key) => new Counter(store, key))
    for (const counter of counters) await counter.add()
    let isMoved = false
    const working = Promise.all(counters.map(async (counter) => {
      while (!isMoved) await counter.add()
    }))
    const reading = (async () => {
      for (let least = 0; !isMoved;) {
        const states = await store.read(buckets.map((key) => ({ ...key, entities: [ENTITY], partitions: [] })))
        const counts = states.map(({ entities }) => Number(entities[0]![0]?.revision ?? 0))
        expect(Math.min(...counts)).toBeGreaterThanOrEqual(least)
        least = Math.min(...counts)
      }
    })()
    for (const key of buckets) await moveSlot(nodes, bucketRedisKey(namespace, key))
    isMoved = true
    await working
    await reading
    for (const counter of counters) expect(counter.unknownCount).toBe(0)
    const states = await store.read(buckets.map((key) => ({ ...key, entities: [ENTITY], partitions: [] })))
    expect(states.map(({ entities }) => Number(entities[0]![0]!.revision))).toEqual(counters.map(({ count }) => count))
  }, START_LIMIT_MS)

  it('goes on with the other nodes while one is away, and with that one when it is back', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const { nodes } = servers.addresses.redisCluster
    for (const node of nodes) {
      await using admin = await connectRedis({ server: { url: `redis://${node}` } })
      await admin.client.config('SET', 'cluster-require-full-coverage', 'no')
      await admin.client.config('SET', 'appendfsync', 'always')
    }
    const namespace = randomUUID()
    await using store = await openRedisSpeedViewStore({ server: { nodes }, namespace, timeoutMs: TIMEOUT_MS })
    const counters = Array.from({ length: 12 }, (_, bucket) => new Counter(store, { ...KEY, bucket }))
    for (const counter of counters) await counter.add()
    await servers.kill('redis-cluster-2')
    const results = await Promise.allSettled(counters.map(async (_, bucket) => store.read([{ ...KEY, bucket, entities: [ENTITY], partitions: [] }])))
    const away = results.filter(({ status }) => status === 'rejected')
    expect(away.length).toBeGreaterThan(0)
    expect(away.length).toBeLessThan(12)
    for (const { reason } of away as PromiseRejectedResult[]) expect(reason).toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await servers.restart('redis-cluster-2')
    for (const counter of counters) await counter.add()
    expect(counters.every(({ count }) => count >= 1)).toBe(true)
  }, START_LIMIT_MS)
})

/** Moves the slot of a key that there is to another node, keys first, as `redis-cli --cluster reshard` does. */
async function moveSlot(nodes: readonly string[], key: string): Promise<void> {
  const connections = await Promise.all(nodes.map((node) => connectRedis({ server: { url: `redis://${node}` } })))
  const clients = connections.map(({ client }) => client)
  const slot = await clients[0]!.cluster('KEYSLOT', key)
  const counts = await Promise.all(clients.map((client) => client.cluster('COUNTKEYSINSLOT', slot)))
  const from = counts.findIndex((count) => count > 0)
  const to = (from + 1) % nodes.length
  const [source, target] = [clients[from]!, clients[to]!]
  const [sourceId, targetId] = await Promise.all([source, target].map((client) => client.cluster('MYID') as Promise<string>)) as [string, string]
  await target.cluster('SETSLOT', slot, 'IMPORTING', sourceId)
  await source.cluster('SETSLOT', slot, 'MIGRATING', targetId)
  const [host, port] = nodes[to]!.split(':') as [string, string]
  for (const each of await source.cluster('GETKEYSINSLOT', slot, 100)) await source.migrate(host, port, `${each}`, 0, 5_000)
  await target.cluster('SETSLOT', slot, 'NODE', targetId)
  await source.cluster('SETSLOT', slot, 'NODE', targetId)
  await Promise.all(connections.map((connection) => connection[Symbol.asyncDispose]()))
}
