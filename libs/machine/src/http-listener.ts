// A server that listens on an address until it is disposed; then it answers what it has begun and takes nothing more. Connections outlive answers, and a
// client may be sending on one at any time: it is told with its last answer that the connection ends, and none is cut off that is still in use.

import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as untilPolled } from 'node:timers/promises'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** How long what was begun may take once the listener is disposed; then its connections are cut. */
const DRAIN_MAX_MS = 10_000
/** How long it waits, once it listens no more, for what its clients had sent before they were told. */
const LATE_REQUEST_MAX_MS = 250
/** Longer than proxies and clients keep a connection that is idle (60 s is usual): whoever closes first cuts off what the other one is just sending. */
const IDLE_CONNECTION_MAX_MS = 75_000

export interface HttpListener extends AsyncDisposable {
  /** `http://127.0.0.1:8080` */
  readonly url: string
  readonly port: number
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** PEM of what it shows of itself, and its key: it speaks HTTPS alone. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  /** Whether it will be disposed soon: clients are told to ask elsewhere with their next answers. */
  readonly isEnding?: () => boolean
  /** How long it listens on once it is disposed, while clients keep connections: those that ask in this time are told with their answers. Default: 250 ms. */
  readonly tellMaxMs?: number | undefined
}

/** Listens; port 0 takes any that is free. Throws PORT_IN_USE; USAGE where the address, the port or the certificate cannot be had. */
export async function listen(handler: RequestListener, { host, port, tls, isEnding = () => false, tellMaxMs = LATE_REQUEST_MAX_MS }: ListenOptions): Promise<HttpListener> {
  const connections = new Connections(isEnding)
  const answer: RequestListener = (request, response) => {
    connections.answers(request.socket, response)
    handler(request, response)
  }
  const server = tls === undefined ? createServer(OPTIONS, answer) : createServerOf(tls, answer)
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => connections.opened(socket))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
    server.listen(port, host, resolve)
  })
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    port: taken,
    async [Symbol.asyncDispose]() {
      connections.end()
      await connections.untilNone(tellMaxMs)
      await connections.untilAccepted(LATE_REQUEST_MAX_MS)
      // Node's own `close` for HTTP would cut off at once whoever was not told.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()))
      await connections.untilNone(LATE_REQUEST_MAX_MS)
      const closeIdle = async (): Promise<void> => {
        // What is idle right after all sockets were read has sent nothing, however late this process is.
        await untilPolled()
        server.closeIdleConnections()
      }
      void closeIdle()
      // Each that becomes idle from here on was not told.
      const idle = setInterval(() => void closeIdle(), LATE_REQUEST_MAX_MS)
      const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MAX_MS)
      await closed
      clearInterval(idle)
      clearTimeout(cut)
    },
  }
}

/** What is connected, and the last answer on each: while it ends, answers say that their connections do. */
class Connections {
  private readonly lastAnswers = new Map<Socket, ServerResponse | null>()
  private readonly isEnding: () => boolean
  private isEnded = false
  private openedCount = 0
  private onNone = (): void => undefined

  constructor(isEnding: () => boolean) {
    this.isEnding = isEnding
  }

  opened(socket: Socket): void {
    this.openedCount++
    this.lastAnswers.set(socket, null)
    socket.once('close', () => {
      this.lastAnswers.delete(socket)
      if (this.lastAnswers.size === 0) this.onNone()
    })
  }

  answers(socket: Socket, response: ServerResponse): void {
    this.lastAnswers.set(socket, response)
    if (this.isEnded || this.isEnding()) response.shouldKeepAlive = false
  }

  end(): void {
    this.isEnded = true
    for (const response of this.lastAnswers.values()) if (response !== null && !response.headersSent) response.shouldKeepAlive = false
  }

  /** Until none waits to be accepted, of which each turn of the event loop takes one: those would be reset. */
  async untilAccepted(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs
    let before: number
    do {
      before = this.openedCount
      await untilPolled()
    } while (this.openedCount > before && performance.now() < untilMs)
  }

  async untilNone(withinMs: number): Promise<void> {
    if (this.lastAnswers.size === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs)
      this.onNone = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

const OPTIONS = { keepAliveTimeout: IDLE_CONNECTION_MAX_MS }

function createServerOf(tls: Required<ListenOptions>['tls'], handler: RequestListener): ReturnType<typeof createTlsServer> {
  try {
    return createTlsServer({ ...OPTIONS, ...tls }, handler)
  } catch (error) {
    const action = 'Give PEM of a certificate, with those that vouch for it, and of the key that belongs to it.'
    throw new TidemarkError([{ code: 'USAGE', message: `The certificate or its key cannot be used: ${(error as Error).message}.`, where: 'TLS of the listener', action }], { cause: error })
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const where = `${host}:${port}`
  if (error.code === 'EADDRINUSE') {
    return new TidemarkError([{ code: 'PORT_IN_USE', message: `Another process listens on port ${port}.`, where, action: 'Stop it, or give another port; 0 takes any that is free.' }], { cause: error })
  }
  const advice = ADVICE[error.code ?? '']
  return advice === undefined ? error : new TidemarkError([{ code: 'USAGE', message: `It is not possible to listen there: ${error.message}.`, where, action: advice }], { cause: error })
}

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'Give a port from 1024 on.',
  EADDRNOTAVAIL: 'Give an address of this machine, such as 127.0.0.1.',
  ENOTFOUND: 'Give an address of this machine, such as 127.0.0.1.',
}
