// Traces: what was done because of what. A span that nobody samples is null, and costs nothing; contexts go from process to process as the text of
// W3C's traceparent (https://www.w3.org/TR/trace-context/#traceparent-header), in a header of HTTP requests and of records.

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

export interface Span {
  readonly traceId: string
  readonly spanId: string
  /** For who goes on with it. */
  readonly traceparent: string
  set(attributes: SpanAttributes): void
  /** Where it shows only afterwards what was done. */
  rename(name: string): void
  /** Once; of an error, its code or name is kept. */
  end(error?: unknown): void
}

export interface SpanOptions {
  /** The traceparent of what it is a part of; what is no traceparent counts as none. */
  readonly parent?: string | null | undefined
  /** Traceparents of what it has to do with besides. */
  readonly links?: readonly string[]
  readonly attributes?: SpanAttributes
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  /** A trace that begins here is sampled for sure, unless none are: it is rare. */
  readonly isAlways?: boolean
}

export interface Tracer {
  /** null: it is not sampled. Where there is a parent, that decides. */
  begin(name: string, options?: SpanOptions): Span | null
  /** Does something as a part of a span: log lines and calls to servers in it say so. */
  within<T>(span: Span | null, work: () => T): T
  /** What is done at the moment. */
  current(): Span | null
}

export const NO_TRACES: Tracer = { begin: () => null, within: (_, work) => work(), current: () => null }

/** The header's name, of requests and of records. */
export const TRACEPARENT = 'traceparent'

/** Of so many events of one poll at most the contexts are kept. */
const LINKS_MAX = 64
const SAMPLED = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][13579bdf]$/

export function isSampled(traceparent: string): boolean {
  return SAMPLED.test(traceparent)
}

interface Traced {
  readonly headers: Readonly<Record<string, Uint8Array>>
}

/** The contexts of records that are sampled, from one of them on. */
export function contextsOf(records: readonly Traced[], from = 0): string[] {
  const contexts: string[] = []
  for (let i = from; i < records.length && contexts.length < LINKS_MAX; i++) {
    const bytes = records[i]!.headers[TRACEPARENT]
    if (bytes === undefined) continue
    const context = Buffer.from(bytes).toString('latin1')
    if (isSampled(context)) contexts.push(context)
  }
  return contexts
}

/** Goes on with the first of the events that are sampled, linked to all of them; null: none is. */
export function beginOf(tracer: Tracer, name: string, records: readonly Traced[], { from = 0, ...options }: SpanOptions & { readonly from?: number }): Span | null {
  if (tracer === NO_TRACES) return null
  const links = contextsOf(records, from)
  return links.length === 0 ? null : tracer.begin(name, { ...options, parent: links[0], links, kind: 'consumer' })
}

/** Does something within a span, which ends with it. */
export async function inSpan<T>(tracer: Tracer, span: Span | null, work: () => Promise<T>): Promise<T> {
  if (span === null) return work()
  try {
    const result = await tracer.within(span, work)
    span.end()
    return result
  } catch (error) {
    span.end(error)
    throw error
  }
}
