// Where a service tells how it is, on a port of its own: /livez, whether it lives; /readyz, whether it may be asked, and what it waits for; /metrics. It
// opens before anything else, and is the last to close.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import type { Metrics } from '@tidemark/observability/metrics'
import type { AdminSettings } from './admin-settings.ts'
import type { Readiness } from './readiness.ts'

export interface AdminOptions {
  readonly service: string
  readonly readiness: Pick<Readiness, 'read'>
  readonly metrics: Pick<Metrics, 'read'>
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** Throws what `listen` throws. */
export function openAdminListener(settings: AdminSettings, options: AdminOptions): Promise<HttpListener> {
  return listen(adminApp(options), settings)
}

export function adminApp(options: AdminOptions): RequestListener {
  return (request, response) => {
    answerOf(request, options).then((answer) => send(request, response, answer), (error: unknown) => send(request, response, problem(500, 'INTERNAL', String(error))))
  }
}

async function answerOf({ method, url = '' }: IncomingMessage, { service, readiness, metrics }: AdminOptions): Promise<Answer> {
  const path = url.split('?', 1)[0]!
  const answer = path === '/livez' ? () => json(200, { status: 'alive' }) : path === '/readyz' ? () => readyOf(readiness) : path === '/metrics' ? () => page(service, metrics) : null
  if (answer === null) return problem(404, 'UNKNOWN_NAME', `There is nothing at ${path}. Here are /livez, /readyz and /metrics.`)
  if (method !== 'GET' && method !== 'HEAD') return problem(405, 'USAGE', `The method ${method} means nothing here. Use GET or HEAD.`)
  return answer()
}

function readyOf(readiness: AdminOptions['readiness']): Answer {
  const { isReady, ...status } = readiness.read()
  return json(isReady ? 200 : 503, status)
}

/** What writes it is loaded when it is first asked for: a service need not wait for it. */
async function page(service: string, metrics: AdminOptions['metrics']): Promise<Answer> {
  const { prometheusPage, PROMETHEUS_TYPE } = await import('@tidemark/adapter-opentelemetry/prometheus-page')
  return { status: 200, type: PROMETHEUS_TYPE, body: prometheusPage(metrics, { service }) }
}

function json(status: number, value: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` }
}

function problem(status: number, code: string, detail: string): Answer {
  return { ...json(status, { status, code, detail }), type: 'application/problem+json' }
}

function send({ method }: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' })
  response.end(method === 'HEAD' ? undefined : body)
}
