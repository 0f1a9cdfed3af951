// Traces by the OpenTelemetry SDK, sent as OTLP over HTTP (JSON, which every collector takes). Whether a trace is sampled is decided here, before the SDK
// makes anything of it: what is not sampled costs a comparison. Spans wait in a queue of bounded length; a collector that is away or slow loses spans, and
// nothing else.

import { AsyncLocalStorage } from 'node:async_hooks'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags, type Span as SdkSpan, type SpanContext } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AlwaysOnSampler, BatchSpanProcessor, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace'
import type { Metrics } from '@tidemark/observability/metrics'
import { isSampled, type Span, type SpanAttributes, type SpanOptions, type Tracer } from '@tidemark/observability/tracing'

const QUEUE_COUNT_MAX = 2_048
const SENT_AT_ONCE_MAX = 512
const SEND_EVERY_MS = 2_000
const SEND_MAX_MS = 5_000
/** Of requests that are under way to the collector: at the end, all that is in the queue. */
const REQUESTS_MAX = QUEUE_COUNT_MAX / SENT_AT_ONCE_MAX
/** At the end: what is not sent by then is lost. */
const FLUSH_MAX_MS = 1_000

export interface OtlpTracerOptions {
  /** `http://collector:4318` */
  readonly endpoint: string
  /** What the header `authorization` says. */
  readonly authorization?: string | undefined
  /** Of traces that begin here, from 0 to 1. */
  readonly sampleRatio: number
  /** What this process is: `service.name`, … */
  readonly resource: SpanAttributes
  readonly metrics: Metrics
  /** From 0 to 1. Default: chance. */
  readonly chance?: () => number
}

export function openOtlpTracer({ endpoint, authorization, sampleRatio, resource, metrics, chance = Math.random }: OtlpTracerOptions): Tracer & AsyncDisposable {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: SEND_MAX_MS, concurrencyLimit: REQUESTS_MAX, ...(authorization !== undefined && { headers: { authorization } }) })
  const processor = new BatchSpanProcessor({ exporter: counted(exporter, metrics), maxQueueSize: QUEUE_COUNT_MAX, maxExportBatchSize: SENT_AT_ONCE_MAX, scheduledDelayMillis: SEND_EVERY_MS, exportTimeoutMillis: SEND_MAX_MS })
  const provider = new TracerProvider({ resource: resourceFromAttributes(resource), sampler: new AlwaysOnSampler(), spanProcessors: [processor] })
  const tracer = provider.getTracer('tidemark')
  const active = new AsyncLocalStorage<Span>()
  const ended = metrics.counter('tidemark_spans_total', { result: 'ended' })
  const begin = (name: string, { parent, links = [], attributes, kind = 'internal', isAlways = false }: SpanOptions = {}): Span | null => {
    const from = typeof parent === 'string' ? contextOf(parent) : null
    if (from === null ? (isAlways ? sampleRatio === 0 : chance() >= sampleRatio) : (from.traceFlags & TraceFlags.SAMPLED) === 0) return null
    const context = from === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, from)
    const linked = links.filter(isSampled).map((link) => ({ context: contextOf(link)! }))
    return new RecordedSpan(tracer.startSpan(name, { kind: SpanKind[kind.toUpperCase() as 'INTERNAL'], links: linked, ...(attributes && { attributes: { ...attributes } }) }, context), () => void ended.value++)
  }
  return {
    begin,
    within: (span, work) => (span === null ? work() : active.run(span, work)),
    current: () => active.getStore() ?? null,
    async [Symbol.asyncDispose]() {
      const tooLate = Promise.withResolvers<null>()
      const timer = setTimeout(() => tooLate.resolve(null), FLUSH_MAX_MS)
      // What a collector does not take is lost, and counted.
      await Promise.race([provider.shutdown().catch(() => undefined), tooLate.promise])
      clearTimeout(timer)
    },
  }
}

class RecordedSpan implements Span {
  readonly traceId: string
  readonly spanId: string
  private readonly span: SdkSpan
  private readonly onEnd: () => void

  constructor(span: SdkSpan, onEnd: () => void) {
    this.span = span
    this.onEnd = onEnd
    const { traceId, spanId } = span.spanContext()
    this.traceId = traceId
    this.spanId = spanId
  }

  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-01`
  }

  set(attributes: SpanAttributes): void {
    this.span.setAttributes({ ...attributes })
  }

  rename(name: string): void {
    this.span.updateName(name)
  }

  end(error?: unknown): void {
    // Messages may have what somebody sent in them: the code tells enough.
    if (error !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR, message: codeOf(error) })
    this.span.end()
    this.onEnd()
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error ? String(error.code) : error.name
  return typeof error === 'string' ? error : 'unknown'
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

function contextOf(traceparent: string): SpanContext | null {
  const parts = TRACEPARENT.exec(traceparent)
  if (parts === null || /^0+$/.test(parts[1]!) || /^0+$/.test(parts[2]!)) return null
  return { traceId: parts[1]!, spanId: parts[2]!, traceFlags: Number.parseInt(parts[3]!, 16), isRemote: true }
}

function counted(exporter: SpanExporter, metrics: Metrics): SpanExporter {
  const [sent, lost] = [metrics.counter('tidemark_spans_total', { result: 'sent' }), metrics.counter('tidemark_spans_total', { result: 'lost' })]
  return {
    export: (spans, onResult) => exporter.export(spans, (result) => {
      ;(result.error === undefined ? sent : lost).value += spans.length
      onResult(result)
    }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}
