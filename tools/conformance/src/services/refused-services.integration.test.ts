// What waiting does not mend ends a service at once, with a code that says what it is: credentials, settings of servers and of its own, a port.
// No secret is in anything that it says.
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { KafkaCluster } from '@tidemark/adapter-kafka/kafka-cluster'
import { makeTopic } from '@tidemark/adapter-kafka/testing/kafka-clients'
import type { LayerName, LogLine, ServiceEnded, ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import type { Addresses } from '@tidemark/servers/addresses'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { ServiceWorld } from './service-world.ts'

const TEST_MAX_MS = 120_000
const WRONG = 'a-wrong-one-that-nobody-may-read'
const EXIT = { failed: 1, settings: 78 } as const

let addresses: Addresses
let world: ServiceWorld
let busy: Server

beforeAll(async () => {
  addresses = await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs', 'redis-cache')
  world = await ServiceWorld.open(addresses, seededChance(1))
  busy = createServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
}, TEST_MAX_MS)
afterAll(async () => {
  busy.close()
  await world[Symbol.asyncDispose]()
}, TEST_MAX_MS)

/** How it ended by itself, and its last words. */
async function fate(service: ServiceProcess): Promise<{ how: unknown; fatal: LogLine[] }> {
  const how = await service.ended.catch((error: unknown) => (error as ServiceEnded).how)
  expect(JSON.stringify(service.lines)).not.toContain(WRONG)
  return { how, fatal: service.lines.filter(({ level }) => level === 'fatal') }
}

type Told = (all: Addresses) => Readonly<Record<string, string>>

describe('a service ends at once', () => {
  it.each<[string, LayerName, string, Told]>([
    ['Kafka refuses its password', 'archiver', 'STORE_REFUSED', ({ kafka }) => ({ TIDEMARK_KAFKA_BROKERS: kafka.saslBrokers.join(','), TIDEMARK_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', TIDEMARK_KAFKA_SASL_USERNAME: kafka.username, TIDEMARK_KAFKA_SASL_PASSWORD: WRONG })],
    ['S3 refuses its secret', 'archiver', 'STORE_REFUSED', () => ({ TIDEMARK_S3_SECRET_ACCESS_KEY: WRONG })],
    ['Cassandra refuses its password', 'serving-layer', 'STORE_REFUSED', () => ({ TIDEMARK_CASSANDRA_PASSWORD: WRONG })],
    ['the Redis of states refuses its password', 'speed-layer', 'STORE_REFUSED', ({ redis }) => ({ TIDEMARK_REDIS_STATE_USERNAME: redis.username, TIDEMARK_REDIS_STATE_PASSWORD: WRONG })],
    ['the Redis of jobs refuses its password', 'batch-layer', 'STORE_REFUSED', ({ redis }) => ({ TIDEMARK_REDIS_JOBS_USERNAME: redis.username, TIDEMARK_REDIS_JOBS_PASSWORD: WRONG })],
    ['there is no such bucket', 'batch-layer', 'STORE_SETTINGS', () => ({ TIDEMARK_S3_BUCKET: 'no-such-bucket' })],
    ['the Redis of jobs evicts', 'batch-layer', 'STORE_SETTINGS', ({ redis }) => ({ TIDEMARK_REDIS_JOBS_NODES: new URL(redis.cacheUrl).host })],
    ['its keyspace is not there, and it may not make it', 'serving-layer', 'STORE_SETTINGS', () => ({ TIDEMARK_CASSANDRA_KEYSPACE: 'no_such_keyspace', TIDEMARK_CASSANDRA_REPLICATION_FACTOR: '' })],
    ['another process has its port', 'serving-layer', 'PORT_IN_USE', () => ({ TIDEMARK_HTTP_PORT: `${(busy.address() as AddressInfo).port}` })],
  ])('where %s (%s: %s)', async (_, layer, code, told) => {
    const { how, fatal } = await fate(await world.start(layer, told(addresses)))
    expect(fatal).toEqual([expect.objectContaining({ code, msg: expect.any(String), where: expect.any(String), action: expect.any(String) })])
    expect(how).toBe(EXIT.failed)
  }, TEST_MAX_MS)

  it('where a topic does not stamp what it takes, with the command that mends it', async () => {
    await using other = await ServiceWorld.open(addresses, seededChance(1))
    {
      await using cluster = new KafkaCluster({ brokers: addresses.kafka.brokers, clientId: 'tidemark-tests', namePrefix: `${other.namespace}.` })
      await makeTopic(cluster, 'payments', { 'message.timestamp.type': 'CreateTime' })
    }
    for (const layer of ['archiver', 'speed-layer'] as const) {
      const { how, fatal } = await fate(await other.start(layer, { TIDEMARK_KAFKA_PARTITIONS: '1' }))
      expect(fatal).toEqual([expect.objectContaining({ code: 'TOPIC_SETTINGS', action: expect.stringContaining(`--entity-name ${other.namespace}.payments --alter --add-config message.timestamp.type=LogAppendTime`) })])
      expect(how).toBe(EXIT.failed)
    }
  }, TEST_MAX_MS)

  it('where its settings are wrong, with each mistake', async () => {
    const { how, fatal } = await fate(await world.start('speed-layer', {
      TIDEMARK_DEFINITIONS_EVERY_MS: 'often', TIDEMARK_KAFKA_BROKERS: 'http://nowhere', TIDEMARK_KAFKA_PARTITIONS: '0', TIDEMARK_CASSANDRA_PASSWORD: '', TIDEMARK_REDIS_STATE_NODES: '', TIDEMARK_S3_SECRET_ACCESS_KEY: '', TIDEMARK_S3_SECRET_ACCESS_KEY_FILE: '/nowhere/secret',
    }))
    expect(fatal.map(({ code, where }) => [code, where]).sort()).toEqual([
      'TIDEMARK_CASSANDRA_PASSWORD', 'TIDEMARK_DEFINITIONS_EVERY_MS', 'TIDEMARK_KAFKA_BROKERS', 'TIDEMARK_KAFKA_PARTITIONS', 'TIDEMARK_REDIS_STATE_NODES', 'TIDEMARK_S3_SECRET_ACCESS_KEY_FILE',
    ].map((where) => ['SETTINGS_INVALID', where]))
    expect(how).toBe(EXIT.settings)
  }, TEST_MAX_MS)
})
