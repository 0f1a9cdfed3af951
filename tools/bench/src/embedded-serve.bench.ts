// Serving over HTTP from an embedded folder, one entity and ten features a request, beside a bare node:http server that answers the same bytes.
// The load comes from a thread of its own; server and load take turns with the bare pair on two cores.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { count, max, mean, min, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { featureView } from '@tidemark/feature-schema/dsl'
import { openEmbeddedPorts, type EmbeddedPorts } from '@tidemark/embedded-system/embedded-ports'
import { LambdaSystem } from '@tidemark/pipelines/lambda/lambda-system'
import { topicOf } from '@tidemark/pipelines/names'
import { createFeatureServer, type FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import { listen } from '@tidemark/serving-http/http-listener'
import { createServingApp } from '@tidemark/serving-http/serving-app'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { drawPayment, payments, seeded } from './card-stream.ts'
import { compare, figureOf, judge, median, takeTurns } from './measure.ts'

const CARD_COUNT = 1_000
const EVENT_COUNT = 50_000
const RUN_COUNT = Number(process.env.RUNS ?? 5)
const RUN_SECONDS = Number(process.env.SECONDS ?? 3)
const CONNECTION_COUNT = 8
const SHARE_IN_MEMORY_MIN = 0.4
const SHARE_IN_STORE_MIN = 0.3

const spending = featureView('spending', {
  source: payments,
  entity: { card: 'card' },
  features: {
    payments: count().over('1h', '24h'), spent: sum('amount').over('1h', '24h'), largest: max('amount').over('1h', '24h'),
    least: min('amount').over('1h', '24h'), average: mean('amount').over('1h', '24h'),
  },
})

export const benchmark: Benchmark = {
  question: 'How many requests of one entity and ten features a second does the embedded server answer, beside bare node:http?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  try {
    await using ports = await openEmbeddedPorts({ folder, verify: false, durability: 'process' })
    await using system = await LambdaSystem.start({ ports, definitions: collectDefinitions([spending]), member: 'bench', partitionCount: 1, onAlarm: () => undefined })
    await appendAll(ports)
    await system.sources.get('payments')!.drainStream()
    const serverOf = (batchCacheSizeMaxBytes: number): FeatureServer => createFeatureServer({ catalog: () => system.catalog(), ...ports, batchCacheSizeMaxBytes })
    const appOf = (server: FeatureServer): ReturnType<typeof createServingApp> => createServingApp({ server, catalog: () => system.catalog(), onError: () => undefined })
    await using served = await listen(appOf(system.server), { host: '127.0.0.1', port: 0 })
    await using uncached = await listen(appOf(serverOf(1)), { host: '127.0.0.1', port: 0 })
    const body = await (await fetch(`${served.url}/v1/features`, { method: 'POST', headers: JSON_TYPE, body: bodyOf(1) })).text()
    await using bare = await listen((request, response) => {
      request.on('data', () => undefined).on('end', () => response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body))
    }, { host: '127.0.0.1', port: 0 })
    const rates = await takeTurns(RUN_COUNT, { bare: () => load(bare.url), served: () => load(served.url), uncached: () => load(uncached.url) })
    const against = { name: 'bare node:http', value: median(rates.bare) }
    return {
      input: `POST of one of ${CARD_COUNT} cards and ten features in two windows, ${EVENT_COUNT} events in LMDB; ${CONNECTION_COUNT} connections, ${RUN_SECONDS} s a run; answers of ${body.length} bytes`,
      figures: [
        judge(compare(figureOf('batch side in memory, speed side in LMDB', 'requests/s', rates.served), against), `ratio >= ${SHARE_IN_MEMORY_MIN}`, ({ ratio }) => ratio >= SHARE_IN_MEMORY_MIN),
        judge(compare(figureOf('both sides in LMDB', 'requests/s', rates.uncached), against), `ratio >= ${SHARE_IN_STORE_MIN}`, ({ ratio }) => ratio >= SHARE_IN_STORE_MIN),
      ],
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const JSON_TYPE = { 'content-type': 'application/json' }
const FEATURES = ['payments', 'spent', 'largest', 'least', 'average'].flatMap((name) => ['1h', '24h'].map((window) => `spending:${name}_${window}`))

function bodyOf(card: number): string {
  return JSON.stringify({ features: FEATURES, entities: [{ card: `card-${card}` }] })
}

/** Requests a second that were answered well. */
async function load(url: string): Promise<number> {
  const requests = Array.from({ length: CARD_COUNT }, (_, card) => ({ method: 'POST' as const, path: '/v1/features', headers: JSON_TYPE, body: bodyOf(card) }))
  const { requests: { average }, non2xx, errors } = await autocannon({ url, connections: CONNECTION_COUNT, duration: RUN_SECONDS, workers: 1, requests })
  if (non2xx + errors > 0) throw new Error(`${non2xx} answers and ${errors} connections failed.`)
  return average
}

async function appendAll({ log }: EmbeddedPorts): Promise<void> {
  const random = seeded(1)
  const now = Date.now()
  for (let i = 0; i < EVENT_COUNT / 1_000; i++) {
    const records = Array.from({ length: 1_000 }, () => {
      const card = Math.floor(random() * CARD_COUNT)
      return { key: null, value: Buffer.from(JSON.stringify({ card: `card-${card}`, at: now - Math.floor(random() * 86_000_000), ...drawPayment(random, card) })) }
    })
    await log.append([{ topic: topicOf(payments.definition), partition: 0, records }])
  }
}
