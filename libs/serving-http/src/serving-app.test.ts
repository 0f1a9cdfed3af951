// What the serving API says over HTTP is what its OpenAPI document says, errors too.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { count, max } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureService, featureView, all, double, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import { RequestResolver, type FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import { Slices } from '@tidemark/pipelines/serve/sliced-work'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { openApiDocument } from './openapi.ts'
import { BODY_SIZE_MAX_BYTES, createServingApp, type AnsweringServer } from './serving-app.ts'
import { DocumentCheck } from './testing/document-check.ts'

const payments = eventSource('payments', { fields: { card: string(), at: timestamp(), amount: double() }, eventTime: 'at' })
const spending = featureView('spending', { source: payments, entity: { card: 'card' }, features: { payments: count().over('1h'), largest: max('amount').over('1h', 'lifetime') } })
const model = featureService('fraud', { features: [all(spending)] })
const catalog = catalogOf(collectDefinitions([payments, spending, model]))

const document = new DocumentCheck(openApiDocument)
const answer: FeatureAnswer = {
  t: 1_700_000_000_000,
  features: [{ view: 'spending', feature: 'payments_1h' }, { view: 'spending', feature: 'largest_lifetime' }],
  tailsMs: [1_699_996_400_000, null],
  entities: [
    { values: [{ status: 'PRESENT', value: 2n ** 60n }, { status: 'UNAVAILABLE', value: null, reason: 'overflow' }] },
    { values: [{ status: 'NOT_FOUND', value: 0, isDefault: true }, { status: 'PRESENT', value: [1, { a: 2n ** 60n }] as never }], explanation: [] },
  ],
  views: [{ view: 'spending', version: 1, generation: 3, cut: null, lagMs: 12 }],
  degraded: [{ code: 'SPEED_LAGGING', view: 'spending', message: 'It lags.' }],
}

let listener: HttpListener
const asked: FeatureRequest[] = []
const errors: unknown[] = []
let failure: Error | null = null
const slices = new Slices({ nowMs: () => 0, steadyMs: () => 0 })
const server: AnsweringServer = {
  slices,
  async answerAs(form, request) {
    asked.push(request)
    await new RequestResolver(slices).resolve(catalog, request)
    if (failure !== null) throw failure
    return { ...answer, entities: answer.entities.map(form) }
  },
}

