// The real servers, each by itself: they answer, refuse strangers, and keep what was acknowledged over kill -9.
import { describe, expect, it } from '@jest/globals'
import { askRedis, probeCassandra, probeKafka, probeRedis, probeS3, probeSchemaRegistry } from './probes.ts'
import { startServers, type StartedServers } from './server-set.ts'
import { sharedServers } from './shared-servers.ts'

const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1])
const START_LIMIT_MS = 600_000

/** Kill -9, restart, pause and resume of one server, as its own protocol sees it. */
async function hurt(servers: StartedServers, name: 'kafka' | 'cassandra' | 's3' | 'redis' | 'schema-registry', probe: () => Promise<void>): Promise<void> {
  await probe()
  await servers.kill(name)
  await expect(probe()).rejects.toThrow()
  await servers.restart(name)
  await probe()
  await servers.pause(name)
  await expect(probe()).rejects.toThrow(/no answer within|timeout/)
  servers.resume(name)
  await probe()
}

async function expectWithin(limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`did not hold within ${limitMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('a server of a test', () => {
  it('kafka comes back after kill -9', async () => {
    await using servers = await startServers({ names: ['kafka'] })
    await hurt(servers, 'kafka', () => probeKafka(portOf(servers.addresses.kafka.brokers[0]!)))
  }, START_LIMIT_MS)

  it('cassandra comes back after kill -9, and lets nobody in with a wrong password', async () => {
    await using servers = await startServers({ names: ['cassandra'] })
    const { contactPoints, username, password } = servers.addresses.cassandra
    const port = portOf(contactPoints[0]!)
    await hurt(servers, 'cassandra', () => probeCassandra(port, { username, password }))
    await expect(probeCassandra(port, { username, password: 'wrong' })).rejects.toThrow(/incorrect/)
  }, START_LIMIT_MS)

  it('s3 comes back after kill -9, and refuses who does not sign', async () => {
    await using servers = await startServers({ names: ['s3'] })
    const { endpoint } = servers.addresses.s3
    await hurt(servers, 's3', () => probeS3(portOf(endpoint)))
    expect((await fetch(endpoint)).status).toBe(403)
  }, START_LIMIT_MS)

  it('the schema registry has after kill -9 what was registered', async () => {
    await using servers = await startServers({ names: ['schema-registry'] })
    const { url } = servers.addresses.schemaRegistry
    const registered = await fetch(`${url}/subjects/flights-value/versions`, { method: 'POST', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' }, body: '{"schema":"\\"long\\""}' })
    const { id } = await registered.json() as { id: number }
    await hurt(servers, 'schema-registry', () => probeSchemaRegistry(Number(new URL(url).port)))
    expect(await (await fetch(`${url}/schemas/ids/${id}`)).json()).toMatchObject({ schema: '"long"' })
  }, START_LIMIT_MS)

  it('redis has after kill -9 what it had written to its append-only file, and refuses a wrong password', async () => {
    await using servers = await startServers({ names: ['redis'] })
    const port = portOf(servers.addresses.redis.stateUrl)
    await askRedis(port, 'SET fence 41')
    // WAITAOF came later than this version: what the file lacks shows as pending, and each second it is synced.
    await expectWithin(5_000, async () => /aof_buffer_length:0\r[^]*aof_pending_bio_fsync:0\r/.test(await askRedis(port, 'INFO persistence')))
    await hurt(servers, 'redis', () => probeRedis(port))
    expect(await askRedis(port, 'GET fence')).toBe('41')
    await expect(askRedis(port, 'AUTH tidemark wrong')).rejects.toThrow('WRONGPASS')
    await askRedis(port, `AUTH ${servers.addresses.redis.username} ${servers.addresses.redis.password}`)
  }, START_LIMIT_MS)

  it('of the cluster comes back into it', async () => {
    await using servers = await startServers({ names: ['redis-cluster'] })
    const [first, second] = servers.addresses.redisCluster.nodes.map(portOf) as [number, number, number]
    expect(await askRedis(first, 'CLUSTER INFO')).toContain('cluster_state:ok')
    await servers.kill('redis-cluster-2')
    await expectWithin(20_000, async () => (await askRedis(first, 'CLUSTER INFO')).includes('cluster_state:fail'))
    await servers.restart('redis-cluster-2')
    expect(await askRedis(second, 'CLUSTER INFO')).toContain('cluster_state:ok')
  }, START_LIMIT_MS)
})

describe('two sets', () => {
  it('stand side by side, and one goes without the other', async () => {
    await using staying = await startServers({ names: ['redis'] })
    {
      await using leaving = await startServers({ names: ['redis'] })
      expect(leaving.set).not.toBe(staying.set)
      await probeRedis(portOf(leaving.addresses.redis.stateUrl))
    }
    await probeRedis(portOf(staying.addresses.redis.stateUrl))
  })
})

describe('the shared set', () => {
  it('starts a server when a suite first asks for it, and gives the same one to the next', async () => {
    const first = await sharedServers('redis-cache')
    const runId = async (): Promise<string> => /run_id:(\w+)/.exec(await askRedis(portOf(first.redis.cacheUrl), 'INFO server'))![1]!
    const id = await runId()
    expect(await sharedServers('redis-cache')).toEqual(first)
    expect(await runId()).toBe(id)
  })
})
