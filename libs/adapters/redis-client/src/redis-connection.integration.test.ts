// A connection whose other side falls silent without a word, as behind a gateway that forgot it.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { connectRedis, type RedisServerOptions } from './redis-connection.ts'

const TIMEOUT_MS = 200

/** Passes on to a server, until it is told to forget the connections that there are. */
class Gateway {
  readonly server: Server
  private readonly sockets = new Set<Socket>()

  constructor(host: string, port: number) {
    this.server = createServer((socket) => {
      const upstream = connect(port, host)
      socket.pipe(upstream).pipe(socket)
      for (const each of [socket, upstream]) {
        this.sockets.add(each)
        each.on('error', () => undefined)
        each.on('close', () => this.sockets.delete(each))
      }
    })
  }

  /** Nothing comes through any more, and nothing is closed. */
  forget(): void {
    for (const socket of this.sockets) socket.unpipe().removeAllListeners('data').resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

describe('a connection', () => {
  let gateway: Gateway
  let server: RedisServerOptions['server']

  beforeAll(async () => {
    const [, host, port] = /\/\/(.*):(\d+)/.exec((await sharedServers('redis')).redis.stateUrl)!
    gateway = new Gateway(host!, Number(port))
    await new Promise<void>((resolve) => gateway.server.listen(0, '127.0.0.1', resolve))
    server = { url: `redis://127.0.0.1:${(gateway.server.address() as AddressInfo).port}` }
  })

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]()
  })

  it('is given up when nothing comes any more, and made anew', async () => {
    await using connection = await connectRedis({ server, timeoutMs: TIMEOUT_MS })
    const ping = (): Promise<string> => connection.read('asking', (client) => client.ping())
    expect(await ping()).toBe('PONG')
    gateway.forget()
    await expect(ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ message: expect.stringContaining(`${TIMEOUT_MS} ms`) }] })
    const deadlineMs = performance.now() + 20_000
    let answer: string | null = null
    while (answer === null && performance.now() < deadlineMs) answer = await ping().catch(() => null)
    expect(answer).toBe('PONG')
  })
})
