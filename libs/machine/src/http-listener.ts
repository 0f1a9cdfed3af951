// A server that listens on an address until it is disposed; then it answers what it has begun and takes nothing more.

import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** How long what was begun may take once the listener is disposed; then its connections are cut. */
const DRAIN_MAX_MS = 10_000
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
}

/** Listens; port 0 takes any that is free. Throws PORT_IN_USE; USAGE where the address, the port or the certificate cannot be had. */
export async function listen(handler: RequestListener, { host, port, tls }: ListenOptions): Promise<HttpListener> {
  const server = tls === undefined ? createServer(OPTIONS, handler) : createServerOf(tls, handler)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
    server.listen(port, host, resolve)
  })
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    port: taken,
    [Symbol.asyncDispose]: () => new Promise((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MAX_MS)
      server.close(() => {
        clearTimeout(cut)
        resolve()
      })
      server.closeIdleConnections()
    }),
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
