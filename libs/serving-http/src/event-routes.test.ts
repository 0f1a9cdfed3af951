// Events sent over HTTP are in the log as they were sent, and the answer says where they are and which of them will count nowhere.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { TRACEPARENT, type Span, type Tracer } from '@tidemark/observability/tracing'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import { Slices } from '@tidemark/pipelines/serve/sliced-work'
import type { LogAppend } from '@tidemark/ports/event-log'
import { once } from 'node:events'
import { connect } from 'node:net'
import { EVENTS_BODY_SIZE_MAX_BYTES, EVENTS_PER_REQUEST_MAX } from './event-body.ts'
import { appendEvents } from './append-events.ts'
import { addEventRoutes, openApiDocumentWithEvents } from './event-routes.ts'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { createServingApp } from './serving-app.ts'
import { DocumentCheck } from './testing/document-check.ts'

const trips = eventSource('trips', { fields: { at: timestamp(), driver: string().nullable(), fare: int64().nullable() }, eventTime: 'at' })
const drivers = featureView('drivers', { source: trips, entity: { driver: 'who' }, derive: { who: string('lower(driver)') }, features: { trips: count().over('1h') } })
const catalog = catalogOf(collectDefinitions([trips, drivers]))
const schemas = openApiDocumentWithEvents.components.schemas
const document = new DocumentCheck(openApiDocumentWithEvents)

/** Its spans say what they are a part of. */
const tracer: Tracer = {
  begin: (_, options): Span => ({ traceId: '', spanId: '', traceparent: `within ${options?.parent}`, set: () => undefined, rename: () => undefined, end: () => undefined }),
  within: (_, work) => work(),
  current: () => null,
}

const PARTITION_COUNT = 4
const appends: LogAppend[] = []
const errors: unknown[] = []
let failure: Error | null = null
let listener: HttpListener

