// Law 11 over HTTP: nothing is answered without a grant, whatever the path, its spelling or its method; a refusal says what is missing and nothing more.
import { request as httpRequest } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import { SCOPE_NAMES, unauthenticated, type Principal, type Scope } from '@tidemark/pipelines/access/principal'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { catalogOf } from '@tidemark/pipelines/serve/feature-catalog'
import { Slices } from '@tidemark/pipelines/serve/sliced-work'
import { scopesOf, type AccessRecord } from './access-guard.ts'
import { addEventRoutes, openApiDocumentWithEvents } from './event-routes.ts'
import { withAccess } from './openapi.ts'
import { createServingApp, type AnsweringServer } from './serving-app.ts'
import { DocumentCheck } from './testing/document-check.ts'

const payments = eventSource('payments', { fields: { card: string(), at: timestamp() }, eventTime: 'at' })
const catalog = catalogOf(collectDefinitions([payments, featureView('spending', { source: payments, entity: { card: 'card' }, features: { payments: count().over('1h') } })]))
const server: AnsweringServer = {
  slices: new Slices({ nowMs: () => 0, steadyMs: () => 0 }),
  answerAs: () => Promise.resolve({ t: 1, features: [], tailsMs: [], entities: [], views: [], degraded: [] }),
}
const log = { partitionCount: () => Promise.resolve(1), append: () => Promise.resolve([{ firstOffset: 0, appendTimeMs: 1 }]), topics: () => Promise.resolve(new Map([['payments', 1]])) }

const document = new DocumentCheck(withAccess(openApiDocumentWithEvents))
const refused: AccessRecord[] = []
const operated: AccessRecord[] = []
let isAway = false
let listener: HttpListener

/** A credential is the scopes themselves; one that begins with "slow" is found later. */
function authenticate(authorization: string | undefined): Principal | Promise<Principal> {
  if (isAway) throw new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'It cannot be told.', where: 'https://issuer.internal/keys', action: 'Wait.' }])
  if (authorization?.startsWith('Bearer ') !== true) throw unauthenticated()
  const [, given] = authorization.split(' ')
  const principal: Principal = { who: 'key test 1', scopes: new Set(given!.replace('slow,', '').split(',') as Scope[]) }
  if (given === 'slow,nobody') return Promise.reject(unauthenticated())
  return given!.startsWith('slow') ? Promise.resolve(principal) : principal
}

beforeAll(async () => {
  const app = createServingApp({
    server, catalog: () => catalog, onError: () => undefined, openApi: openApiDocumentWithEvents,
    access: { authenticate, onRefused: (record) => void refused.push(record), onOperated: (record) => void operated.push(record) },
    extend: (express, fail) => {
      addEventRoutes(express, fail, { log: log as never, catalog: () => catalog })
      express.get('/v1/forgotten', (_request, response) => void response.end('{}'))
    },
  })
  listener = await listen(app, { host: '127.0.0.1', port: 0 })
})
afterAll(async () => {
  await listener[Symbol.asyncDispose]()
})
afterEach(() => {
  refused.length = operated.length = 0
})

interface Asked {
  readonly method?: string
  readonly bearer?: string
  readonly body?: object
}

function ask(path: string, { method = 'GET', bearer, body }: Asked = {}): Promise<Response> {
  const headers = { ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }), ...(body && { 'content-type': 'application/json' }) }
  return fetch(listener.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
}

const FEATURES = { method: 'POST', body: { features: ['spending:payments_1h'], entities: [] } } as const
const EVENTS = { method: 'POST', body: [{ card: 'a', at: '2026-01-01T00:00:00Z' }] } as const
const ROUTES: readonly [string, Asked, readonly Scope[]][] = [
  ['/v1/features', FEATURES, ['features:read']],
  ['/v1/events/payments', EVENTS, ['events:write']],
  ['/v1/catalog', {}, ['features:read', 'operate']],
  ['/v1/errors/USAGE', {}, SCOPE_NAMES],
  ['/openapi.json', {}, SCOPE_NAMES],
  ['/v1/forgotten', {}, ['operate']],
]

