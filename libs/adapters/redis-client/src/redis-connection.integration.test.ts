// A connection whose other side falls silent without a word, as behind a gateway that forgot it or before a server that hangs.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { connectRedis, type RedisServerOptions } from './redis-connection.ts'

const TIMEOUT_MS = 200
const RECOVERY_MAX_MS = 20_000

/** Passes on to a server, until it is told to forget the connections that there are, or to hold what comes. */
class Gateway {
  readonly server: Server
  /** What was passed on to the server. */
  passed = ''
  private isHolding = false
  private readonly held: (() => void)[] = []
  private readonly sockets = new Set<Socket>()

  constructor(host: string, port: number) {
    this.server = createServer((socket) => {
      const upstream = connect(port, host)
      for (const each of [socket, upstream]) {
        this.sockets.add(each)
        each.on('error', () => undefined)
        each.on('close', () => this.sockets.delete(each))
      }
      const pass = (): void => {
        socket.on('data', (bytes) => {
          this.passed += bytes.toString('latin1')
          upstream.write(bytes)
        })
        socket.on('close', () => upstream.destroy())
        upstream.pipe(socket)
      }
      if (this.isHolding) this.held.push(pass)
      else pass()
    })
  }

  /** Nothing comes through any more, and nothing is closed. */
  forget(): void {
    for (const socket of this.sockets) socket.unpipe().removeAllListeners('data').resume()
  }

  /** Connections are made, and nothing comes through until they are released. */
  hold(): void {
    this.forget()
    this.isHolding = true
  }

  release(): void {
    this.isHolding = false
    for (const pass of this.held) pass()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }
}

describe('a connection', () => {
  let gateway: Gateway
  let server: RedisServerOptions['server']

  beforeEach(async () => {
    const [, host, port] = /\/\/(.*):(\d+)/.exec((await sharedServers('redis')).redis.stateUrl)!
    gateway = new Gateway(host!, Number(port))
    await new Promise<void>((resolve) => gateway.server.listen(0, '127.0.0.1', resolve))
    server = { url: `redis://127.0.0.1:${(gateway.server.address() as AddressInfo).port}` }
  })

  afterEach(async () => {
    await gateway[Symbol.asyncDispose]()
  })

  it('is given up when nothing comes any more, and made anew', async () => {
    await using connection = await connectRedis({ server, timeoutMs: TIMEOUT_MS })
    const ping = (): Promise<string> => connection.read('asking', (client) => client.ping())
    expect(await ping()).toBe('PONG')
    gateway.forget()
    await expect(ping()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ message: expect.stringContaining(`${TIMEOUT_MS} ms`) }] })
    const deadlineMs = performance.now() + RECOVERY_MAX_MS
    let answer: string | null = null
    while (answer === null && performance.now() < deadlineMs) answer = await ping().catch(() => null)
    expect(answer).toBe('PONG')
  })

  it('keeps little of what was given up, however long its other side says nothing', async () => {
    const callsInFlightMax = 50
    // Twice as long passes until a silent connection is given up, and half a second until it is closed.
    await using connection = await connectRedis({ server, timeoutMs: 2 * TIMEOUT_MS, callsInFlightMax })
    const echo = (text: string): Promise<string> => connection.read('asking', (client) => client.echo(text))
    gateway.hold()
    const ROUNDS = 20
    for (let round = 0; round < ROUNDS; round++) {
      const results = await Promise.allSettled(Array.from({ length: callsInFlightMax }, () => echo('given up')))
      for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'STORE_UNAVAILABLE' } })
    }
    gateway.release()
    const deadlineMs = performance.now() + RECOVERY_MAX_MS
    let answer: string | null = null
    while (answer === null && performance.now() < deadlineMs) answer = await echo('at last').catch(() => null)
    expect(answer).toBe('at last')
    expect(gateway.passed.split('given up').length - 1).toBeLessThan((ROUNDS * callsInFlightMax) / 2)
  })
})
