// A collector for tests: takes OTLP in JSON, and keeps the spans; or takes nothing, or does not answer.

import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export interface CollectedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[]
  readonly status: { readonly code?: number; readonly message?: string }
  /** `service.name` of who sent it. */
  readonly service: string
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[] }
    readonly scopeSpans: readonly { readonly spans: readonly Omit<CollectedSpan, 'service'>[] }[]
  }[]
}

export class Collector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = []
  readonly authorizations = new Set<string | undefined>()
  requestCount = 0
  behaves: 'answers' | 'refuses' | 'hangs' = 'answers'
  private readonly server = createServer((request, response) => {
    this.requestCount++
    this.authorizations.add(request.headers.authorization)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
      if (this.behaves === 'hangs') return
      if (this.behaves === 'refuses') return void response.writeHead(400).end()
      this.take(JSON.parse(Buffer.concat(parts).toString()) as OtlpTraces)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })

  static async open(): Promise<Collector> {
    const collector = new Collector()
    collector.server.listen(0, '127.0.0.1')
    await once(collector.server, 'listening')
    return collector
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  named(name: string): CollectedSpan[] {
    return this.spans.filter((span) => span.name === name)
  }

  private take({ resourceSpans }: OtlpTraces): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? ''
      for (const { spans } of scopeSpans) for (const span of spans) this.spans.push({ ...span, service })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}
