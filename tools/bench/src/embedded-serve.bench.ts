// Serving over HTTP from an embedded folder, one entity and ten features a request, beside a bare node:http server that reads the same bodies and
// answers as many bytes. All three are in one process and take turns; the load comes from a thread of its own. Throughput is of a closed
// loop, latency of an open one.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { createFeatureServer, type FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { createServingApp } from '@tidemark/serving-http/serving-app'
import type { Benchmark, BenchmarkOutcome, Figure } from './benchmark.ts'
import { compare, figureOf, judge, median, takeTurns } from './measure.ts'
import { measureLatency, type Latency } from './open-loop.ts'
import { bodyOf, CARD_COUNT, COMING_PER_SECOND, EVENT_COUNT, serveCards, type ServedCards } from './served-cards.ts'

const RUN_COUNT = Number(process.env.RUNS ?? 5)
const RUN_SECONDS = Number(process.env.SECONDS ?? 3)
const CONNECTION_COUNT = 8
const SHARE_IN_MEMORY_MIN = 0.4
const SHARE_IN_STORE_MIN = 0.3
/** Of the open loop: a fraction of what each server can do. */
const RATE_PER_SECOND = 500

const IN_MEMORY = 'batch side in memory, speed side in LMDB'
const IN_STORE = 'both sides in LMDB'
const BARE = 'bare node:http'

export const benchmark: Benchmark = {
  question: 'How many requests of one entity and ten features a second does the embedded server answer, and how soon, beside bare node:http?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    await using cards = await serveCards(folder)
    await using served = await serve(cards, cards.system.server)
    await using uncached = await serve(cards, createFeatureServer({ catalog: () => cards.system.catalog(), ...cards.ports, batchCacheSizeMaxBytes: 1 }))
    const body = await (await fetch(`${served.url}/v1/features`, { method: 'POST', headers: JSON_TYPE, body: bodyOf(1) })).text()
    await using bare = await answerAlways(body)
    const rates = await takeTurns(RUN_COUNT, { bare: () => load(bare.url), served: () => load(served.url), uncached: () => load(uncached.url) })
    const latencies = await takeTurns(RUN_COUNT, { bare: () => ask(bare.url), served: () => ask(served.url), uncached: () => ask(uncached.url) })
    const against = { name: BARE, value: median(rates.bare) }
    return {
      input: `POST of one of ${CARD_COUNT} cards and ten features in two windows, ${EVENT_COUNT} events in a batch generation and the stream, ${COMING_PER_SECOND} more a second; ` +
        `${CONNECTION_COUNT} connections, ${RUN_SECONDS} s a run; latency at ${RATE_PER_SECOND} requests/s, each counted from when it was due; answers of ${body.length} bytes`,
      figures: [
        judge(compare(figureOf(IN_MEMORY, 'requests/s', rates.served), against), `ratio >= ${SHARE_IN_MEMORY_MIN}`, ({ ratio }) => ratio >= SHARE_IN_MEMORY_MIN),
        judge(compare(figureOf(IN_STORE, 'requests/s', rates.uncached), against), `ratio >= ${SHARE_IN_STORE_MIN}`, ({ ratio }) => ratio >= SHARE_IN_STORE_MIN),
        ...latencyFigures(IN_MEMORY, latencies.served, latencies.bare),
        ...latencyFigures(IN_STORE, latencies.uncached, latencies.bare),
      ],
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }

function serve({ system }: ServedCards, server: FeatureServer): Promise<HttpListener> {
  return listen(createServingApp({ server, catalog: () => system.catalog(), onError: () => undefined }), { host: '127.0.0.1', port: 0 })
}

function answerAlways(body: string): Promise<HttpListener> {
  return listen((request, response) => {
    request.on('data', () => undefined).on('end', () => response.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) }).end(body))
  }, { host: '127.0.0.1', port: 0 })
}

function latencyFigures(name: string, latencies: readonly Latency[], bare: readonly Latency[]): Figure[] {
  const figure = (percentile: string, of: (latency: Latency) => number): Figure =>
    compare(figureOf(`${name}: latency at ${RATE_PER_SECOND} requests/s, ${percentile}`, 'ms', latencies.map(of)), { name: BARE, value: median(bare.map(of)) })
  return [figure('p50', ({ p50Ms }) => p50Ms), figure('p99', ({ p99Ms }) => p99Ms)]
}

/** Requests a second that were answered well. */
async function load(url: string): Promise<number> {
  const requests = Array.from({ length: CARD_COUNT }, (_, card) => ({ method: 'POST' as const, path: '/v1/features', headers: JSON_TYPE, body: bodyOf(card) }))
  const { requests: { average }, non2xx, errors } = await autocannon({ url, connections: CONNECTION_COUNT, duration: RUN_SECONDS, workers: 1, requests })
  if (non2xx + errors > 0) throw new Error(`${non2xx} answers and ${errors} connections failed.`)
  return average
}

function ask(url: string): Promise<Latency> {
  return measureLatency({ url, ratePerSecond: RATE_PER_SECOND, seconds: RUN_SECONDS, bodies: Array.from({ length: CARD_COUNT }, (_, card) => bodyOf(card)) })
}
