// Traces: which are sampled, what of them is sent, and what a collector that is away or slow costs.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import { Metrics } from '@tidemark/observability/metrics'
import { inSpan, type Tracer } from '@tidemark/observability/tracing'
import { openOtlpTracer } from './otlp-tracer.ts'
import { Collector } from './testing/collector.ts'

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const OTHER = '00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01'
const NOT_SAMPLED = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
/** Not sampled either, of a trace whose id has another flag. */
const CHOSEN_BY_CHANCE = NOT_SAMPLED.replace(/00$/, '02')
const AWAY = 'http://127.0.0.1:1'

let collector: Collector
let metrics: Metrics
beforeEach(async () => {
  collector = await Collector.open()
  metrics = new Metrics()
})
afterEach(() => collector[Symbol.asyncDispose]())

const open = (sampleRatio = 0, chance = 0.5, endpoint = collector.endpoint): Tracer & AsyncDisposable =>
  openOtlpTracer({ endpoint, authorization: 'Bearer secret', sampleRatio, resource: { 'service.name': 'tidemark-test' }, metrics, chance: () => chance })
const counted = (): Record<string, number> => Object.fromEntries(metrics.read().flatMap(({ series }) => series.map(({ labels, value }) => [labels['result'], value as number])))

describe('a tracer', () => {
  it('goes on with a trace that is sampled, and begins its share of others', async () => {
    await using tracer = open(0.3, 0.2)
    expect(tracer.begin('a', { parent: PARENT })?.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
    for (const parent of [NOT_SAMPLED, CHOSEN_BY_CHANCE]) expect(tracer.begin('a', { parent })).toBeNull()
    for (const nothing of [null, 'nonsense', '00-0-0-01']) expect(tracer.begin('a', { parent: nothing })).not.toBeNull()
    await using rarer = open(0.1, 0.2)
    expect(rarer.begin('a')).toBeNull()
    expect(rarer.begin('a', { isAlways: true })).not.toBeNull()
    await using never = open(0, 0)
    expect(never.begin('a')).toBeNull()
    expect(never.begin('a', { isAlways: true })).toBeNull()
  })

  it('sends what was done, in what, and because of what', async () => {
    {
      await using tracer = open()
      const outer = tracer.begin('outer', { parent: PARENT, links: [PARENT, OTHER, NOT_SAMPLED], attributes: { source: 'payments', count: 3 } })!
      await inSpan(tracer, outer, async () => {
        expect(tracer.current()).toBe(outer)
        await Promise.resolve()
        tracer.begin('inner', { parent: tracer.current()!.traceparent })!.end(Object.assign(new Error('card 4111'), { code: 'STORE_UNAVAILABLE' }))
      })
      expect(tracer.current()).toBeNull()
    }
    const [outer, inner] = [collector.named('outer')[0]!, collector.named('inner')[0]!]
    expect(outer).toMatchObject({ traceId: '0af7651916cd43dd8448eb211c80319c', parentSpanId: 'b7ad6b7169203331', service: 'tidemark-test' })
    expect(outer.links!.map(({ spanId }) => spanId)).toEqual(['b7ad6b7169203331', 'c7ad6b7169203331'])
    expect(outer.attributes.map(({ key }) => key)).toEqual(['source', 'count'])
    expect(inner).toMatchObject({ parentSpanId: outer.spanId, status: { code: 2, message: 'STORE_UNAVAILABLE' } })
    expect(JSON.stringify(collector.spans)).not.toContain('4111')
    expect(collector.authorizations).toEqual(new Set(['Bearer secret']))
    expect(counted()).toEqual({ ended: 2, sent: 2, lost: 0 })
  })

  it.each([
    ['is away', () => open(1, 0, AWAY)],
    ['refuses', () => ((collector.behaves = 'refuses'), open(1, 0))],
    ['does not answer', () => ((collector.behaves = 'hangs'), open(1, 0))],
  ])('keeps no more than its queue, and ends soon, where the collector %s', async (_, openAt) => {
    const tracer = openAt()
    for (let i = 0; i < 10_000; i++) tracer.begin(`${i}`)!.end()
    const fromMs = performance.now()
    await tracer[Symbol.asyncDispose]()
    expect(performance.now() - fromMs).toBeLessThan(5_000)
    expect(counted()).toMatchObject({ ended: 10_000, sent: 0 })
    expect(collector.spans).toEqual([])
  })
})
