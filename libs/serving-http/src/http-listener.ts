// A server that listens on an address until it is disposed; then it answers what it has begun and takes nothing more.

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TidemarkError } from '@tidemark/feature-schema/errors'

/** How long what was begun may take once the listener is disposed; then its connections are cut. */
const DRAIN_MAX_MS = 10_000

export interface HttpListener extends AsyncDisposable {
  /** `http://127.0.0.1:8080` */
  readonly url: string
  readonly port: number
}

/** Listens; port 0 takes any that is free. Throws PORT_IN_USE. */
export async function listen(handler: RequestListener, { host, port }: { readonly host: string; readonly port: number }): Promise<HttpListener> {
  const server = createServer(handler)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      reject(new TidemarkError([{
        code: 'PORT_IN_USE', message: `Another process listens on port ${port}.`, where: `${host}:${port}`, action: 'Stop it, or give another port; 0 takes any that is free.',
      }], { cause: error }))
    })
    server.listen(port, host, resolve)
  })
  const { port: taken } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
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