beforeAll(async () => {
  listener = await listen(createServingApp({ server, catalog: () => catalog, onError: (error) => void errors.push(error) }), { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await listener[Symbol.asyncDispose]()
})

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = { 'content-type': 'application/json' }): Promise<Response> =>
  fetch(`${listener.url}/v1/features`, { method: 'POST', body, headers })
const request = { service: 'fraud', entities: [{ card: 'c1' }] }

async function problemOf(response: Response): Promise<{ status: number; code: string; problems: { where: string; message: string; action: string }[] }> {
  const problem = (await document.body(response)) as Awaited<ReturnType<typeof problemOf>>
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(problem.status).toBe(response.status)
  return problem
}

describe('POST /v1/features', () => {
  it('answers as the document says', async () => {
    const response = await post(JSON.stringify({ ...request, policy: 'defaults', deadlineMs: 50, explain: true }))
    expect(response.status).toBe(200)
    expect(await document.body(response)).toEqual({
      t: 1_700_000_000_000,
      features: ['spending:payments_1h', 'spending:largest_lifetime'],
      tails: [1_699_996_400_000, null],
      entities: [
        { values: ['1152921504606846976', null], statuses: ['PRESENT', 'UNAVAILABLE'], reasons: [null, 'overflow'] },
        { values: [0, [1, { a: '1152921504606846976' }]], statuses: ['NOT_FOUND', 'PRESENT'], isDefault: [true, false], explanation: [] },
      ],
      views: answer.views,
      degraded: answer.degraded,
    })
    expect(asked.at(-1)).toEqual({ asked: { service: 'fraud' }, entities: request.entities, policy: 'defaults', deadlineMs: 50, explain: true })
  })

  it('fills in what a request leaves out, and splits names at the first colon', async () => {
    await post(JSON.stringify({ features: ['spending:largest_1h'], entities: [] }))
    expect(asked.at(-1)).toEqual({ asked: { features: [{ view: 'spending', feature: 'largest_1h' }] }, entities: [], policy: 'degrade', deadlineMs: 1_000, explain: false })
  })

  it.each<[string, string, number, string]>([
    ['no JSON', '{"service":', 400, 'USAGE'],
    ['no object', '[]', 400, 'USAGE'],
    ['neither service nor features', '{"entities":[]}', 400, 'USAGE'],
    ['both', '{"service":"fraud","features":["spending:largest_1h"],"entities":[]}', 400, 'USAGE'],
    ['a property that means nothing', '{"service":"fraud","entities":[],"polcy":"fail"}', 400, 'USAGE'],
    ['a policy that there is not', '{"service":"fraud","entities":[],"policy":"hope"}', 400, 'USAGE'],
    ['a deadline beyond the limit', '{"service":"fraud","entities":[],"deadlineMs":600000}', 400, 'USAGE'],
    ['a name without a view', '{"features":["largest_1h"],"entities":[]}', 400, 'USAGE'],
    ['a key that is a list', '{"service":"fraud","entities":[{"card":["c1"]}]}', 400, 'ENTITY_INVALID'],
    ['an entity that is a list', '{"service":"fraud","entities":[["c1"]]}', 400, 'USAGE'],
    ['a service that there is not', '{"service":"frod","entities":[]}', 404, 'UNKNOWN_NAME'],
    ['a feature that there is not', '{"features":["spending:largest_2h"],"entities":[]}', 404, 'UNKNOWN_NAME'],
    ['a key of another type', '{"service":"fraud","entities":[{"card":"c1"},{"card":7}]}', 400, 'ENTITY_INVALID'],
    ['a key that no view has', '{"service":"fraud","entities":[{"card":"c1","crad":"c2"}]}', 400, 'ENTITY_INVALID'],
    ['1,001 entities', JSON.stringify({ service: 'fraud', entities: Array.from({ length: 1_001 }, () => ({ card: 'c1' })) }), 413, 'REQUEST_TOO_LARGE'],
    ['a body beyond the limit', `{"service":"fraud","entities":[{"card":"${'x'.repeat(BODY_SIZE_MAX_BYTES)}"}]}`, 413, 'REQUEST_TOO_LARGE'],
  ])('refuses %s', async (_, body, status, code) => {
    expect(await problemOf(await post(body))).toMatchObject({ status, code })
  })

  it('names every problem at once, each with its place', async () => {
    const { problems } = await problemOf(await post('{"service":7,"entities":[null],"explain":"yes","x":1}'))
    expect(problems.map(({ where }) => where).sort()).toEqual(['body', 'body.entities[0]', 'body.explain', 'body.service'])
  })

  it.each<[string, object]>([
    ['properties', { ...request, ...Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`x${i}`, 1])) }],
    ['keys', { ...request, entities: [{ card: 'c1', ...Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`x${i}`, 1])) }] }],
    ['features', { features: Array.from({ length: 1_000 }, (_, i) => `spending:x${i}`), entities: [] }],
    ['entities', { ...request, entities: Array.from({ length: 1_000 }, () => ({})) }],
  ])('names 50 problems of many %s', async (_, body) => {
    expect((await problemOf(await post(JSON.stringify(body)))).problems).toHaveLength(50)
  })

  it('says of a join key that is NULL which it is, and what was expected', async () => {
    const { code, problems } = await problemOf(await post('{"service":"fraud","entities":[{"card":null}]}'))
    expect([code, problems]).toEqual(['ENTITY_INVALID', [expect.objectContaining({ where: 'entity 0 of view spending, key card', message: expect.stringMatching(/card: expected .*string.*, found null/) })]])
  })

  it('refuses bytes that are no UTF-8, and bodies that it would have to decode', async () => {
    const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'latin1'))
    const latin1 = bytes('{"service":"fraud","entities":[{"card":"\xe9"}]}')
    for (const headers of [{ 'content-type': 'application/json' }, { 'content-type': 'application/json; charset=utf-8' }]) {
      expect(await problemOf(await post(latin1, headers))).toMatchObject({ status: 400, code: 'USAGE', problems: [{ where: 'body', message: 'It is not UTF-8.' }] })
    }
    const text = JSON.stringify(request)
    for (const [headers, where] of [[{ 'content-type': 'application/json; charset="utf-16"' }, 'content-type'], [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }, 'content-encoding']] as const) {
      expect(await problemOf(await post(text, headers))).toMatchObject({ status: 415, code: 'USAGE', problems: [{ where }] })
    }
    expect((await post(text, { 'content-type': 'application/json; charset=UTF-8', 'content-encoding': 'identity' })).status).toBe(200)
  })

  it('refuses other methods and content types', async () => {
    const response = await fetch(`${listener.url}/v1/features`)
    expect(response.headers.get('allow')).toBe('POST')
    expect(await problemOf(response)).toMatchObject({ status: 405, code: 'USAGE' })
    expect(await problemOf(await post('service=fraud', { 'content-type': 'application/x-www-form-urlencoded' }))).toMatchObject({ status: 415, code: 'USAGE' })
  })

  it('tells a client of a store that is away, and of a bug no more than that it is one', async () => {
    failure = new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It does not answer.', where: 'speed store', action: 'Wait.' }])
    expect(await problemOf(await post(JSON.stringify(request)))).toMatchObject({ status: 503, code: 'STORE_UNAVAILABLE' })
    failure = new TidemarkError([{ code: 'DEADLINE_EXCEEDED', message: 'DEADLINE: It was not read.', where: 'view spending@1', action: 'Give a longer deadline.' }])
    expect(await problemOf(await post(JSON.stringify(request)))).toMatchObject({ status: 504, code: 'DEADLINE_EXCEEDED' })
    failure = new Error('secret')
    const response = await post(JSON.stringify(request))
    const text = await response.clone().text()
    const { type, ...bug } = (await problemOf(response)) as unknown as { type: string }
    expect(bug).toMatchObject({ status: 500, code: 'INTERNAL' })
    expect(await document.body(await fetch(listener.url + type))).toMatchObject({ code: 'INTERNAL', status: 500 })
    expect(text).not.toContain('secret')
    expect(errors.slice(-2).map((error) => (error as Error).name)).toEqual(['TidemarkError', 'Error'])
    failure = null
  })
})

