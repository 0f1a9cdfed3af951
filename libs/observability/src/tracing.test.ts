// What goes on from events to what is done because of them: which contexts count, that the first is gone on with, and that a span ends with its work.
import { describe, expect, it } from '@jest/globals'
import { beginOf, contextsOf, inSpan, isSampled, NO_TRACES, TRACEPARENT, type Span, type SpanOptions, type Tracer } from './tracing.ts'

const context = (i: number, flags = '01'): string => `00-${(i + 1).toString(16).padStart(32, '0')}-b7ad6b7169203331-${flags}`
const record = (traceparent?: string): { readonly headers: Record<string, Uint8Array> } => ({ headers: traceparent === undefined ? {} : { [TRACEPARENT]: Buffer.from(traceparent) } })

/** Its spans say what was done with them. */
function spokenTracer(): { readonly tracer: Tracer; readonly begun: [string, SpanOptions | undefined][]; readonly ended: unknown[][] } {
  const begun: [string, SpanOptions | undefined][] = []
  const ended: unknown[][] = []
  const span: Span = { traceId: '', spanId: '', traceparent: context(0), set: () => undefined, rename: () => undefined, end: (...with_) => void ended.push(with_) }
  const tracer: Tracer = {
    begin: (name, options) => {
      begun.push([name, options])
      return span
    },
    within: (_, work) => work(),
    current: () => null,
  }
  return { tracer, begun, ended }
}

describe('a context', () => {
  it.each<[string, boolean]>([
    [context(0), true], [context(0, '03'), true], [context(0, '00'), false], [context(0, '02'), false], [`00-${'0'.repeat(32)}-b7ad6b7169203331-01`, false],
    [`00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`, false], [`ff-${'1'.repeat(32)}-b7ad6b7169203331-01`, false], [`${context(0)} `, false], ['', false],
  ])('%j counts: %s', (traceparent, counts) => {
    expect(isSampled(traceparent)).toBe(counts)
  })
})

describe('the work on events', () => {
  it('goes on with the first that is sampled, linked to all of them, from one of them on', () => {
    const { tracer, begun } = spokenTracer()
    const records = [record(context(1)), record(), record(context(2, '00')), record(context(3)), record('nonsense'), record(context(4))]
    beginOf(tracer, 'fold', records, { attributes: { source: 'clicks' } })
    beginOf(tracer, 'fold', records, { from: 1 })
    expect(begun).toEqual([
      ['fold', { attributes: { source: 'clicks' }, parent: context(1), links: [context(1), context(3), context(4)], kind: 'consumer' }],
      ['fold', { parent: context(3), links: [context(3), context(4)], kind: 'consumer' }],
    ])
    expect([beginOf(tracer, 'fold', records, { from: 6 }), beginOf(NO_TRACES, 'fold', records, {})]).toEqual([null, null])
  })

  it('keeps the contexts of so many events at most', () => {
    expect(contextsOf(Array.from({ length: 1_000 }, (_, i) => record(context(i))))).toEqual(Array.from({ length: 64 }, (_, i) => context(i)))
  })
})

describe('a span', () => {
  it('ends with what is done in it, once, and with the error where it fails', async () => {
    const { tracer, ended } = spokenTracer()
    const span = tracer.begin('a')
    expect(await inSpan(tracer, span, () => Promise.resolve(3))).toBe(3)
    expect(ended).toEqual([[]])
    const error = new Error('It failed.')
    await expect(inSpan(tracer, span, () => Promise.reject(error))).rejects.toBe(error)
    expect(ended).toEqual([[], [error]])
    expect(await inSpan(tracer, null, () => Promise.resolve(4))).toBe(4)
  })
})
