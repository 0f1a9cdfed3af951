// A schema registry over HTTP: what Confluent's speaks, and those that speak like it (Karapace, Apicurio, Redpanda). Two questions are asked of it,
// and each is asked of its addresses in turn. It keeps no schemas: who asks does.

import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { SchemaRegistry, WriterSchema } from '@tidemark/ports/record-formats'
import { Agent } from 'undici'
import { asTidemarkError, checkTypes, isPassing, problem, readSchema, unavailable, type HttpAnswer, type RegistrySchema } from './registry-answers.ts'

/** One request to one address. */
export const REQUEST_TIMEOUT_DEFAULT_MS = 5_000
export const CONNECT_TIMEOUT_DEFAULT_MS = 3_000
/** An id that a registry does not know is asked for once more after this long: those that follow its leader learn of a schema a little later. */
export const UNKNOWN_CONFIRM_DEFAULT_MS = 1_000
const CONNECTIONS_MAX = 8
const ANSWER_SIZE_MAX_BYTES = 4 * 1_048_576
/** What one schema may refer to, and what that refers to. */
const REFERENCES_MAX = 100
/** Ids of which it is remembered that they were unknown twice. */
const UNKNOWN_KEPT_MAX = 10_000

export interface SchemaRegistryOptions {
  /** With the path, where it has one; of several, whichever answers. */
  readonly urls: readonly string[]
  readonly credentials?: { readonly username: string; readonly password: string } | { readonly token: string }
  /** For https; default: the system's authorities. */
  readonly tls?: Pick<TlsOptions, 'ca' | 'cert' | 'key'>
  readonly requestTimeoutMs?: number
  readonly connectTimeoutMs?: number
  readonly unknownConfirmMs?: number
}

export interface HttpSchemaRegistry extends SchemaRegistry {
  /** That there is a schema registry, and that it lets this process in. STORE_SETTINGS, STORE_REFUSED, STORE_UNAVAILABLE. */
  check(): Promise<void>
}

/** Connects when it is first asked for something. */
export function openSchemaRegistry(options: SchemaRegistryOptions): HttpSchemaRegistry {
  return new HttpRegistry(options)
}

class HttpRegistry implements HttpSchemaRegistry {
  private readonly urls: readonly string[]
  private readonly headers: Readonly<Record<string, string>>
  private readonly requestTimeoutMs: number
  private readonly unknownConfirmMs: number
  private readonly agent: Agent
  private readonly closing = new AbortController()
  private readonly unknown = new Set<number>()
  /** Which address answered last. */
  private turn = 0

  constructor({ urls, credentials, tls, requestTimeoutMs = REQUEST_TIMEOUT_DEFAULT_MS, connectTimeoutMs = CONNECT_TIMEOUT_DEFAULT_MS, unknownConfirmMs = UNKNOWN_CONFIRM_DEFAULT_MS }: SchemaRegistryOptions) {
    if (urls.length === 0) throw new RangeError('A schema registry has an address.')
    this.urls = urls.map((url) => url.replace(/\/+$/, ''))
    this.headers = { accept: 'application/vnd.schemaregistry.v1+json, application/json', ...(credentials && { authorization: authorizationOf(credentials) }) }
    this.requestTimeoutMs = requestTimeoutMs
    this.unknownConfirmMs = unknownConfirmMs
    this.agent = new Agent({ connections: CONNECTIONS_MAX, connect: { ...tls, timeout: connectTimeoutMs }, maxResponseSize: ANSWER_SIZE_MAX_BYTES })
  }

  async check(): Promise<void> {
    const path = '/schemas/types'
    checkTypes(await this.ask(path), this.where(path))
  }

  async find(id: number): Promise<WriterSchema | null> {
    const found = await this.findNow(id)
    if (found !== null || this.unknown.has(id)) return found
    await this.confirmTime()
    const again = await this.findNow(id)
    if (again === null) this.remember(id)
    return again
  }

  private async findNow(id: number): Promise<WriterSchema | null> {
    const schema = await this.read(`/schemas/ids/${id}`)
    if (schema === null) return null
    const references = new Map<string, string>()
    if (!(await this.follow(schema, references))) return null
    return { kind: schema.schemaType, text: schema.schema, references: Array.from(references, ([name, text]) => ({ name, text })) }
  }

  /** Adds what a schema refers to, each after what it refers to itself. false: some of it is not there. */
  private async follow({ references }: RegistrySchema, found: Map<string, string>): Promise<boolean> {
    for (const { name, subject, version } of references) {
      if (found.has(name)) continue
      if (found.size === REFERENCES_MAX) throw problem('STORE_SETTINGS', this.where(`/subjects/${subject}`), `A schema refers to more than ${REFERENCES_MAX} others.`, 'Register one that needs less.')
      const schema = await this.read(`/subjects/${encodeURIComponent(subject)}/versions/${version}?deleted=true`)
      if (schema === null || !(await this.follow(schema, found))) return false
      found.set(name, schema.schema)
    }
    return true
  }

  private async read(path: string): Promise<RegistrySchema | null> {
    return readSchema(await this.ask(path), this.where(path))
  }

  /** Asks one address after the other, from the one that answered last. */
  private async ask(path: string): Promise<HttpAnswer> {
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === this.urls.length
      try {
        const answer = await this.askNow(path)
        if (isLast || !isPassing(answer.status)) return answer
      } catch (error) {
        if (isLast || this.closing.signal.aborted) throw error
      }
      this.turn = (this.turn + 1) % this.urls.length
    }
  }

  private async askNow(path: string): Promise<HttpAnswer> {
    const signal = AbortSignal.any([AbortSignal.timeout(this.requestTimeoutMs), this.closing.signal])
    const { origin, pathname } = new URL(this.urls[this.turn]!)
    try {
      const { statusCode: status, body } = await this.agent.request({ origin, path: `${pathname === '/' ? '' : pathname}${path}`, method: 'GET', headers: this.headers, signal })
      return { status, text: await body.text() }
    } catch (error) {
      throw this.closing.signal.aborted ? unavailable(this.where(path), 'It is closed.') : asTidemarkError(error, this.where(path))
    }
  }

  private async confirmTime(): Promise<void> {
    await sleep(this.unknownConfirmMs, undefined, { signal: this.closing.signal }).catch(() => undefined)
  }

  private remember(id: number): void {
    if (this.unknown.size === UNKNOWN_KEPT_MAX) this.unknown.clear()
    this.unknown.add(id)
  }

  private where(path: string): string {
    return `schema registry ${this.urls[this.turn]!}${path}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closing.abort()
    await this.agent.destroy()
  }
}

function authorizationOf(credentials: NonNullable<SchemaRegistryOptions['credentials']>): string {
  if ('token' in credentials) return `Bearer ${credentials.token}`
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
}
