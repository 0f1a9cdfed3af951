// TLS, before a real server that has none itself: what is in between decrypts and passes on.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { connectRedis } from './redis-connection.ts'

describe('a connection by TLS', () => {
  let certificate: Buffer
  let proxy: Server
  let url: string
  let plainUrl: string

  beforeAll(async () => {
    plainUrl = (await sharedServers('redis')).redis.stateUrl
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-tls-'))
    const [keyPath, certificatePath] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyPath, '-out', certificatePath, '-days', '2', '-subj', '/CN=loopback', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' })
    certificate = readFileSync(certificatePath)
    const key = readFileSync(keyPath)
    rmSync(folder, { recursive: true })
    const [, host, port] = /\/\/(.*):(\d+)/.exec(plainUrl)!
    proxy = createServer({ key, cert: certificate }, (socket) => {
      const upstream = connect(Number(port), host!)
      socket.pipe(upstream).pipe(socket)
      for (const each of [socket, upstream]) each.on('error', () => void (socket.destroy(), upstream.destroy()))
    })
    proxy.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    url = `rediss://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  })

  afterAll(async () => {
    await new Promise((resolve) => proxy.close(resolve))
  })

  it('is made where the authority is known, credentials and all', async () => {
    await using connection = await connectRedis({ server: { url }, tls: { ca: certificate }, credentials: { username: 'tidemark', password: 'tidemark-local' } })
    expect(await connection.read('asking', (client) => client.ping())).toBe('PONG')
  })

  it('is refused where it is not, and to who speaks no TLS', async () => {
    await expect(connectRedis({ server: { url } })).rejects.toMatchObject({ code: 'STORE_SETTINGS', problems: [{ message: expect.stringContaining('trusted'), where: expect.stringContaining(url.slice(9)) }] })
    await expect(connectRedis({ server: { url: url.replace('rediss', 'redis') }, timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})
