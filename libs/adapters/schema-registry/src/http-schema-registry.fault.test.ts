// A real schema registry: what it answers is understood, what was written by its schemas is read, and it may be away.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventSource, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { WriterSchema } from '@tidemark/ports/record-formats'
import { startServers, type StartedServers } from '@tidemark/servers/server-set'
import { openSchemaRegistry, type HttpSchemaRegistry } from './http-schema-registry.ts'
import { registeredFormats } from './registered-formats.ts'
import { avroWriter, recordSchema } from './testing/avro-writer.ts'
import { protobufWriter } from './testing/protobuf-writer.ts'

const START_LIMIT_MS = 600_000
const source = (format: 'avro' | 'protobuf'): SourceDefinition =>
  eventSource('payments', { fields: { at: timestamp(), card: string(), cents: int64().nullable() }, eventTime: 'at', format }).definition

let servers: StartedServers
let registry: HttpSchemaRegistry
beforeAll(async () => {
  servers = await startServers({ names: ['schema-registry'] })
  registry = openSchemaRegistry({ urls: [servers.addresses.schemaRegistry.url], unknownConfirmMs: 10, requestTimeoutMs: 2_000 })
}, START_LIMIT_MS)
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
}, START_LIMIT_MS)

interface Reference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

async function register(subject: string, { kind, text }: Pick<WriterSchema, 'kind' | 'text'>, references: readonly Reference[] = []): Promise<number> {
  const response = await fetch(`${servers.addresses.schemaRegistry.url}/subjects/${subject}/versions`, {
    method: 'POST', headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: text, ...(kind !== 'AVRO' && { schemaType: kind }), references }),
  })
  const answer = await response.json() as { readonly id: number }
  if (!response.ok) throw new Error(JSON.stringify(answer))
  return answer.id
}

/** The values of a body that was written by the schema of an id. */
async function read(id: number, format: 'avro' | 'protobuf', body: Uint8Array): Promise<unknown> {
  const schema = await registry.find(id)
  const readBody = registeredFormats.compile(schema!, source(format))
  return typeof readBody === 'string' ? readBody : readBody(body, 0)
}

describe('a real schema registry', () => {
  it('has Avro schemas, and what they refer to', async () => {
    const money = { type: 'record', name: 'Money', namespace: 'a', fields: [{ name: 'cents', type: 'long' }] }
    await register('a.Money', { kind: 'AVRO', text: JSON.stringify(money) })
    const text = JSON.stringify({ ...recordSchema(['at', { type: 'long', logicalType: 'timestamp-micros' }], ['price', 'a.Money'], ['cents', ['null', 'long']], ['card', 'string']), namespace: 'a' })
    const id = await register('payments-value', { kind: 'AVRO', text }, [{ name: 'a.Money', subject: 'a.Money', version: 1 }])
    const writer = avroWriter(JSON.parse(text), [{ name: 'a.Money', text: JSON.stringify(money) }])
    expect(await read(id, 'avro', writer.write({ at: 5_999, price: { cents: 1 }, cents: { long: 9_007_199_254_740_993n }, card: 'ż' }))).toEqual([5, 'ż', 9_007_199_254_740_993n])
  })

  it('has Protobuf schemas, and what they refer to', async () => {
    const common = 'syntax = "proto3"; package a; message Money { int64 cents = 1; }'
    await register('money', { kind: 'PROTOBUF', text: common })
    const text = 'syntax = "proto3"; package a; import "money.proto"; import "google/protobuf/timestamp.proto"; message Other {} message Payment { google.protobuf.Timestamp at = 1; string card = 2; Money price = 3; optional int64 cents = 4; }'
    const id = await register('payments-proto-value', { kind: 'PROTOBUF', text }, [{ name: 'money.proto', subject: 'money', version: 1 }])
    const writer = protobufWriter(text, 'a.Payment', { references: [{ name: 'money.proto', text: common }], indexes: [2, 2] })
    expect(await read(id, 'protobuf', writer.write({ at: { nanos: 5_999_999 }, card: 'ż', price: { cents: 1 } }))).toEqual([5, 'ż', undefined])
  })

  it('says of an id that there is none', async () => {
    expect(await registry.find(2_000_000_000)).toBeNull()
  })

  it('is told from what is none', async () => {
    await registry.check()
    await using wrong = openSchemaRegistry({ urls: [new URL(servers.addresses.schemaRegistry.url).origin] })
    await expect(wrong.check()).rejects.toMatchObject({ code: 'STORE_SETTINGS' })
    // A 404 of its own that is not about schemas.
    await expect(wrong.find(1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('that is paused or killed is away, and has the same schemas afterwards', async () => {
    const id = await register('longs', { kind: 'AVRO', text: '"long"' })
    await servers.pause('schema-registry')
    await expect(registry.find(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    servers.resume('schema-registry')
    expect(await registry.find(id)).toEqual({ kind: 'AVRO', text: '"long"', references: [] })
    await servers.kill('schema-registry')
    await expect(registry.find(id)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await servers.restart('schema-registry')
    expect(await registry.find(id)).toEqual({ kind: 'AVRO', text: '"long"', references: [] })
  }, START_LIMIT_MS)
})
