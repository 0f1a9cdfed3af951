// What readiness says of the issuer of tokens: what came of reading its keys, whatever comes of tokens.
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it } from '@jest/globals'
import { KEYS_COOLDOWN_MS } from '@tidemark/adapter-jwt/jwt-verifier'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { Metrics } from '@tidemark/observability/metrics'
import { Readiness } from '@tidemark/service-kit/readiness'
import type { ServiceContext } from '@tidemark/service-kit/run-service'
import { openAccess, TOKEN_KEYS_EVERY_MS } from './open-access.ts'

const NOW_MS = 1_800_000_000_000
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PUBLISHED = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'known' }] })

function tokenOf(sub: string, kid = 'known'): string {
  const part = (document: object): string => Buffer.from(JSON.stringify(document)).toString('base64url')
  const text = `${part({ alg: 'ES256', kid })}.${part({ iss: 'issuer', aud: 'tidemark', sub, exp: NOW_MS / 1_000 + 86_400 })}`
  return `Bearer ${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

it('readiness names an issuer from when it publishes no key of use until it does, and no token changes that', async () => {
  let keys = PUBLISHED
  const issuer = createServer((_request, response) => void response.setHeader('connection', 'close').end(keys)).listen(0, '127.0.0.1')
  await once(issuer.unref(), 'listening')
  await using _closed = { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void issuer.close(() => resolve())) }
  const clock = createSteppedClock(NOW_MS)
  const readiness = new Readiness(() => clock.steadyMs())
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/`
  const settings = { host: '127.0.0.1', port: 0, auth: { hasApiKeys: false, jwt: { issuer: 'issuer', audience: 'tidemark', keys: { url } } } }
  await using opened = await openAccess(settings, {} as never, { clock, readiness, metrics: new Metrics() } as unknown as ServiceContext)
  const told = async (authorization: string): Promise<unknown> => {
    try {
      return await opened.access!.authenticate(authorization)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const waitsFor = (): string[] => readiness.read().waitsFor.map(({ name }) => name)
  const ending = new AbortController()
  const refresh = opened.loops[0]!
  const following = refresh(ending.signal)
  while (clock.waiting().length === 0) await new Promise(setImmediate)
  expect([await told(tokenOf('a')), waitsFor()]).toEqual([expect.objectContaining({ who: 'token a' }), []])
  // A stranger's key, while it is not looked for.
  clock.step(1)
  expect([await told(tokenOf('a', 'unknown')), waitsFor()]).toEqual(['STORE_UNAVAILABLE', []])
  keys = '{"keys":[]}'
  clock.step(TOKEN_KEYS_EVERY_MS)
  await expect(following).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: url, message: expect.stringContaining('there is no key among them') }] })
  expect([await told(tokenOf('b')), waitsFor()]).toEqual([expect.objectContaining({ who: 'token b' }), ['issuer']])
  keys = PUBLISHED
  clock.step(KEYS_COOLDOWN_MS)
  expect([await told(tokenOf('c', 'unknown')), waitsFor()]).toEqual(['UNAUTHENTICATED', []])
  ending.abort()
})
