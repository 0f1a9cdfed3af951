import { describe, expect, it } from '@jest/globals'
import { openSchemaRegistry, type HttpSchemaRegistry, type SchemaRegistryOptions } from './http-schema-registry.ts'
import { RecordedRegistry } from './testing/recorded-registry.ts'

interface Harness extends AsyncDisposable {
  readonly server: RecordedRegistry
  open(options?: Partial<SchemaRegistryOptions>): HttpSchemaRegistry
}

async function startHarness(): Promise<Harness> {
  const opened = new AsyncDisposableStack()
  const server = opened.use(await RecordedRegistry.start())
  server.schemas.set(7, { schema: '"long"' })
  return {
    server,
    open: (options) => opened.use(openSchemaRegistry({ urls: [server.url], unknownConfirmMs: 1, requestTimeoutMs: 200, ...options })),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

describe('a schema registry', () => {
  it('has the schema of an id, Avro where it says nothing else', async () => {
    await using harness = await startHarness()
    harness.server.schemas.set(8, { schema: 'syntax = "proto3";', schemaType: 'PROTOBUF', references: [] })
    const registry = harness.open()
    expect(await registry.find(7)).toEqual({ kind: 'AVRO', text: '"long"', references: [] })
    expect(await registry.find(8)).toEqual({ kind: 'PROTOBUF', text: 'syntax = "proto3";', references: [] })
    expect(await registry.find(4_294_967_295)).toBeNull()
  })

  it('has what a schema refers to, each after what it refers to itself, and once', async () => {
    await using harness = await startHarness()
    const reference = (name: string) => ({ name, subject: `dir/${name} ż`, version: 2 })
    harness.server.schemas.set(8, { schema: 'top', references: [reference('a'), reference('b')] })
    harness.server.versions.set('dir/a ż/2', { schema: 'A', references: [reference('c')] })
    harness.server.versions.set('dir/b ż/2', { schema: 'B', references: [reference('a'), reference('c')] })
    harness.server.versions.set('dir/c ż/2', { schema: 'C' })
    const registry = harness.open()
    expect(await registry.find(8)).toEqual({ kind: 'AVRO', text: 'top', references: [{ name: 'c', text: 'C' }, { name: 'a', text: 'A' }, { name: 'b', text: 'B' }] })
    harness.server.versions.delete('dir/c ż/2')
    expect(await registry.find(8)).toBeNull()
  })

  it('may refer to so much only', async () => {
    await using harness = await startHarness()
    const references = Array.from({ length: 101 }, (_, i) => ({ name: `${i}`, subject: 's', version: i }))
    harness.server.schemas.set(8, { schema: 'top', references })
    for (let i = 0; i < 101; i++) harness.server.versions.set(`s/${i}`, { schema: `${i}` })
    await expect(harness.open().find(8)).rejects.toMatchObject({ code: 'STORE_SETTINGS', message: expect.stringContaining('more than 100 others') })
  })

  it('is asked once more for what it does not know: it may follow another, and learn of it later', async () => {
    await using harness = await startHarness()
    const registry = harness.open({ unknownConfirmMs: 30 })
    const finding = registry.find(9)
    while (harness.server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
    harness.server.schemas.set(9, { schema: '"int"' })
    expect(await finding).toMatchObject({ text: '"int"' })
    harness.server.asked.length = 0
    expect(await registry.find(10)).toBeNull()
    expect(harness.server.asked).toHaveLength(2)
    // What it did not know twice is not waited for again.
    expect(await registry.find(10)).toBeNull()
    expect(harness.server.asked).toHaveLength(3)
    harness.server.schemas.set(10, { schema: '"int"' })
    expect(await registry.find(10)).toMatchObject({ text: '"int"' })
  })

  it.each<[RecordedRegistry['state'], RegExp]>([
    ['away', /does not answer/],
    ['hanging', /does not answer .*timeout/],
    [500, /It answers 500 and .*Error in the backend data store/],
    [503, /It answers 503/],
    [429, /It answers 429/],
    ['<html>no such page</html>', /It answers 404 and "<html>/],
    ['{"error_code":404,"message":"HTTP 404 Not Found"}', /says neither what the schema is nor that there is none/],
  ])('that is away (%s) says nothing of its schemas', async (state, message) => {
    await using harness = await startHarness()
    const registry = harness.open()
    harness.server.state = state
    await expect(registry.find(9)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(message) })
    await expect(registry.find(7)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: `schema registry ${harness.server.url}/schemas/ids/7` }] })
    harness.server.state = 'there'
    expect(await registry.find(7)).toMatchObject({ text: '"long"' })
  })

  it('that nobody listens at is away', async () => {
    await using harness = await startHarness()
    const { url } = harness.server
    const registry = harness.open({ urls: [url] })
    await harness.server[Symbol.asyncDispose]()
    await expect(registry.find(7)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') })
    await expect(registry.check()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('may have several addresses, of which one answers', async () => {
    await using harness = await startHarness()
    await using other = await RecordedRegistry.start()
    other.schemas.set(7, { schema: '"other"' })
    const registry = harness.open({ urls: [harness.server.url, `${other.url}/`] })
    expect(await registry.find(7)).toMatchObject({ text: '"long"' })
    for (const state of ['away', 503] as const) {
      harness.server.state = state
      expect(await registry.find(7)).toMatchObject({ text: '"other"' })
      const askedCount = harness.server.asked.length
      expect(await registry.find(7)).toMatchObject({ text: '"other"' })
      expect(harness.server.asked).toHaveLength(askedCount)
      harness.server.state = 'there'
      other.state = 503
      expect(await registry.find(7)).toMatchObject({ text: '"long"' })
      other.state = 'there'
    }
    other.state = harness.server.state = 'away'
    await expect(registry.find(7)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it.each<[string, SchemaRegistryOptions['credentials'], string]>([
    ['a password', { username: 'ann', password: 'sécret:1' }, `Basic ${Buffer.from('ann:sécret:1').toString('base64')}`],
    ['a token', { token: 'abc' }, 'Bearer abc'],
  ])('is told who asks by %s, and refuses others', async (_, credentials, authorization) => {
    await using harness = await startHarness()
    harness.server.authorization = authorization
    const registry = harness.open({ credentials: credentials! })
    expect(await registry.find(7)).toMatchObject({ text: '"long"' })
    await registry.check()
    for (const wrong of [harness.open(), harness.open({ credentials: { username: 'ann', password: 'hunter2' } })]) {
      for (const refused of [wrong.find(7), wrong.check()]) await expect(refused).rejects.toMatchObject({ code: 'STORE_REFUSED', message: expect.not.stringContaining('hunter2') })
    }
  })

  it('is told from what is none', async () => {
    await using harness = await startHarness()
    await harness.open().check()
    const wrongPath = harness.open({ urls: [harness.server.url.replace('/apis/ccompat/v7', '')] })
    await expect(wrongPath.check()).rejects.toMatchObject({ code: 'STORE_SETTINGS', message: expect.stringContaining('no schema registry') })
    harness.server.state = 503
    await expect(harness.open().check()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('that answers with too much is away', async () => {
    await using harness = await startHarness()
    harness.server.schemas.set(8, { schema: 'x'.repeat(5_000_000) })
    await expect(harness.open({ requestTimeoutMs: 5_000 }).find(8)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('once it is closed, answers nobody', async () => {
    await using harness = await startHarness()
    harness.server.state = 'hanging'
    const registry = harness.open({ requestTimeoutMs: 60_000 })
    const finding = registry.find(7)
    finding.catch(() => undefined)
    await registry[Symbol.asyncDispose]()
    await expect(finding).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})
