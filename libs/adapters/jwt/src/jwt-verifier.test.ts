// Tokens of an issuer: which are taken, which are not, and what happens while its keys cannot be read or have changed.
import { generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { CompactSign, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { AWAY_PAUSE_MS, KEYS_COOLDOWN_MS, KEYS_STALE_MAX_MS, KEYS_WAIT_MAX_MS, LEEWAY_S, openJwtVerifier, type JwtVerifier } from './jwt-verifier.ts'

const NOW_S = 1_800_000_000
const clock = createSteppedClock(NOW_S * 1_000)
const ISSUER = 'https://issuer.example.com/'
/** undefined: without it. */
type Claims = Readonly<Record<string, unknown>>
const CLAIMS: Claims = { iss: ISSUER, aud: 'tidemark', sub: 'inference', exp: NOW_S + 60, scope: 'features:read email' }

interface SigningKey {
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

async function signingKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

const signed = (claims: Claims, { privateKey, jwk }: SigningKey): Promise<string> => new SignJWT(claims as JWTPayload).setProtectedHeader({ alg: jwk.alg!, kid: jwk.kid! }).sign(privateKey)

let first: SigningKey
let other: SigningKey
let given: JwtVerifier
beforeAll(async () => {
  first = await signingKey('first')
  other = await signingKey('first')
  given = openJwtVerifier({ issuer: ISSUER, audience: 'tidemark', keys: { jwks: { keys: [first.jwk] } } }, clock)
})

describe('a token', () => {
  it('of the issuer, for the audience, tells whose it is, and its scopes from either claim', async () => {
    expect(await given.verify(await signed(CLAIMS, first))).toEqual({ subject: 'inference', scopes: ['features:read', 'email'], expiresAtMs: (NOW_S + 60) * 1_000 })
    expect((await given.verify(await signed({ ...CLAIMS, scope: undefined, scp: ['operate', 7] }, first))).scopes).toEqual(['operate'])
    expect((await given.verify(await signed({ ...CLAIMS, scope: undefined, scp: 'a b', aud: ['x', 'tidemark'] }, first))).scopes).toEqual(['a', 'b'])
    const rsa = await signingKey('rsa', 'RS256')
    const ofRsa = openJwtVerifier({ issuer: ISSUER, audience: 'tidemark', keys: { jwks: { keys: [rsa.jwk] } } }, clock)
    expect((await ofRsa.verify(await signed(CLAIMS, rsa))).subject).toBe('inference')
  })

  it('of a key that is too short to be believed is refused, though its issuer publishes it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 })
    const weak = { ...publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256' } as JWK
    const [head, body] = [{ alg: 'RS256', kid: 'weak' }, CLAIMS].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    const token = `${head}.${body}.${sign('sha256', Buffer.from(`${head}.${body}`), privateKey).toString('base64url')}`
    const verifier = openJwtVerifier({ issuer: ISSUER, audience: 'tidemark', keys: { jwks: { keys: [first.jwk, weak] } } }, clock)
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await verifier.verify(await signed(CLAIMS, first))).subject).toBe('inference')
  })

  it.each<[string, Claims, RegExp]>([
    ['of another issuer', { ...CLAIMS, iss: 'https://other.example.com/' }, /claim iss/],
    ['for another audience', { ...CLAIMS, aud: 'other' }, /claim aud/],
    ['that never expires', { ...CLAIMS, exp: undefined }, /claim exp/],
    ['that has expired, by more than clocks differ', { ...CLAIMS, exp: NOW_S - LEEWAY_S }, /claim exp/],
    ['that is not valid yet', { ...CLAIMS, nbf: NOW_S + LEEWAY_S + 1 }, /claim nbf/],
    ['of nobody', { ...CLAIMS, sub: undefined }, /claim sub/],
    ['of an empty name', { ...CLAIMS, sub: '' }, /not accepted/],
  ])('%s is refused, and its claim named', async (_, claims, message) => {
    const token = await signed(claims, first)
    const refused = given.verify(token)
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringMatching(message) })
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(token) })
  })

  it('that has just expired, or soon will be valid, is taken: clocks differ', async () => {
    await given.verify(await signed({ ...CLAIMS, exp: NOW_S - LEEWAY_S + 1, nbf: NOW_S + LEEWAY_S }, first))
  })

  it('that another key signed, a shared secret, or nobody, is refused, and no more is said', async () => {
    const [header, payload, signature] = (await signed(CLAIMS, first)).split('.') as [string, string, string]
    const changed = Buffer.from(JSON.stringify({ ...CLAIMS, scope: 'operate' })).toString('base64url')
    const ofPublicKey = await new CompactSign(Buffer.from(JSON.stringify(CLAIMS))).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(Buffer.from(JSON.stringify(first.jwk)))
    for (const token of [await signed(CLAIMS, other), new UnsecuredJWT(CLAIMS as JWTPayload).encode(), ofPublicKey, `${header}.${changed}.${signature}`, `${header}.${payload}.`, 'nothing', '', '..']) {
      await expect(given.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('What it sends to say who asks is not accepted.') })
    }
  })
})

