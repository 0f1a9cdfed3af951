// Law 11 on real servers: four layers that reach every server by TLS with credentials, and a serving layer that others may reach, by HTTPS, and that asks
// who asks. And that no secret is in anything that any of it says, at the level that says most, when all goes well and when it does not.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { Collector } from '@tidemark/adapter-opentelemetry/testing/collector'
import { REVOKED_WITHIN_MS } from '@tidemark/pipelines/access/key-ring'
import { seededChance } from '@tidemark/ports/testing/store-cases'
import type { Addresses } from '@tidemark/servers/addresses'
import { LAYER_NAMES, type LayerName, type LogLine, type ServiceEnded, type ServiceProcess } from '@tidemark/servers/service-process'
import { sharedServers } from '@tidemark/servers/shared-servers'
import { makeCertificate } from '@tidemark/servers/tls-proxy'
import { ServiceWorld, until } from './service-world.ts'
import { openTlsServers, type TlsServers } from './tls-servers.ts'
import { AUDIENCE, ISSUER, openTokenIssuer, type TokenIssuer } from './token-issuer.ts'

const TEST_MAX_MS = 300_000
const TIDEMARK = join(import.meta.dirname, '../../../../apps/cli/bin/tidemark.js')
const LOOK_AGAIN_MS = 200
/** A busy machine tells later than the register is read. */
const TOLD_WITHIN_MS = 2 * REVOKED_WITHIN_MS
const COLLECTORS = 'C0llectors-Nobody-May-Read-It'
const WRONG = 'Wr0ng-But-Nobody-May-Read-It'
/** What every layer is told wrongly in turn. */
const WRONG_SECRETS: Readonly<Record<string, LayerName>> = {
  TIDEMARK_KAFKA_SASL_PASSWORD: 'archiver', TIDEMARK_S3_SECRET_ACCESS_KEY: 'archiver', TIDEMARK_CASSANDRA_PASSWORD: 'serving-layer',
  TIDEMARK_REDIS_STATE_PASSWORD: 'speed-layer', TIDEMARK_REDIS_JOBS_PASSWORD: 'batch-layer',
}

let addresses: Addresses
let world: ServiceWorld
let servers: TlsServers
let issuer: TokenIssuer
let collector: Collector
let settings: Record<string, string>
let ca: string
let port: number
const services: ServiceProcess[] = []
/** Of commands and answers. */
const heard: string[] = []
/** Credentials that were given to anything. */
const secrets = new Map<string, string>()

