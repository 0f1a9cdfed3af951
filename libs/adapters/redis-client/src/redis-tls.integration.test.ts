// TLS, before a real server that has none itself.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { startTlsProxy, type TlsProxy } from '@tidemark/servers/tls-proxy'
import { connectRedis } from './redis-connection.ts'

describe('a connection by TLS', () => {
  let proxy: TlsProxy
  let url: string

  beforeAll(async () => {
    proxy = await startTlsProxy(new URL((await sharedServers('redis')).redis.stateUrl).host)
    url = `rediss://${proxy.address}`
  })

  afterAll(async () => {
    await proxy[Symbol.asyncDispose]()
  })

  it('is made where the authority is known, credentials and all', async () => {
    await using connection = await connectRedis({ server: { url }, tls: { ca: proxy.certificate }, credentials: { username: 'tidemark', password: 'tidemark-local' } })
    expect(await connection.read('asking', (client) => client.ping())).toBe('PONG')
  })

  it('is refused where it is not, and to who speaks no TLS', async () => {
    await expect(connectRedis({ server: { url } })).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('trusted'), where: expect.stringContaining(proxy.address) }] })
    await expect(connectRedis({ server: { url: url.replace('rediss', 'redis') }, timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})
