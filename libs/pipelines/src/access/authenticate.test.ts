// Who asks, by the header `authorization`: a key, a token, or nobody; and that a token is verified once, and again in time.
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from '@jest/globals'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import type { VerifiedToken } from '@tidemark/ports/token-verifier'
import { apiKeyText, mintApiKey } from './api-key.ts'
import { createAuthenticate } from './authenticate.ts'
import { KnownTokens, TOKEN_TRUSTED_MAX_MS } from './known-tokens.ts'
import { requireScope, unauthenticated, type Principal } from './principal.ts'

const KEY_OWNER: Principal = { who: 'key a 1', scopes: new Set() }
const TOKEN_OWNER: Principal = { who: 'token a', scopes: new Set() }
const keys = { principalOf: () => KEY_OWNER }
const tokens = { principalOf: () => TOKEN_OWNER }
const KEY = apiKeyText(mintApiKey(randomBytes))

describe('authenticating', () => {
  it('asks those who know keys about keys, and those who know tokens about anything else', () => {
    const authenticate = createAuthenticate({ keys, tokens })
    expect([`Bearer ${KEY}`, `bearer   ${KEY}`, 'BEARER a.b.c'].map(authenticate)).toEqual([KEY_OWNER, KEY_OWNER, TOKEN_OWNER])
  })

  it.each([undefined, '', KEY, `Basic ${KEY}`, `Bearer${KEY}`])('takes nobody of %j', (authorization) => {
    expect(() => createAuthenticate({ keys, tokens })(authorization)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })

  it('takes nothing of a kind that is not asked for', () => {
    expect(() => createAuthenticate({ tokens })(`Bearer ${KEY}`)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
    expect(() => createAuthenticate({ keys })('Bearer a.b.c')).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })

  it('names the scopes of which one is missing', () => {
    requireScope({ who: 'a', scopes: new Set(['operate']) }, ['features:read', 'operate'], '/v1/catalog')
    expect(() => requireScope({ who: 'a', scopes: new Set(['events:write']) }, ['features:read', 'operate'], '/v1/catalog')).toThrow(/FORBIDDEN at \/v1\/catalog: It needs the scope features:read or operate\./)
  })
})

describe('a token', () => {
  const NOW_MS = 1_800_000_000_000
  const clock = createSteppedClock(NOW_MS)
  let verifiedCount = 0
  let verified: Promise<VerifiedToken>
  const known = new KnownTokens({ verify: () => (verifiedCount++, verified) }, clock)
  const verifiedAnew = async (token: string): Promise<number> => {
    const before = verifiedCount
    await known.principalOf(token)
    return verifiedCount - before
  }

  it('is verified once, however many ask at once, until it expires', async () => {
    verified = Promise.resolve({ subject: 'model', scopes: ['features:read', 'email'], expiresAtMs: NOW_MS + 60_000 })
    const all = await Promise.all([known.principalOf('a'), known.principalOf('a')])
    expect(all).toEqual([all[0], { who: 'token model', scopes: new Set(['features:read']) }])
    expect(verifiedCount).toBe(1)
    expect(known.principalOf('a')).toBe(all[0])
    clock.step(59_999)
    expect(await verifiedAnew('a')).toBe(0)
    clock.step(1)
    expect(await verifiedAnew('a')).toBe(1)
  })

  it('is verified again after a while, whatever it says of itself, and for another time', async () => {
    verified = Promise.resolve({ subject: 'model', scopes: [], expiresAtMs: Infinity })
    expect(await verifiedAnew('b')).toBe(1)
    clock.step(TOKEN_TRUSTED_MAX_MS - 1)
    expect(await verifiedAnew('b')).toBe(0)
    clock.step(1)
    expect(await verifiedAnew('b')).toBe(1)
    expect(await verifiedAnew('c')).toBe(1)
  })

  it('is trusted from when it was shown, however long it took to verify', async () => {
    const verifying = Promise.withResolvers<VerifiedToken>()
    verified = verifying.promise
    const first = known.principalOf('slow')
    clock.step(100)
    verifying.resolve({ subject: 'model', scopes: [], expiresAtMs: Infinity })
    await first
    clock.step(TOKEN_TRUSTED_MAX_MS - 101)
    expect(await verifiedAnew('slow')).toBe(0)
    clock.step(1)
    expect(await verifiedAnew('slow')).toBe(1)
  })

  it('that was refused is verified again', async () => {
    verified = Promise.reject(unauthenticated())
    await expect(known.principalOf('d')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    verified = Promise.resolve({ subject: 'model', scopes: [], expiresAtMs: Infinity })
    expect(await verifiedAnew('d')).toBe(1)
  })

  it('that is too long is not looked at', () => {
    const before = verifiedCount
    expect(() => known.principalOf('x'.repeat(8_193))).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
    expect(verifiedCount).toBe(before)
  })
})