beforeAll(async () => {
  const log = {
    partitionCount: () => Promise.resolve(PARTITION_COUNT),
    append(batch: readonly LogAppend[]) {
      if (failure !== null) return Promise.reject(failure)
      appends.push(...batch)
      return Promise.resolve(batch.map(({ partition }) => ({ firstOffset: 100 * partition, appendTimeMs: 0 })))
    },
  }
  const app = createServingApp({
    server: { answerAs: () => Promise.reject(new Error('not asked')), slices: new Slices({ nowMs: () => 0, steadyMs: () => 0 }) }, catalog: () => catalog, onError: (error) => void errors.push(error),
    extend: (express, fail) => addEventRoutes(express, fail, { log, catalog: () => catalog, tracer }), openApi: openApiDocumentWithEvents,
  })
  listener = await listen(app, { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await listener[Symbol.asyncDispose]()
})
beforeEach(() => {
  appends.length = 0
})

interface Answer {
  readonly appendedCount: number
  readonly appended: readonly { readonly partition: number; readonly firstOffset: number; readonly count: number }[]
  readonly rejected: readonly { readonly index: number; readonly partition: number; readonly offset: number; readonly code: string; readonly reason: string }[]
}

const post = (body: string | Uint8Array<ArrayBuffer>, type = 'application/json', source = 'trips'): Promise<Response> =>
  fetch(`${listener.url}/v1/events/${source}`, { method: 'POST', body, headers: { 'content-type': type } })

async function answerOf(response: Response): Promise<Answer> {
  expect(response.status).toBe(200)
  return (await document.body(response)) as Answer
}

const texts = (): string[] => appends.flatMap(({ records }) => records.map(({ value }) => Buffer.from(value!).toString()))

it('records carry the context of their request to who reads them', async () => {
  const asked = `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`
  await fetch(`${listener.url}/v1/events/trips`, { method: 'POST', body: '[{}, "no record"]', headers: { 'content-type': 'application/json', traceparent: asked } })
  expect(appends.flatMap(({ records }) => records.map(({ headers }) => Buffer.from(headers![TRACEPARENT]!).toString()))).toEqual([`within ${asked}`, `within ${asked}`])
})

it('events of a source whose log is not of JSON are refused, unless the log has nothing else', async () => {
  const other = catalogOf(collectDefinitions([featureView('v', { source: eventSource('clicks', { fields: { at: timestamp() }, eventTime: 'at', format: 'avro' }), entity: { at: 'at' }, features: { n: count().over('1h') } })]))
  const log = { partitionCount: async () => 1, append: async () => [{ firstOffset: 7, appendTimeMs: 0 }] }
  const append = (isAllJson: boolean) => appendEvents({ log, isAllJson }, other, 'clicks', [Buffer.from('{"at":5}')])
  await expect(append(false)).rejects.toThrow('USAGE at /v1/events/clicks: Records of source clicks are of format avro. Append them to the topic with a producer that writes it.')
  expect(await append(true)).toMatchObject({ appendedCount: 1, rejectedCount: 0 })
})

describe('POST /v1/events/{source}', () => {
  it('appends an object as it was written', async () => {
    const text = '{ "at": 1700000000000,\n "driver": "A", "fare": 12345678901234567890 }'
    const answer = await answerOf(await post(`  ${text}\n`))
    expect(answer).toMatchObject({ appendedCount: 1, rejected: [{ index: 0, code: 'EVENT_MALFORMED', reason: expect.stringContaining('fare') }] })
    expect(texts()).toEqual([text])
  })

  it.each<[string, (records: readonly string[]) => string, string]>([
    ['an array', (records) => ` [ ${records.join(' ,\n')}] `, 'application/json; charset=utf-8'],
    ['lines', (records) => `${records.join('\r\n\n')}\n`, 'application/x-ndjson'],
  ])('takes %s: an entity has one partition, and each record its place', async (_, write, type) => {
    const records = ['a', 'B', 'b', 'c', 'A'].map((driver, i) => `{"at": ${i}, "driver": "${driver}", "note": "]},\\"[{ü"}`)
    const answer = await answerOf(await post(write(records), type))
    expect(texts().sort()).toEqual([...records].sort())
    expect(answer.appended).toEqual(appends.map(({ partition, records: { length } }) => ({ partition, firstOffset: 100 * partition, count: length })))
    const partitionOf = (driver: string): number[] => appends.filter(({ records: own }) => own.some(({ value }) => Buffer.from(value!).includes(`"${driver}"`))).map(({ partition }) => partition)
    // The key is of the derived column.
    expect([partitionOf('A'), partitionOf('B')]).toEqual([partitionOf('a'), partitionOf('b')])
    expect(appends.flatMap(({ records: own }) => own.map(({ key }) => Buffer.from(key!).toString())).sort()).toEqual(['s1:a', 's1:a', 's1:b', 's1:b', 's1:c'])
  })

  it('logs what does not fit, and says of each where it is and why', async () => {
    const lines = ['{"at": 1, "driver": "a"}', 'no json', '{"driver": "a"}', '[]', `{"at": 1, "driver": "${'x'.repeat(1_048_576)}"}`, '{"at": 1, "driver": null}']
    const answer = await answerOf(await post(lines.join('\n'), 'application/x-ndjson'))
    expect(answer.appendedCount).toBe(6)
    expect(answer.rejected.map(({ index, code }) => [index, code])).toEqual([[1, 'EVENT_MALFORMED'], [2, 'EVENT_MALFORMED'], [3, 'EVENT_MALFORMED'], [4, 'EVENT_TOO_LARGE']])
    for (const { index, partition, offset } of answer.rejected) {
      const { records } = appends.find((append) => append.partition === partition)!
      expect(Buffer.from(records[offset - 100 * partition]!.value!).toString()).toBe(lines[index])
    }
    expect((await answerOf(await post('[1, "two", null]'))).rejected).toHaveLength(3)
  })

  it('appends nothing where nothing is sent', async () => {
    expect(await answerOf(await post('[]'))).toMatchObject({ appendedCount: 0, appended: [], rejected: [] })
    expect(appends).toEqual([])
  })

  it.each<[string, string | Uint8Array<ArrayBuffer>, string, number, string]>([
    ['no JSON', '{"at":', 'application/json', 400, 'USAGE'],
    ['lines that are said to be JSON', '{"at":1}\n{"at":2}', 'application/json', 400, 'USAGE'],
    ['a number', '7', 'application/json', 400, 'USAGE'],
    ['nothing', '', 'application/json', 400, 'USAGE'],
    ['bytes that are no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'application/json', 400, 'USAGE'],
    ['another charset', '{"at":1}', 'application/json; charset=utf-16', 415, 'USAGE'],
    ['a form', 'at=1', 'application/x-www-form-urlencoded', 415, 'USAGE'],
    ['more records than the limit', '1\n'.repeat(EVENTS_PER_REQUEST_MAX + 1), 'application/x-ndjson', 413, 'REQUEST_TOO_LARGE'],
    ['more bytes than the limit', ' '.repeat(EVENTS_BODY_SIZE_MAX_BYTES + 1), 'application/json', 413, 'REQUEST_TOO_LARGE'],
  ])('refuses %s, and appends nothing', async (_, body, type, status, code) => {
    expect(await problemOf(await post(body, type))).toMatchObject({ status, code })
    expect(appends).toEqual([])
  })

  it('refuses a body that names no type, as a page in a browser could send one', async () => {
    const response = await fetch(`${listener.url}/v1/events/trips`, { method: 'POST', body: new Blob(['{}']) })
    expect(await problemOf(response)).toMatchObject({ status: 415, problems: [{ message: 'The content type is not given.' }] })
    expect(appends).toEqual([])
  })

  it('takes no client that hangs up for a fault of its own', async () => {
    const errorCount = errors.length
    const socket = connect(listener.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write('POST /v1/events/trips HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
    // Another request's answer comes after the server has begun this one.
    await post('[]')
    socket.destroy()
    await once(socket, 'close')
    await post('[]')
    expect(errors).toHaveLength(errorCount)
  })

  it.each([
    ['is announced to be', 'content-length: 99999999999\r\n\r\n{'],
    ['turns out to be', `transfer-encoding: chunked\r\n\r\n${(EVENTS_BODY_SIZE_MAX_BYTES + 1).toString(16)}\r\n${' '.repeat(EVENTS_BODY_SIZE_MAX_BYTES + 1)}`],
  ])('refuses a body that %s too long before its end', async (_, sent) => {
    const socket = connect(listener.port, '127.0.0.1').setEncoding('utf8')
    socket.write(`POST /v1/events/trips HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${sent}`)
    const [answer] = (await once(socket, 'data')) as [string]
    expect(answer).toMatch(/^HTTP\/1.1 413 [^]*REQUEST_TOO_LARGE/)
    socket.destroy()
  })

  it('refuses sources that no view reads, other methods, and tells of a full log', async () => {
    expect(await problemOf(await post('{}', 'application/json', 'trip'))).toMatchObject({ status: 404, code: 'UNKNOWN_NAME', problems: [{ action: 'Did you mean trips?' }] })
    expect(await problemOf(await fetch(`${listener.url}/v1/events/trips`))).toMatchObject({ status: 405 })
    failure = new TidemarkError([{ code: 'STORE_FULL', message: 'No room.', where: 'log', action: 'Make room.' }])
    expect(await problemOf(await post('{}'))).toMatchObject({ status: 507, code: 'STORE_FULL' })
    failure = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It does not answer.', where: 'log', action: 'Wait.' }])
    expect(await problemOf(await post('{}'))).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' })
    failure = new TidemarkError([{ code: 'UNKNOWN_NAME', message: 'There is no such topic.', where: 'log', action: 'Make it.' }])
    expect(await problemOf(await post('{}'))).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE', problems: [{ message: 'Its topic is not there.', where: 'source trips' }] })
    failure = new Error('A bug.')
    expect(await problemOf(await post('{}'))).toMatchObject({ status: 500, code: 'INTERNAL' })
    failure = null
  })

  it('is in the document', async () => {
    const served = (await (await fetch(`${listener.url}/openapi.json`)).json()) as unknown
    expect(served).toEqual(JSON.parse(JSON.stringify(openApiDocumentWithEvents)))
    const refs = [...JSON.stringify(served).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name!)
    expect(Object.keys(schemas)).toEqual(expect.arrayContaining(refs))
  })

  it('has given every answer that the document has', () => {
    expect(document.unseenOf('/v1/events')).toEqual([])
  })
})

async function problemOf(response: Response): Promise<object> {
  const problem = (await document.body(response)) as { status: number }
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(problem.status).toBe(response.status)
  return problem
}
