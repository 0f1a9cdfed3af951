// TLS before a schema registry.
import { afterAll, beforeAll, expect, it } from '@jest/globals'
import { startTlsProxy, type TlsProxy } from '@tidemark/servers/tls-proxy'
import { openSchemaRegistry } from './http-schema-registry.ts'
import { RecordedRegistry } from './testing/recorded-registry.ts'

let server: RecordedRegistry
let proxy: TlsProxy
let urls: readonly string[]

beforeAll(async () => {
  server = await RecordedRegistry.start()
  server.schemas.set(7, { schema: '"long"' })
  const { host, pathname } = new URL(server.url)
  proxy = await startTlsProxy(host)
  urls = [`https://${proxy.address}${pathname}`]
})
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

it('is asked by TLS where its authority is known, credentials and all', async () => {
  server.authorization = 'Bearer a-token'
  await using registry = openSchemaRegistry({ urls, tls: { ca: proxy.certificate }, credentials: { token: 'a-token' } })
  expect(await registry.find(7)).toMatchObject({ text: '"long"' })
})

it('is not asked where it is not, and is told nothing', async () => {
  server.asked.length = 0
  await using registry = openSchemaRegistry({ urls, credentials: { token: 'a-token' } })
  await expect(registry.find(7)).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('trusted') }] })
  expect(server.asked).toEqual([])
})