beforeAll(async () => {
  addresses = await sharedServers('kafka', 'cassandra', 's3', 'redis', 'redis-jobs', 'redis-cache')
  world = await ServiceWorld.open(addresses, seededChance(1))
  servers = await openTlsServers(addresses, world.folder)
  issuer = await openTokenIssuer()
  collector = await Collector.open()
  const { key, certificate } = makeCertificate()
  ca = certificate
  const file = (name: string, content: string): string => {
    writeFileSync(join(world.folder, name), content)
    return join(world.folder, name)
  }
  settings = {
    ...servers.environment, TIDEMARK_LOG_LEVEL: 'trace', TIDEMARK_OTLP_ENDPOINT: collector.endpoint, TIDEMARK_OTLP_AUTHORIZATION: `Bearer ${COLLECTORS}`, TIDEMARK_TRACE_SAMPLE_RATIO: '1', TIDEMARK_HTTP_EVENTS: 'true', TIDEMARK_HTTP_HOST: '0.0.0.0',
    TIDEMARK_HTTP_TLS_CERT_FILE: file('http.pem', certificate), TIDEMARK_HTTP_TLS_KEY_FILE: file('http-key.pem', key),
    TIDEMARK_AUTH_API_KEYS: 'true', TIDEMARK_AUTH_JWT_JWKS_URL: issuer.keysUrl, TIDEMARK_AUTH_JWT_ISSUER: ISSUER, TIDEMARK_AUTH_JWT_AUDIENCE: AUDIENCE,
  }
  secrets.set('the password of Kafka, Redis and S3', addresses.kafka.password)
  secrets.set('a wrong password', WRONG)
  secrets.set("the collector's", COLLECTORS)
  secrets.set('the key of the certificate', key.split('\n')[1]!)
  services.push(...await Promise.all(LAYER_NAMES.map((layer) => world.start(layer, settings))))
  const ready = await Promise.all(services.map((service) => service.untilReady()))
  port = Number(new URL(ready[LAYER_NAMES.indexOf('serving-layer')]!.url!).port)
}, TEST_MAX_MS)
afterAll(async () => {
  await issuer[Symbol.asyncDispose]()
  await collector[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
  await servers[Symbol.asyncDispose]()
}, TEST_MAX_MS)

interface Answer {
  readonly status: number
  readonly document: Readonly<Record<string, unknown>>
}

async function ask(path: string, bearer: string | null, body?: object): Promise<Answer> {
  const headers = { ...(bearer !== null && { authorization: `Bearer ${bearer}` }), ...(body && { 'content-type': 'application/json' }) }
  const asked = request({ host: '127.0.0.1', port, path, ca, method: body === undefined ? 'GET' : 'POST', headers })
  asked.end(body === undefined ? undefined : JSON.stringify(body))
  const [response] = await once(asked, 'response') as [IncomingMessage]
  const answer = await text(response)
  heard.push(JSON.stringify(response.headers), answer)
  return { status: response.statusCode!, document: JSON.parse(answer) as Answer['document'] }
}

/** Runs `tidemark keys … --servers --json`. */
async function keys(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const child = spawn(process.execPath, [TIDEMARK, 'keys', ...args, '--servers', '--json'], { env: { ...process.env, ...world.environment, ...servers.environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close') as Promise<[number]>, text(child.stdout), text(child.stderr)])
  expect([code, stderr]).toEqual([0, ''])
  // What makes a key is the one thing that shows it.
  if (args[0] !== 'create') heard.push(stdout)
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>
}

async function makeKey(name: string, scopes: string): Promise<{ readonly id: string; readonly key: string }> {
  const { id, key } = await keys('create', '--name', name, '--scopes', scopes) as { id: string; key: string }
  secrets.set(`the key of ${name}`, key.slice(key.lastIndexOf('_') + 1))
  return { id, key }
}

/** Milliseconds until a request is answered so. Throws where it takes too long. */
async function msUntil(status: number, send: () => Promise<Answer>): Promise<number> {
  const fromMs = performance.now()
  for (;;) {
    const answer = await send()
    const passedMs = performance.now() - fromMs
    if (answer.status === status) return passedMs
    if (passedMs > TOLD_WITHIN_MS) throw new Error(`It is still ${answer.status}: ${JSON.stringify(answer.document)}`)
    await sleep(LOOK_AGAIN_MS)
  }
}

const FEATURES = { features: ['cards:payments_lifetime'], entities: [{ card: 'card-7' }] }
const event = (): object => ({ at: Date.now(), id: 1, card: 'card-7', shop: 'shop-0', amount: 5 })

describe('a system that asks who asks', () => {
  it('answers nobody whom it does not know', async () => {
    expect((await ask('/livez', null)).status).toBe(200)
    for (const bearer of [null, 'nonsense', `tmk_${'a'.repeat(12)}_${'b'.repeat(43)}`, issuer.token({ sub: 'model', aud: 'others', scope: 'features:read' })]) {
      for (const path of ['/v1/catalog', '/openapi.json', '/v1/errors/USAGE', '/nowhere']) expect(await ask(path, bearer)).toMatchObject({ status: 401, document: { code: 'UNAUTHENTICATED' } })
      expect(await ask('/v1/features', bearer, FEATURES)).toMatchObject({ status: 401 })
      expect(await ask('/v1/events/payments', bearer, event())).toMatchObject({ status: 401 })
    }
  }, TEST_MAX_MS)

  it('takes an event and a question of whoever has a key or a token for it, by TLS to every server', async () => {
    const { key } = await makeKey('producer', 'events:write')
    const token = issuer.token({ sub: 'fraud-model', scope: 'openid features:read' })
    secrets.set('a token', token)
    await msUntil(200, () => ask('/v1/events/payments', key, event()))
    expect(await ask('/v1/events/payments', token, event())).toMatchObject({ status: 403, document: { problems: [{ message: 'It needs the scope events:write.' }] } })
    expect(await ask('/v1/features', key, FEATURES)).toMatchObject({ status: 403, document: { problems: [{ message: 'It needs the scope features:read.' }] } })
    await until('an answer that has the event, of a generation', async () => {
      const { status, document } = await ask('/v1/features', token, FEATURES)
      const { entities, views } = document as { entities?: { values: unknown[] }[]; views?: { generation: number | null }[] }
      return status === 200 && entities![0]!.values[0] === 1 && views![0]!.generation !== null && views![0]!.generation > 0 ? null : JSON.stringify(document)
    })
  }, TEST_MAX_MS)

  it('explains to whoever operates, and says so in its log', async () => {
    const { id, key } = await makeKey('operator', 'features:read,operate')
    await msUntil(200, () => ask('/v1/features', key, { ...FEATURES, explain: true }))
    expect(await ask('/v1/features', issuer.token({ sub: 'fraud-model', scp: ['features:read'] }), { ...FEATURES, explain: true })).toMatchObject({ status: 403, document: { problems: [{ message: 'It needs the scope operate.' }] } })
    const serving = services[LAYER_NAMES.indexOf('serving-layer')]!
    await serving.until('who operates', ({ msg, who }) => msg === 'operates' && who === `key operator ${id}`)
    await serving.until('who was turned away', ({ msg, who, scope }) => msg === 'turned away' && who === 'nobody' && scope === 'features:read')
  }, TEST_MAX_MS)

  it('refuses a key that was revoked, soon, and the next one of the same name not', async () => {
    const old = await makeKey('rotated', 'features:read')
    await msUntil(200, () => ask('/v1/features', old.key, FEATURES))
    const next = await makeKey('rotated', 'features:read')
    await msUntil(200, () => ask('/v1/features', next.key, FEATURES))
    expect(await keys('revoke', old.id)).toMatchObject({ revoked: { id: old.id, name: 'rotated' } })
    expect(await msUntil(401, () => ask('/v1/features', old.key, FEATURES))).toBeLessThan(TOLD_WITHIN_MS)
    expect((await ask('/v1/features', next.key, FEATURES)).status).toBe(200)
    expect(await keys('list')).toMatchObject({ servers: world.namespace, keys: expect.arrayContaining([expect.objectContaining({ id: next.id, name: 'rotated', scopes: ['features:read'], expiresAt: null })]) })
  }, TEST_MAX_MS)

  it('does not start where others reach it and nobody is asked', async () => {
    const service = await world.start('serving-layer', { ...settings, name: 'open', TIDEMARK_AUTH_API_KEYS: '', TIDEMARK_AUTH_JWT_JWKS_URL: '', TIDEMARK_AUTH_JWT_ISSUER: '', TIDEMARK_AUTH_JWT_AUDIENCE: '' })
    expect(await endOf(service)).toEqual({ how: 78, fatal: [expect.objectContaining({ code: 'SETTINGS_INVALID', where: 'TIDEMARK_HTTP_HOST', action: expect.stringContaining('TIDEMARK_AUTH_API_KEYS=true') })] })
  }, TEST_MAX_MS)
})

async function endOf(service: ServiceProcess): Promise<{ how: unknown; fatal: readonly LogLine[] }> {
  services.push(service)
  const how = await service.ended.catch((error: unknown) => (error as ServiceEnded).how)
  return { how, fatal: service.lines.filter(({ level }) => level === 'fatal') }
}

/** As it is, in hex, in an address, and in base 64 wherever in it it stands: behind a user's name, say. */
function formsOf(secret: string): string[] {
  const inside = [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.from('x'.repeat(before) + secret)
    // What lies about it shows in the digits at its ends.
    return [bytes.toString('base64'), bytes.toString('base64url')].map((text) => text.slice(before === 0 ? 0 : 4, -4))
  })
  return [...new Set([secret, Buffer.from(secret).toString('hex'), encodeURIComponent(secret), ...inside])]
}

describe('a secret', () => {
  it('that is wrong is refused, and not told', async () => {
    for (const [variable, layer] of Object.entries(WRONG_SECRETS)) {
      expect([variable, await endOf(await world.start(layer, { ...settings, name: `${layer}-wrong`, [variable]: WRONG }))]).toMatchObject([variable, { how: 1, fatal: [{ code: 'STORE_REFUSED' }] }])
    }
    await using registry = createServer((_request, response) => void response.writeHead(401, { connection: 'close' }).end('{}')).listen(0, '127.0.0.1')
    await once(registry, 'listening')
    for (const given of [{ TIDEMARK_SCHEMA_REGISTRY_TOKEN: WRONG }, { TIDEMARK_SCHEMA_REGISTRY_USERNAME: 'user', TIDEMARK_SCHEMA_REGISTRY_PASSWORD: WRONG }]) {
      const urls = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
      expect(await endOf(await world.start('archiver', { ...settings, name: 'archiver-wrong', TIDEMARK_SCHEMA_REGISTRY_URLS: urls, ...given }))).toMatchObject({ how: 1, fatal: [{ code: 'STORE_REFUSED' }] })
    }
    // A cache is not waited for: it is said once that it cannot be used.
    const withoutCache = await world.start('serving-layer', { ...settings, name: 'serving-wrong', TIDEMARK_REDIS_CACHE_PASSWORD: WRONG })
    services.push(withoutCache)
    await withoutCache.untilReady()
    // One that is not even text, and one in a file.
    expect(await endOf(await world.start('serving-layer', { ...settings, name: 'serving-untold', TIDEMARK_CASSANDRA_PASSWORD: `${WRONG}\n` }))).toMatchObject({ how: 78 })
    writeFileSync(join(world.folder, 'wrong'), WRONG)
    expect(await endOf(await world.start('serving-layer', { ...settings, name: 'serving-file', TIDEMARK_CASSANDRA_PASSWORD: '', TIDEMARK_CASSANDRA_PASSWORD_FILE: join(world.folder, 'wrong') }))).toMatchObject({ how: 1, fatal: [{ code: 'STORE_REFUSED' }] })
  }, TEST_MAX_MS)

  it('that is known goes on while registers are away, and others cannot be judged', async () => {
    const { key } = await makeKey('steadfast', 'features:read')
    await msUntil(200, () => ask('/v1/features', key, FEATURES))
    const stranger = `tmk_${'a'.repeat(12)}_${'b'.repeat(43)}`
    expect((await ask('/v1/catalog', stranger)).status).toBe(401)
    await servers.cutCassandra()
    await msUntil(503, () => ask('/v1/catalog', stranger))
    expect(await ask('/v1/catalog', stranger)).toMatchObject({ document: { code: 'STORE_UNAVAILABLE', problems: [{ where: 'header authorization' }] } })
    expect((await ask('/v1/catalog', key)).status).toBe(200)
    expect((await ask('/v1/events/payments', key, event())).status).toBe(403)
  }, TEST_MAX_MS)

  it('is in nothing that was said: no line of a log, no answer, no header, no figure, no trace, no output of a command', async () => {
    for (const { lines, isRunning } of services) {
      const admin = lines.find(({ msg }) => msg === 'starts')?.['admin'] as string | undefined
      if (!isRunning || admin === undefined) continue
      for (const path of ['/metrics', '/readyz', '/livez', '/nowhere']) heard.push(await (await fetch(admin + path)).text())
    }
    // As the collector asks for it, and in no span.
    expect([...collector.authorizations]).toEqual([`Bearer ${COLLECTORS}`])
    expect(new Set(collector.spans.map(({ service }) => service)).size).toBe(LAYER_NAMES.length)
    const said = [...collector.spans.map((span) => JSON.stringify(span)), ...services.flatMap(({ lines }) => lines.map((line) => JSON.stringify(line))), ...heard]
    expect(said.length).toBeGreaterThan(100)
    // What a service shows of itself, and what commands show, is read too; and the search finds what is there.
    expect(heard.filter((answer) => answer.includes('tidemark_build_info')).length).toBeGreaterThanOrEqual(LAYER_NAMES.length)
    expect(heard.some((page) => /^tidemark_serving_refused_total\{.*code="FORBIDDEN".*\} [1-9]/m.test(page))).toBe(true)
    expect(said.some((line) => formsOf('turned away').some((form) => line.includes(form)))).toBe(true)
    expect([...secrets.keys()].length).toBeGreaterThanOrEqual(7)
    for (const [what, secret] of secrets) {
      for (const form of formsOf(secret)) expect([what, said.filter((line) => line.includes(form))]).toEqual([what, []])
    }
  })
})