describe('the other routes', () => {
  const get = async (path: string): Promise<[number, unknown]> => {
    const response = await fetch(listener.url + path)
    return [response.status, path === '/openapi.json' ? await response.json() : await document.body(response)]
  }

  it('lists what can be asked', async () => {
    const [status, listed] = await get('/v1/catalog')
    expect(status).toBe(200)
    expect(listed).toMatchObject({ views: [{ view: 'spending', features: ['payments_1h', 'largest_1h', 'largest_lifetime'] }], services: [{ service: 'fraud' }] })
  })

  it('explains an error code', async () => {
    expect(await get('/v1/errors/ENTITY_INVALID')).toEqual([200, expect.objectContaining({ code: 'ENTITY_INVALID', status: 400 })])
    expect(await problemOf(await fetch(`${listener.url}/v1/errors/constructor`))).toMatchObject({ status: 404 })
  })

  it('says what does not exist', async () => {
    expect(await problemOf(await fetch(`${listener.url}/v1/featurs`))).toMatchObject({ status: 404, code: 'UNKNOWN_NAME' })
    expect(await problemOf(await fetch(`${listener.url}/v1/errors/%zz`))).toMatchObject({ status: 400, code: 'USAGE' })
  })

  it('has every route of the document, and tells other methods which it takes', async () => {
    expect((await get('/openapi.json'))[1]).toEqual(JSON.parse(JSON.stringify(openApiDocument)))
    for (const path of Object.keys(openApiDocument.paths).filter((each) => each !== '/v1/features')) {
      const url = path.replace('{code}', 'USAGE')
      expect((await get(url))[0]).toBe(200)
      expect((await fetch(listener.url + url, { method: 'HEAD' })).status).toBe(200)
      const refused = await fetch(listener.url + url, { method: 'POST', body: '{}' })
      expect(refused.headers.get('allow')).toBe('GET, HEAD')
      expect(await problemOf(refused)).toMatchObject({ status: 405, code: 'USAGE', problems: [{ action: 'Use GET or HEAD.' }] })
    }
    expect((await fetch(`${listener.url}/openapi.json`, { method: 'DELETE' })).status).toBe(405)
  })

  it('has given every answer that the document has', () => {
    expect(document.unseenOf('')).toEqual([])
  })
})

it('leaves it to clients and proxies to close connections that are idle', async () => {
  const { headers } = await fetch(`${listener.url}/v1/catalog`)
  expect(headers.get('keep-alive')).toBe('timeout=75')
})

it('says whose port it is, and which address it cannot have', async () => {
  await expect(listen(() => undefined, { host: '127.0.0.1', port: listener.port })).rejects.toMatchObject({ code: 'PORT_IN_USE' })
  await expect(listen(() => undefined, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'USAGE' })
  const tls = { cert: 'no certificate', key: 'a-secret-that-nobody-may-read' }
  const refused = listen(() => undefined, { host: '127.0.0.1', port: 0, tls })
  await expect(refused).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('certificate') })
  await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(tls.key) })
})
