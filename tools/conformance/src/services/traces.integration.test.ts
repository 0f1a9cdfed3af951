// A trace from an event to its answer: what comes over HTTP with a context is seen again where it is archived, folded, and asked for; and a collector that goes
// away costs nobody an answer.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Collector, type CollectedSpan } from '@tidemark/adapter-opentelemetry/testing/collector'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import { LAYER_NAMES, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { ServiceWorld, until } from './service-world.ts'

const TEST_MAX_MS = 300_000
const EVENT_TRACE = '0af7651916cd43dd8448eb211c80319c'
const QUESTION_TRACE = '1af7651916cd43dd8448eb211c80319c'
const contextOf = (traceId: string, isSampled = true): string => `00-${traceId}-b7ad6b7169203331-0${isSampled ? 1 : 0}`

let collector: Collector
let world: ServiceWorld
let services: ServiceProcess[]
let url: string
beforeAll(async () => {
  collector = await Collector.open()
  world = await ServiceWorld.open(await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs'), seededChance(2))
  services = await Promise.all(LAYER_NAMES.map((layer) => world.start(layer, { TIDEMARK_OTLP_ENDPOINT: collector.endpoint, TIDEMARK_TRACE_SAMPLE_RATIO: '0.000001', TIDEMARK_HTTP_EVENTS: 'true' })))
  for (const service of services) url = (await service.untilReady()).url ?? url
}, TEST_MAX_MS)
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  await collector[Symbol.asyncDispose]()
}, TEST_MAX_MS)

async function post(path: string, traceparent: string, body: unknown): Promise<void> {
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', traceparent }, body: JSON.stringify(body) })
  expect([answer.status, answer.status === 200 || await answer.text()]).toEqual([200, true])
}

const payment = (id: number): object => ({ at: Date.now(), id, card: 'card-0', shop: 'shop-0', amount: 1 })
const question = { features: ['cards:payments_1m'], entities: [{ card: 'card-0' }] }

function spanOf(traceId: string, name: string): CollectedSpan | undefined {
  return collector.spans.find((span) => span.traceId === traceId && span.name === name)
}

describe('traces', () => {
  it('go from an event to the archive and the speed views, and from a question to what was read for it', async () => {
    await post('/v1/events/payments', contextOf(EVENT_TRACE), payment(1_000_001))
    await post('/v1/events/payments', contextOf(QUESTION_TRACE, false), payment(1_000_002))
    const names = ['POST /v1/events', 'log append', 'fold', 'speedViews write', 'archive']
    await until('the spans of the event', () => Promise.resolve(names.filter((name) => spanOf(EVENT_TRACE, name) === undefined).join(', ') || null))
    const [appended, folded, archived] = [spanOf(EVENT_TRACE, 'POST /v1/events')!, spanOf(EVENT_TRACE, 'fold')!, spanOf(EVENT_TRACE, 'archive')!]
    expect([appended.service, folded.service, archived.service]).toEqual(['tidemark-serving-layer', 'tidemark-speed-layer', 'tidemark-archiver'])
    expect([folded.parentSpanId, archived.parentSpanId]).toEqual([appended.spanId, appended.spanId])
    expect(folded.links!.map(({ spanId }) => spanId)).toEqual([appended.spanId])
    expect(collector.spans.filter(({ traceId }) => traceId === QUESTION_TRACE)).toEqual([])

    await post('/v1/features', contextOf(QUESTION_TRACE), question)
    await until('the spans of the question', () => Promise.resolve(spanOf(QUESTION_TRACE, 'speedViews read') === undefined || spanOf(QUESTION_TRACE, 'POST /v1/features') === undefined ? 'not yet' : null))
    const answered = spanOf(QUESTION_TRACE, 'POST /v1/features')!
    expect(spanOf(QUESTION_TRACE, 'speedViews read')!.parentSpanId).toBe(answered.spanId)
    expect(answered.attributes.map(({ key }) => key)).toEqual(expect.arrayContaining(['entities.count', 'cards.generation', 'cards.lag_ms']))
  }, TEST_MAX_MS)

  it('are one for each batch run, with its steps', async () => {
    await until('the spans of a run', () => Promise.resolve(collector.spans.some(({ name }) => name === 'publish') ? null : 'not yet'))
    const { traceId } = collector.named('publish')[0]!
    const steps = new Set(collector.spans.filter((span) => span.traceId === traceId).map(({ name }) => name))
    expect([...steps]).toEqual(expect.arrayContaining(['plan', 'compute', 'gate', 'record', 'check', 'load', 'publish']))
  }, TEST_MAX_MS)

  it('cost nobody an answer where the collector does not answer, nor where it is gone', async () => {
    for (const gone of [false, true]) {
      if (gone) await collector[Symbol.asyncDispose]()
      else collector.behaves = 'hangs'
      await world.whileStreaming(async () => {
        for (let i = 0; i < 50; i++) await post('/v1/features', contextOf(QUESTION_TRACE), question)
        await world.judge(url)
      })
    }
    for (const service of services) expect([service.name, await service.stop()]).toEqual([service.name, 0])
    expect(world.complaints()).toEqual([])
  }, TEST_MAX_MS)
})