describe('the keys that an issuer publishes', () => {
  let issuer: Server
  /** null: it accepts, and says nothing. */
  let answer: { status: number; body: string } | null
  let askedCount = 0
  const waiting: ServerResponse[] = []
  let url: string
  beforeAll(async () => {
    issuer = createServer((_request, response) => {
      askedCount++
      if (answer === null) waiting.push(response)
      else response.writeHead(answer.status, { 'content-type': 'application/json', connection: 'close' }).end(answer.body)
    }).listen(0, '127.0.0.1')
    await once(issuer, 'listening')
    url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`
  })
  afterAll(() => void issuer.close())
  const publish = (...keys: readonly SigningKey[]): void => void (answer = { status: 200, body: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }) })
  const told: (string | null)[] = []
  const opened = (): JwtVerifier => openJwtVerifier({ issuer: ISSUER, audience: 'tidemark', keys: { url } }, clock, (problem) => void told.push(problem && problem.code))
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

  it('are read once, however many ask, and it is told once', async () => {
    publish(first)
    await using verifier = opened()
    askedCount = told.length = 0
    const token = await signed(CLAIMS, first)
    await Promise.all([verifier.verify(token), verifier.verify(token)])
    await verifier.verify(token)
    expect([askedCount, told]).toEqual([1, [null]])
  })

  it('are read again for a token of a key that is not known, at most once in a while: meanwhile it may be a new one', async () => {
    publish(first)
    await using verifier = opened()
    const next = await signed(CLAIMS, await signingKey('next'))
    askedCount = told.length = 0
    // It was looked for after the token had come.
    await expect(verifier.verify(next)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const unknown = await Promise.all(['a', 'b', 'c'].map(async (kid) => signed(CLAIMS, await signingKey(kid))))
    for (const passedMs of [1, KEYS_COOLDOWN_MS - 2]) {
      clock.step(passedMs)
      for (const token of unknown) await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: url, action: expect.stringContaining('Ask again') }] })
    }
    expect([askedCount, told]).toEqual([1, [null]])
    clock.step(1)
    for (const token of [unknown[0]!, next]) await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect([askedCount, told]).toEqual([2, [null, null]])
    await verifier.verify(await signed(CLAIMS, first))
  })

  it('may be changed all at once: who has a token of the new one is told to ask again, and let in soon', async () => {
    const next = await signingKey('next')
    publish(first)
    await using verifier = opened()
    const [token, old] = [await signed(CLAIMS, next), await signed(CLAIMS, first)]
    await verifier.verify(old)
    publish(next)
    clock.step(1)
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    clock.step(KEYS_COOLDOWN_MS - 1)
    await verifier.verify(token)
    clock.step(KEYS_COOLDOWN_MS)
    await expect(verifier.verify(old)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('are not looked at for a token that no key makes right', async () => {
    publish(first)
    await using verifier = opened()
    const unknown = await signingKey('unknown')
    const wrong: readonly Claims[] = [{ ...CLAIMS, iss: 'https://other.example.com/' }, { ...CLAIMS, aud: 'other' }, { ...CLAIMS, exp: NOW_S - 3_600 }, { ...CLAIMS, exp: undefined }, { ...CLAIMS, sub: undefined }]
    const [header, , signature] = (await signed(CLAIMS, unknown)).split('.') as [string, string, string]
    const tokens = [...await Promise.all(wrong.map((claims) => signed(claims, unknown))), new UnsecuredJWT(CLAIMS as JWTPayload).encode(), `${header}.e30x.${signature}`, 'nothing', '..']
    askedCount = 0
    const refusals = async (): Promise<void> => {
      for (const token of tokens) await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('What it sends to say who asks is not accepted.') })
    }
    await refusals()
    expect(askedCount).toBe(0)
    await verifier.verify(await signed(CLAIMS, first))
    clock.step(1)
    await refusals()
    clock.step(KEYS_COOLDOWN_MS)
    await refusals()
    expect(askedCount).toBe(1)
  })

  it('are not waited for by whoever asks for longer than they would wait for an answer, and are there for those who ask later', async () => {
    answer = null
    await using verifier = opened()
    const token = await signed(CLAIMS, first)
    askedCount = told.length = 0
    const asked = Array.from({ length: 3 }, () => verifier.verify(token).catch((error: unknown) => error))
    while (waiting.length === 0 || clock.waiting().length < asked.length) await turn()
    clock.step(KEYS_WAIT_MAX_MS - 1)
    expect(clock.waiting()).toHaveLength(asked.length)
    clock.step(1)
    for (const refused of asked) expect(await refused).toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: url }] })
    const later = verifier.verify(token)
    publish(first)
    waiting.pop()!.writeHead(200, { connection: 'close' }).end(answer!.body)
    await later
    await verifier.verify(token)
    expect([askedCount, told, clock.waiting()]).toEqual([1, [null], []])
  })

  const wrong = (...keys: readonly object[]): [number, string] => [200, JSON.stringify({ keys })]
  it.each<[number, string]>([
    [503, ''], [302, ''], [200, 'no JSON'], [200, '{}'], wrong(), wrong({ kty: 'oct', k: 'AAAA', kid: 'first' }), wrong({ kty: 'RSA', n: 'AQAB', e: 'AQAB' }), wrong({ kty: 'RSA', n: 'AQAB', e: 'AQAB' }, { kty: 'RSA', n: 'AQAD', e: 'AQAB' }),
    wrong({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, { kty: 'EC', crv: 'P-256', x: 'AB', y: 'AA' }),
  ])('that are answered with %d %j leave the ones that are known, and let in nobody who needs others', async (status, body) => {
    publish(first)
    await using verifier = opened()
    const token = await signed(CLAIMS, first)
    await verifier.verify(token)
    answer = { status, body }
    told.length = 0
    await expect(verifier.refresh()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: url }] })
    await verifier.verify(token)
    expect(told).toEqual(['STORE_UNAVAILABLE'])
    await using fresh = opened()
    await expect(fresh.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  it('are of use where one of them is, whatever the others are', async () => {
    const [a, b] = [await signingKey('a', 'RS256'), await signingKey('b', 'RS256')]
    for (const jwk of [a.jwk, b.jwk]) delete jwk.alg
    answer = { status: 200, body: JSON.stringify({ keys: [{ kty: 'oct', k: 'AAAA' }, a.jwk, b.jwk] }) }
    await using verifier = opened()
    await verifier.refresh()
    await verifier.verify(await signed(CLAIMS, { ...b, jwk: { ...b.jwk, alg: 'RS256' } }))
  })

  it.each([[503, ''], [200, 'no JSON']])('that are answered with %d %j from the start are asked for once in a while, whoever asks', async (status, body) => {
    answer = { status, body }
    await using verifier = opened()
    const token = await signed(CLAIMS, first)
    askedCount = 0
    for (let i = 0; i < 5; i++) await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(askedCount).toBe(1)
    publish(first)
    // Who asks meanwhile makes it no longer.
    clock.step(AWAY_PAUSE_MS - 1)
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    clock.step(1)
    await verifier.verify(token)
  })

  it('are read at once by who refreshes them, however lately the issuer was away', async () => {
    answer = { status: 503, body: '' }
    await using verifier = opened()
    const token = await signed(CLAIMS, first)
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    publish(first)
    await verifier.refresh()
    await verifier.verify(token)
  })

  it('are believed for a while only, where the issuer is away', async () => {
    publish(first)
    await using verifier = opened()
    const token = await signed({ ...CLAIMS, exp: NOW_S + 2 * KEYS_STALE_MAX_MS }, first)
    await verifier.verify(token)
    answer = { status: 503, body: '' }
    clock.step(KEYS_STALE_MAX_MS - 1)
    await verifier.verify(token)
    clock.step(1)
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})
