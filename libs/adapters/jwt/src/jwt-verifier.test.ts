// Tokens of an issuer: which are taken, which are not, and what happens while its keys cannot be read or have changed.
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals'
import { CompactSign, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { AWAY_PAUSE_MS, KEYS_STALE_MAX_MS, LEEWAY_S, openJwtVerifier, type JwtVerifier } from './jwt-verifier.ts'

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
  let answer: { status: number; body: string }
  let askedCount = 0
  let url: string
  beforeAll(async () => {
    issuer = createServer((_request, response) => {
      askedCount++
      response.writeHead(answer.status, { 'content-type': 'application/json', connection: 'close' }).end(answer.body)
    }).listen(0, '127.0.0.1')
    await once(issuer, 'listening')
    url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`
  })
  afterAll(() => void issuer.close())
  const publish = (...keys: readonly SigningKey[]): void => void (answer = { status: 200, body: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }) })
  const opened = (): JwtVerifier => openJwtVerifier({ issuer: ISSUER, audience: 'tidemark', keys: { url } }, clock)

  it('are read once, and at most once in a while for a key that nobody knows', async () => {
    publish(first)
    await using verifier = opened()
    askedCount = 0
    await verifier.verify(await signed(CLAIMS, first))
    await verifier.verify(await signed(CLAIMS, first))
    const unknown = await signingKey('unknown')
    for (let i = 0; i < 3; i++) await expect(verifier.verify(await signed(CLAIMS, unknown))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(askedCount).toBe(1)
    publish(unknown)
    await verifier.refresh()
    await verifier.verify(await signed(CLAIMS, unknown))
    await expect(verifier.verify(await signed(CLAIMS, first))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it.each([[503, ''], [200, 'no JSON'], [200, '{}']])('that are answered with %d %j leave the ones that are known, and let in nobody who needs others', async (status, body) => {
    publish(first)
    await using verifier = opened()
    const token = await signed(CLAIMS, first)
    await verifier.verify(token)
    answer = { status, body }
    await expect(verifier.refresh()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: url }] })
    await verifier.verify(token)
    await using fresh = opened()
    await expect(fresh.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
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
    const token = await signed(CLAIMS, first)
    await verifier.verify(token)
    answer = { status: 503, body: '' }
    const nowMs = Date.now()
    const time = jest.spyOn(Date, 'now').mockReturnValue(nowMs + KEYS_STALE_MAX_MS - 1_000)
    await verifier.verify(token)
    time.mockReturnValue(nowMs + KEYS_STALE_MAX_MS + 1_000)
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    time.mockRestore()
  })
})
