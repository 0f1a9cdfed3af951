// What stands before serving processes as a cluster's endpoints do: questions go in turn to those that are ready, each over connections that are kept, and
// none is asked twice. Where a process cuts one off, whoever asked gets 502 and is told why.

import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Says who answered. */
export const ANSWERED_BY = 'x-answered-by'
const READY_EVERY_MS = 100

export interface Backend {
  readonly name: string
  readonly url: string
  /** What says whether it is ready: /readyz. null: it is until it is taken out, as by a hook that runs before a process is told to end. */
  readonly adminUrl: string | null
}

export class Balancer implements AsyncDisposable {
  readonly url: string
  private readonly server: ReturnType<typeof createServer>
  private readonly agent = new Agent({ keepAlive: true })
  private ready: readonly Backend[] = []
  private readonly backends = new Set<Backend>()
  private readonly ending = new AbortController()
  private turn = 0

  private constructor(server: ReturnType<typeof createServer>) {
    this.server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (asked: IncomingMessage, answer: ServerResponse) => this.pass(asked, answer))
  }

  static async open(): Promise<Balancer> {
    // Its own connections end with it: who asks is not to be cut off by what stands in between.
    const server = createServer({ keepAliveTimeout: 0 }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Balancer(server)
  }

  /** Resolves once it is asked. */
  async add(backend: Backend): Promise<void> {
    this.backends.add(backend)
    if (backend.adminUrl === null) this.let(backend, true)
    else void this.watch(backend)
    while (!this.ready.includes(backend)) await sleep(READY_EVERY_MS)
  }

  /** It is asked nothing more. */
  takeOut(name: string): void {
    for (const backend of this.backends) {
      if (backend.name !== name) continue
      this.backends.delete(backend)
      this.let(backend, false)
    }
  }

  private let(backend: Backend, isReady: boolean): void {
    if (isReady === this.ready.includes(backend)) return
    this.ready = isReady ? [...this.ready, backend] : this.ready.filter((each) => each !== backend)
  }

  private async watch(backend: Backend): Promise<void> {
    while (this.backends.has(backend) && !this.ending.signal.aborted) {
      const isReady = await fetch(`${backend.adminUrl}/readyz`, { signal: this.ending.signal }).then(({ ok }) => ok, () => false)
      if (this.backends.has(backend)) this.let(backend, isReady)
      await sleep(READY_EVERY_MS, undefined, { signal: this.ending.signal }).catch(() => undefined)
    }
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const backend = this.ready[this.turn++ % this.ready.length]
    if (backend === undefined) return void answer.writeHead(503).end('No process is ready.')
    const { method, headers } = asked
    const fail = (error: Error): void => {
      if (answer.headersSent) answer.destroy(error)
      else answer.writeHead(502).end(`${backend.name} cut it off: ${error.message}`)
    }
    const passed = request(`${backend.url}${asked.url}`, { agent: this.agent, method, headers }, (answered) => {
      answer.writeHead(answered.statusCode!, { ...answered.headers, [ANSWERED_BY]: backend.name, connection: 'keep-alive' })
      answered.on('error', fail).pipe(answer)
    })
    passed.on('error', fail)
    asked.pipe(passed)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ending.abort()
    this.agent.destroy()
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}
