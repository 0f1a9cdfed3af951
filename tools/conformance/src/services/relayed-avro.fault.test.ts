// A source whose producers write Avro to a topic that keeps their times, through the four services: relayed, archived, streamed and served, while the relay
// and the speed layer are killed and the schema registry is away. What cannot be read is a dead letter.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { testOptions } from '@tidemark/adapter-kafka/testing/kafka-clients'
import { Producers } from '@tidemark/adapter-kafka/testing/producers'
import { avroWriter, recordSchema } from '@tidemark/adapter-schema-registry/testing/avro-writer'
import { count, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { listDeadLetters } from '@tidemark/pipelines/ingest/dead-letters'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { LAYER_NAMES, type LayerName, type ServiceProcess } from '@tidemark/servers/service-process'
import { PARTITION_COUNT, ServiceWorld, until } from './service-world.ts'

const TEST_MAX_MS = 400_000
const CARDS = 5
const BATCHES = 60
const RECORDS_PER_BATCH = 20
const UNKNOWN_ID = 2_000_000_000

const producersTopic = `shop.payments-${randomUUID()}`
const payments = eventSource('payments', {
  fields: { at: timestamp(), card: string(), cents: int64() }, eventTime: 'at', format: 'avro', relayFrom: producersTopic, epochLength: '2s', skewMax: '1s',
})
const cards = featureView('cards', { source: payments, entity: { card: 'card' }, buckets: 4, features: { payments: count().over('lifetime'), cents: sum('cents').over('lifetime') } })
const avro = avroWriter(recordSchema(['cents', 'long'], ['at', { type: 'long', logicalType: 'timestamp-millis' }], ['card', 'string']))

let servers: StartedServers
let world: ServiceWorld
let producers: Producers
beforeAll(async () => {
  servers = await startServers({ names: ['kafka', 'cassandra', 's3', 'redis', 'redis-jobs', 'schema-registry'] })
  world = await ServiceWorld.open(servers.addresses, seededChance(1), { definitions: collectDefinitions([payments, cards]) })
  producers = await Producers.open(testOptions(servers.addresses.kafka.brokers), producersTopic, PARTITION_COUNT)
}, TEST_MAX_MS)
afterAll(async () => {
  await world.endServices()
  await producers[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
}, TEST_MAX_MS)

async function register(): Promise<number> {
  const response = await fetch(`${servers.addresses.schemaRegistry.url}/subjects/payments-value/versions`, {
    method: 'POST', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' }, body: JSON.stringify({ schema: avro.schema.text }),
  })
  return (await response.json() as { readonly id: number }).id
}

function recordOf(id: number, body: Buffer): { readonly key: null; readonly value: Buffer } {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(id, 1)
  return { key: null, value: Buffer.concat([head, body]) }
}

it('has each record once in its answers, and what no schema reads in the dead letters', async () => {
  const start = (layer: LayerName): Promise<ServiceProcess> => world.start(layer, { TIDEMARK_SCHEMA_REGISTRY_URLS: servers.addresses.schemaRegistry.url })
  const id = await register()
  const running = new Map(await Promise.all(LAYER_NAMES.map(async (layer) => [layer, await start(layer)] as const)))
  for (const service of running.values()) await service.untilReady()
  const { url } = await running.get('serving-layer')!.untilReady()

  const expected = Array.from({ length: CARDS }, () => ({ payments: 0, cents: 0 }))
  const hurt = new Map<number, () => Promise<void>>([
    [10, () => killAndStart('archiver')],
    [25, () => servers.kill('schema-registry')],
    [30, () => killAndStart('speed-layer')],
    [40, () => servers.restart('schema-registry')],
  ])
  for (let batch = 0; batch < BATCHES; batch++) {
    await hurt.get(batch)?.()
    await producers.append(batch % PARTITION_COUNT, Array.from({ length: RECORDS_PER_BATCH }, (_, i) => {
      const card = (batch + i) % CARDS
      expected[card]!.payments++
      expected[card]!.cents += i
      return recordOf(id, avro.write({ cents: i, at: Date.now(), card: `card-${card}` }))
    }))
  }
  await producers.append(0, [recordOf(UNKNOWN_ID, Buffer.from([0]))])

  await until('a whole answer, of batch and stream', async () => {
    const { entities, views: [view], degraded } = await ask(url!)
    if (degraded.length > 0 || view!.generation === 0) return JSON.stringify({ view, degraded })
    const found = entities.map(({ values: [payments, cents] }) => ({ payments: Number(payments), cents: Number(cents) }))
    return JSON.stringify(found) === JSON.stringify(expected) ? null : JSON.stringify({ found, expected })
  })
  await until('the dead letter', async () => {
    const letters = await Array.fromAsync(listDeadLetters(world.log, payments.definition))
    return letters.length === 1 && letters[0]!.code === 'SCHEMA_UNKNOWN' ? null : JSON.stringify(letters)
  })
  expect(world.complaints()).toEqual([])

  async function killAndStart(layer: LayerName): Promise<void> {
    await running.get(layer)!.kill()
    running.set(layer, await start(layer))
  }
}, TEST_MAX_MS)

interface Answer {
  readonly entities: readonly { readonly values: readonly unknown[] }[]
  readonly views: readonly { readonly generation: number }[]
  readonly degraded: readonly unknown[]
}

async function ask(url: string): Promise<Answer> {
  const body = JSON.stringify({ features: ['cards:payments_lifetime', 'cards:cents_lifetime'], entities: Array.from({ length: CARDS }, (_, i) => ({ card: `card-${i}` })) })
  const response = await fetch(`${url}/v1/features`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  if (response.status !== 200) throw new Error(await response.text())
  return await response.json() as Answer
}
