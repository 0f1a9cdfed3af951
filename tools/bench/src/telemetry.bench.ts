// What metrics and sampled traces cost of the processor: the same load with and without, in turns, one process. Everything is watched as the services
// watch it: counts, histograms, each call of a port wrapped, one trace in a hundred sent to a collector in a thread of its own, and the page of metrics made once
// a run, a hundred times as often as a Prometheus would. Counted is the time of the main thread, where all of it is done.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import autocannon from 'autocannon'
import { openOtlpTracer } from '@tidemark/adapter-opentelemetry/otlp-tracer'
import { prometheusPage } from '@tidemark/adapter-opentelemetry/prometheus-page'
import { openEmbeddedPorts, type EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { observeProcess } from '@tidemark/machine/process-figures'
import { Metrics } from '@tidemark/observability/metrics'
import { TRACEPARENT, type Tracer } from '@tidemark/observability/tracing'
import { observeSpeed, tellProcessor } from '@tidemark/pipelines/ingest/speed-metrics'
import { ensureTopics } from '@tidemark/pipelines/lambda/event-sources'
import { StreamPart } from '@tidemark/pipelines/lambda/stream-part'
import { topicOf } from '@tidemark/pipelines/names'
import { createFeatureServer } from '@tidemark/pipelines/serve/answer-features'
import { Readiness } from '@tidemark/service-kit/readiness'
import { ServerCalls } from '@tidemark/service-kit/server-calls'
import { createServiceLog } from '@tidemark/service-kit/service-log'
import { createServingApp } from '@tidemark/serving-http/serving-app'
import { observeServing } from '@tidemark/serving-http/serving-metrics'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { cardSpending, drawPayment, payments, planOf, seeded } from './card-stream.ts'
import { compare, figureOf, judge, median, takeTurns } from './measure.ts'
import { bodyOf, CARD_COUNT, serveCards, type ServedCards } from './served-cards.ts'

const RUN_COUNT = Number(process.env.RUNS ?? 9)
const RUN_SECONDS = Number(process.env.SECONDS ?? 2)
const EVENT_COUNT = Number(process.env.EVENTS ?? 20_000)
const STREAMED_CARD_COUNT = 2_000
const APPEND_COUNT = 500
const CONNECTION_COUNT = 8
const SAMPLE_RATIO = 0.01
const RATIO_MAX = 1.1
const HERE = { host: '127.0.0.1', port: 0 }

export const benchmark: Benchmark = {
  question: 'How much more of the processor do a request and an event take with metrics and sampled traces?',
  run,
}

/** What a service has to watch itself with. */
interface Watch extends AsyncDisposable {
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly calls: ServerCalls
}

async function run(): Promise<BenchmarkOutcome> {
  await using collector = await startCollector()
  const [request, event] = [await perRequest(collector.endpoint), await perEvent(collector.endpoint)]
  const figure = (name: string, { watched, bare }: Record<'watched' | 'bare', number[]>): BenchmarkOutcome['figures'][number] =>
    judge(compare(figureOf(name, 'µs', watched), { name: 'without', value: median(bare) }), `ratio < ${RATIO_MAX}`, ({ ratio }) => ratio < RATIO_MAX)
  return {
    input: `requests of one of ${CARD_COUNT} cards and ten features over HTTP, ${CONNECTION_COUNT} connections, ${RUN_SECONDS} s a run; ${EVENT_COUNT} payments of ${STREAMED_CARD_COUNT} cards a run from an embedded log into a view of 15 features on LMDB; ` +
      `1 in ${1 / SAMPLE_RATIO} traces sampled; time of the main thread`,
    figures: [figure('a request, with metrics and traces', request), figure('an event, with metrics and traces', event)],
  }
}

async function perRequest(endpoint: string): Promise<Record<'watched' | 'bare', number[]>> {
  return inFolder(async (folder) => {
    await using cards = await serveCards(folder)
    await using watch = openWatch(endpoint)
    await using bare = await serve(cards, null)
    await using watched = await serve(cards, watch)
    return await takeTurns(RUN_COUNT, { bare: () => costOfRequest(bare.url), watched: () => costOfRequest(watched.url, watch) })
  })
}

function serve({ system, ports }: ServedCards, watch: Watch | null): Promise<HttpListener> {
  const catalog = (): ReturnType<typeof system.catalog> => system.catalog()
  if (watch === null) return listen(createServingApp({ server: createFeatureServer({ catalog, ...ports }), catalog, onError: () => undefined }), HERE)
  const { figures, onAnswered } = observeServing(watch.metrics)
  const stores = { registers: watch.calls.observe('stores', ports.registers), batchViews: watch.calls.observe('stores', ports.batchViews), speedViews: watch.calls.observe('speedViews', ports.speedViews) }
  const server = createFeatureServer({ catalog, ...stores, clock: ports.clock, figures })
  return listen(createServingApp({ server, catalog, onError: () => undefined, onAnswered, tracer: watch.tracer }), HERE)
}

async function costOfRequest(url: string, watch?: Watch): Promise<number> {
  const requests = Array.from({ length: CARD_COUNT }, (_, card) => ({ method: 'POST' as const, path: '/v1/features', headers: { 'content-type': 'application/json' }, body: bodyOf(card) }))
  const before = process.threadCpuUsage()
  const { requests: { total }, non2xx, errors } = await autocannon({ url, connections: CONNECTION_COUNT, duration: RUN_SECONDS, workers: 1, requests })
  if (non2xx + errors > 0) throw new Error(`${non2xx} answers and ${errors} connections failed.`)
  if (watch !== undefined) prometheusPage(watch.metrics, { service: 'bench' })
  return usedUs(before) / total
}

async function perEvent(endpoint: string): Promise<Record<'watched' | 'bare', number[]>> {
  return inFolder((folder) => inFolder(async (other) => {
    await using watch = openWatch(endpoint)
    await using bare = await openStream(folder, null)
    await using watched = await openStream(other, watch)
    return await takeTurns(RUN_COUNT, { bare: () => bare.costOfEvent(), watched: () => watched.costOfEvent() })
  }))
}

interface Stream extends AsyncDisposable {
  costOfEvent(): Promise<number>
}

async function openStream(folder: string, watch: Watch | null): Promise<Stream> {
  await using opened = new AsyncDisposableStack()
  const ports = opened.use(await openEmbeddedPorts({ folder, verify: false, durability: 'process' }))
  const source = payments.definition
  await ensureTopics(ports.log, source, 1)
  const observer = watch === null ? null : observeSpeed(watch.metrics, source.name)
  const seen = watch === null ? ports : { ...ports, log: watch.calls.observe('log', ports.log), speedViews: watch.calls.observe('speedViews', ports.speedViews), registers: watch.calls.observe('stores', ports.registers) }
  const part = opened.use(await StreamPart.start({
    source, plans: [planOf(cardSpending)], ports: seen, member: 'bench', ...observer, ...(watch && { tracer: watch.tracer }),
    onAlarm: ({ code, message }) => {
      throw new Error(`${code}: ${message}`)
    },
  }))
  if (watch !== null) opened.defer(tellProcessor(watch.metrics, source.name, part.processor))
  const random = seeded(1)
  let end = 0
  const owned = opened.move()
  return {
    async costOfEvent() {
      await append(ports, random)
      end += EVENT_COUNT
      const before = process.threadCpuUsage()
      while ((part.processor.status()[0]?.nextOffset ?? 0) < end) {
        const report = await part.processor.step()
        observer?.onStep(report)
      }
      if (watch !== null) prometheusPage(watch.metrics, { service: 'bench' })
      return usedUs(before) / EVENT_COUNT
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** The same for both; one event in a hundred comes with a context. */
async function append({ log, clock }: EmbeddedPorts, random: () => number): Promise<void> {
  const context = { [TRACEPARENT]: Buffer.from('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01') }
  for (let from = 0; from < EVENT_COUNT; from += APPEND_COUNT) {
    const records = Array.from({ length: APPEND_COUNT }, (_, i) => {
      const card = Math.floor(random() * STREAMED_CARD_COUNT)
      const value = Buffer.from(JSON.stringify({ card: `card-${card}`, at: clock.nowMs(), ...drawPayment(random, card) }))
      return i % (1 / SAMPLE_RATIO) === 0 ? { key: null, value, headers: context } : { key: null, value }
    })
    await log.append([{ topic: topicOf(payments.definition), partition: 0, records }])
  }
}

function openWatch(endpoint: string): Watch {
  const metrics = new Metrics()
  const process = observeProcess(metrics)
  const tracer = openOtlpTracer({ endpoint, sampleRatio: SAMPLE_RATIO, resource: { 'service.name': 'bench' }, metrics })
  const steadyMs = (): number => performance.now()
  const log = createServiceLog({ service: 'bench', level: 'fatal', metrics, spanOf: tracer.current })
  const calls = new ServerCalls({ metrics, tracer, readiness: new Readiness(steadyMs), log, steadyMs, patience: new AbortController().signal })
  return {
    metrics, tracer, calls,
    async [Symbol.asyncDispose]() {
      process[Symbol.dispose]()
      await tracer[Symbol.asyncDispose]()
    },
  }
}

/** Takes whatever it is sent. */
async function startCollector(): Promise<{ readonly endpoint: string } & AsyncDisposable> {
  const worker = new Worker(`
    const { createServer } = require('node:http')
    const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')))
    server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port))
  `, { eval: true })
  const port = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  return { endpoint: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: async () => void (await worker.terminate()) }
}

function usedUs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(before)
  return user + system
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
