// An HTTP server that answers as schema registries were heard to answer, and fails as they do.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Registered {
  readonly schema: string
  readonly schemaType?: string
  readonly references?: readonly { readonly name: string; readonly subject: string; readonly version: number }[]
}

/** 'away': it ends connections; 'hanging': it never answers; a text: what a proxy in front of it says, with status 404; a number: a status. */
export type RegistryState = 'there' | 'away' | 'hanging' | number | string

export class RecordedRegistry implements AsyncDisposable {
  readonly schemas = new Map<number, Registered>()
  /** `SUBJECT/VERSION` */
  readonly versions = new Map<string, Registered>()
  readonly asked: string[] = []
  state: RegistryState = 'there'
  /** What `authorization` has to be; null: nothing is asked for. */
  authorization: string | null = null
  private readonly server = createServer((request, response) => this.answer(request, response))

  static async start(): Promise<RecordedRegistry> {
    const registry = new RecordedRegistry()
    registry.server.listen(0, '127.0.0.1')
    await once(registry.server, 'listening')
    return registry
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/apis/ccompat/v7`
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!
    this.asked.push(path)
    const { state } = this
    if (state === 'hanging') return
    if (state === 'away') return void request.socket.destroy()
    if (typeof state === 'number') return void send(response, state, '{"error_code":50001,"message":"Error in the backend data store"}')
    if (state !== 'there') return void send(response, 404, state)
    if (this.authorization !== null && request.headers.authorization !== this.authorization) return void send(response, 401, '{"error_code":401,"message":"Unauthorized"}')
    const [, id] = /^\/apis\/ccompat\/v7\/schemas\/ids\/(\d+)$/.exec(path) ?? []
    if (id !== undefined) return void sendFound(response, this.schemas.get(Number(id)), 40_403, `Schema ${id} not found`)
    const [, subject, version] = /^\/apis\/ccompat\/v7\/subjects\/([^/]+)\/versions\/(\d+)\?deleted=true$/.exec(path) ?? []
    if (subject !== undefined) return void sendFound(response, this.versions.get(`${decodeURIComponent(subject)}/${version}`), 40_402, `Version ${version} not found.`)
    if (path === '/apis/ccompat/v7/schemas/types') return void send(response, 200, '["JSON","PROTOBUF","AVRO"]')
    send(response, 404, `{"error_code":0,"message":"RESTEASY003210: Could not find resource for full path: ${path}"}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    this.server.close()
    await once(this.server, 'close')
  }
}

function sendFound(response: ServerResponse, found: Registered | undefined, code: number, message: string): void {
  if (found === undefined) send(response, 404, JSON.stringify({ error_code: code, message }))
  else send(response, 200, JSON.stringify(found))
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' }).end(text)
}