describe('a route', () => {
  it.each(ROUTES)('%s is answered to whoever has a scope for it, and to nobody else', async (path, asked, scopes) => {
    for (const scope of [...SCOPE_NAMES, 'email'] as Scope[]) {
      for (const bearer of [scope, `slow,${scope}`]) {
        const response = await ask(path, { ...asked, bearer })
        expect([bearer, response.status]).toEqual([bearer, scopes.includes(scope) ? 200 : 403])
        if (response.status === 200) continue
        const wanted = scopes.join(' or ')
        const body = (path === '/v1/forgotten' ? await response.json() : await document.body(response)) as object
        expect(body).toMatchObject({ code: 'FORBIDDEN', problems: [{ where: path, message: `It needs the scope ${wanted}.` }] })
        expect(response.headers.get('www-authenticate')).toBe(`Bearer realm="tidemark", error="insufficient_scope", scope="${scopes.join(' ')}"`)
        expect(refused.pop()).toEqual({ who: 'key test 1', method: asked.method ?? 'GET', path, scopes })
      }
    }
    for (const bearer of [undefined, 'slow,nobody']) {
      const response = await ask(path, { ...asked, ...(bearer !== undefined && { bearer }) })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe(`Bearer realm="tidemark"${bearer === undefined ? '' : ', error="invalid_token"'}`)
      expect(path === '/v1/forgotten' ? await response.json() : await document.body(response)).toMatchObject({ code: 'UNAUTHENTICATED' })
      expect(refused.pop()).toEqual({ who: null, method: asked.method ?? 'GET', path, scopes })
    }
    isAway = true
    const away = await ask(path, { ...asked, bearer: 'operate' })
    isAway = false
    expect(away.status).toBe(503)
    expect(await away.clone().text()).not.toContain('issuer.internal')
    if (path !== '/v1/forgotten') await document.body(away)
    expect(refused).toEqual([])
  })

  it('that tells only whether the process lives is open', async () => {
    expect((await ask('/livez')).status).toBe(200)
  })

  it('is there for the document, with what it needs', () => {
    const paths = withAccess(openApiDocumentWithEvents).paths
    const open = Object.entries(paths).flatMap(([path, methods]) => Object.values(methods).filter((operation) => !('security' in operation)).map(() => path))
    expect(open).toEqual(['/livez'])
    expect(document.unseenOf('').filter((each) => /40[13]$/.test(each))).toEqual([])
  })

  it('is named by every path of the document but those that an operator asks', () => {
    expect(Object.keys(openApiDocumentWithEvents.paths).filter((path) => scopesOf(path).join() === 'operate')).toEqual([])
  })
})

describe('explaining an answer', () => {
  it('needs the scope to operate, beside the one to ask, and is told', async () => {
    const body = { ...FEATURES.body, explain: true }
    const refusal = await ask('/v1/features', { ...FEATURES, body, bearer: 'features:read' })
    expect([refusal.status, await document.body(refusal)]).toEqual([403, expect.objectContaining({ code: 'FORBIDDEN', problems: [expect.objectContaining({ message: 'It needs the scope operate.' })] })])
    expect(refusal.headers.get('www-authenticate')).toContain('scope="operate"')
    expect(refused).toEqual([expect.objectContaining({ who: 'key test 1', path: '/v1/features, explain' })])
    expect((await ask('/v1/features', { ...FEATURES, body, bearer: 'operate' })).status).toBe(403)
    expect(operated).toEqual([])
    expect((await ask('/v1/features', { ...FEATURES, body, bearer: 'features:read,operate' })).status).toBe(200)
    expect(operated).toEqual([{ who: 'key test 1', method: 'POST', path: '/v1/features, explain', scopes: ['operate'] }])
  })
})

describe('another spelling', () => {
  /** As it stands, which `fetch` would tidy up. */
  const raw = (method: string, path: string, authorization?: string): Promise<number> => new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: listener.port, method, path, headers: authorization === undefined ? {} : { authorization } }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    }).on('error', reject).end()
  })

  it.each(['/V1/catalog', '/v1/catalog/', '//v1/catalog', '/v1//catalog', '/./v1/catalog', '/livez/../v1/catalog', '/livez/', '/Livez', '/livez;/v1/catalog', '/v1/%63atalog', '/v1/catalog#/livez', 'http://127.0.0.1/v1/catalog', '/nowhere', '/v1/events', '*'])('%s opens nothing', async (path) => {
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE']) {
      expect(await raw(method, path)).toBe(401)
      expect(await raw(method, path, 'Bearer features:read,events:write')).toBe(403)
    }
  })

  it('that an open path has in its query changes nothing', async () => {
    expect(await raw('GET', '/livez?x=/v1/catalog')).toBe(200)
    expect(await raw('GET', '/v1/catalog?/livez')).toBe(401)
  })
})
