// Where traces go, and how many.

import type { Metrics } from '@tidemark/observability/metrics'
import { NO_TRACES, type Tracer } from '@tidemark/observability/tracing'
import { RELEASE } from './release.ts'
import { share, text, url } from './setting-kinds.ts'
import { settingsGroup } from './settings.ts'

const SAMPLE_RATIO_DEFAULT = 0.01

export interface TraceSettings {
  /** null: nowhere. */
  readonly endpoint: string | null
  readonly authorization: string | undefined
  readonly sampleRatio: number
}

export const traceSettings = settingsGroup({
  prefix: 'TIDEMARK_',
  variables: {
    OTLP_ENDPOINT: url('Give http://HOST:PORT or https://HOST:PORT of a collector, without credentials in it.', ['http:', 'https:']).optional().meta({ description: 'Where traces are sent, as OTLP over HTTP: `/v1/traces` is added.', unset: 'no traces' }),
    OTLP_AUTHORIZATION: text('Give what the header `authorization` is to say.').optional().describe('What the collector asks for.'),
    TRACE_SAMPLE_RATIO: share.default(SAMPLE_RATIO_DEFAULT).describe('Share of events and questions whose trace is recorded, where whoever sends them has not decided it.'),
  },
  secrets: ['OTLP_AUTHORIZATION'],
  become: ({ OTLP_ENDPOINT: endpoint = null, OTLP_AUTHORIZATION: authorization, TRACE_SAMPLE_RATIO: sampleRatio }): TraceSettings => ({ endpoint, authorization, sampleRatio }),
})

/** Disposing sends what is left. */
export interface Traces extends AsyncDisposable {
  readonly tracer: Tracer
}

/** Without an endpoint nothing of the SDK is loaded. */
export async function openTracer({ endpoint, ...settings }: TraceSettings, { service, member, metrics }: { readonly service: string; readonly member: string; readonly metrics: Metrics }): Promise<Traces> {
  if (endpoint === null) return { tracer: NO_TRACES, [Symbol.asyncDispose]: () => Promise.resolve() }
  const { openOtlpTracer } = await import('@tidemark/adapter-opentelemetry/otlp-tracer')
  const tracer = openOtlpTracer({ ...settings, endpoint, metrics, resource: { 'service.name': `tidemark-${service}`, 'service.version': RELEASE, 'service.instance.id': member } })
  return { tracer, [Symbol.asyncDispose]: () => tracer[Symbol.asyncDispose]() }
}
