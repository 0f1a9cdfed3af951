// JSON Web Tokens of one issuer, for one audience, checked with the keys that the issuer publishes (a JWKS, from a URL or given). Only algorithms with a key
// of two halves: whoever can check a token can't make one. Keys from a URL are read when the first token comes, by `refresh`, and when a token names one
// that is not known, at most once in KEYS_COOLDOWN_MS: meanwhile it may be a new key's, which is neither right nor wrong. While the issuer is away, or
// publishes no key of use, the keys that are known go on for KEYS_STALE_MAX_MS, and whoever needs others has it asked once in AWAY_PAUSE_MS.

import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { TokenVerifier, VerifiedToken } from '@tidemark/ports/token-verifier'
import { createLocalJWKSet, errors, jwtVerify, UnsecuredJWT, type CryptoKey, type FlattenedJWSInput, type JSONWebKeySet, type JWTHeaderParameters, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose'
import { Agent, fetch } from 'undici'

export const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** How far the issuer's clock may be from this one's. */
export const LEEWAY_S = 30
/** Anybody can name a key that nobody knows: this is how often they may have the issuer asked, and how long a new key may have to wait. */
export const KEYS_COOLDOWN_MS = 5_000
export const KEYS_STALE_MAX_MS = 3_600_000
export const AWAY_PAUSE_MS = 1_000
/** How long a token waits for keys that are being read; the reading goes on for those that come later. */
export const KEYS_WAIT_MAX_MS = 800
const REQUEST_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 2_000
const KEYS_SIZE_MAX_BYTES = 1_048_576
const RSA_LENGTH_MIN_BITS = 2_048

export type { JSONWebKeySet }

export interface JwtOptions {
  readonly issuer: string
  readonly audience: string
  readonly keys: { readonly jwks: JSONWebKeySet } | { readonly url: string; readonly tls?: Pick<TlsOptions, 'ca'> }
}

export interface JwtVerifier extends TokenVerifier, AsyncDisposable {
  /** Reads the issuer's keys. STORE_UNAVAILABLE. */
  refresh(): Promise<void>
}

/** `onRead` hears of each reading of the issuer's keys: null where it went well. */
export function openJwtVerifier({ issuer, audience, keys }: JwtOptions, clock: WaitingClock, onRead: (problem: TidemarkError | null) => void = () => undefined): JwtVerifier {
  const claims = (): JWTVerifyOptions => ({ issuer, audience, clockTolerance: LEEWAY_S, currentDate: new Date(clock.nowMs()), requiredClaims: ['exp', 'sub'] })
  const { keyOf, refresh, close } = 'jwks' in keys ? givenKeys(keys.jwks) : publishedKeys({ ...keys, clock, onRead, couldBeRight: (token) => areClaimsRight(token, claims()) })
  return {
    refresh,
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keyOf, { ...claims(), algorithms: ALGORITHMS })
        return verifiedOf(payload)
      } catch (error) {
        throw error instanceof errors.JOSEError ? refused(error) : error
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

/** Whether it would be accepted if somebody whose key is known had signed it. */
function areClaimsRight({ payload }: FlattenedJWSInput, claims: JWTVerifyOptions): boolean {
  try {
    UnsecuredJWT.decode(`${UNSIGNED}.${payload as string}.`, claims)
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

const UNSIGNED = Buffer.from('{"alg":"none"}').toString('base64url')

interface Keys {
  readonly keyOf: JWTVerifyGetKey
  refresh(): Promise<void>
  close(): Promise<void>
}

function givenKeys(jwks: JSONWebKeySet): Keys {
  const keys = createLocalJWKSet(jwks)
  return { keyOf: async (header, token) => ofUse(await keys(header, token)), refresh: () => Promise.resolve(), close: () => Promise.resolve() }
}

type KeySet = ReturnType<typeof createLocalJWKSet>

interface Published {
  readonly url: string
  readonly tls?: Pick<TlsOptions, 'ca'>
  readonly clock: WaitingClock
  readonly onRead: (problem: TidemarkError | null) => void
  /** false: no key makes it right, and none is looked for. */
  readonly couldBeRight: (token: FlattenedJWSInput) => boolean
}

function publishedKeys({ url, tls, clock, onRead, couldBeRight }: Published): Keys {
  const agent = new Agent({ connect: { ...tls, timeout: CONNECT_TIMEOUT_MS }, maxResponseSize: KEYS_SIZE_MAX_BYTES })
  /** `readAtMs`, steady: when the reading began. */
  let known: { readonly keys: KeySet; readonly readAtMs: number } | null = null
  let failed: { readonly problem: TidemarkError; readonly untilMs: number } | null = null
  let reading: Promise<void> | null = null

  async function readOnce(): Promise<void> {
    const readAtMs = clock.steadyMs()
    failed = null
    try {
      known = { keys: await fetchKeys(url, agent), readAtMs }
      onRead(null)
    } catch (error) {
      failed = { problem: away(url, error), untilMs: clock.steadyMs() + AWAY_PAUSE_MS }
      onRead(failed.problem)
      throw failed.problem
    }
  }
  /** However many want it, one at a time. */
  const read = (): Promise<void> => (reading ??= readOnce().finally(() => {
    reading = null
  }))

  return {
    async keyOf(header, token) {
      const cameAtMs = clock.steadyMs()
      for (;;) {
        const { keys, readAtMs } = known ?? { keys: null, readAtMs: -Infinity }
        const ageMs = clock.steadyMs() - readAtMs
        const key = keys !== null && ageMs < KEYS_STALE_MAX_MS ? await keyIn(keys, header, token, url) : null
        if (key !== null) return key
        if (readAtMs >= cameAtMs || !couldBeRight(token)) throw new errors.JWKSNoMatchingKey()
        if (ageMs < KEYS_COOLDOWN_MS) throw notKnownYet(url)
        if (failed !== null && clock.steadyMs() < failed.untilMs) throw failed.problem
        await soon(read(), clock, url)
      }
    },
    refresh: read,
    close: () => agent.destroy(),
  }
}

/** Throws where the issuer is away, or what it publishes has no key that any token could be checked with: those that are known are worth more. */
async function fetchKeys(url: string, dispatcher: Agent): Promise<KeySet> {
  const response = await fetch(url, { dispatcher, redirect: 'manual', headers: { accept: 'application/json, application/jwk-set+json' }, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) })
  const body = await response.text()
  if (response.status !== 200) throw new Error(`the answer is HTTP ${response.status}`)
  const keys = createLocalJWKSet(JSON.parse(body) as JSONWebKeySet)
  for (const alg of ALGORITHMS) if (await hasKeyFor(keys, alg)) return keys
  throw new Error('there is no key among them that can be used')
}

async function hasKeyFor(keys: KeySet, alg: string): Promise<boolean> {
  try {
    return isLongEnough(await keys({ alg }))
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) for await (const key of error) if (isLongEnough(key)) return true
    return false
  }
}

/** Shorter ones of RSA are not checked with (RFC 7518, 3.3 and 3.5). */
function isLongEnough({ algorithm }: CryptoKey): boolean {
  return !('modulusLength' in algorithm) || (algorithm.modulusLength as number) >= RSA_LENGTH_MIN_BITS
}

function ofUse(key: CryptoKey): CryptoKey {
  if (isLongEnough(key)) return key
  throw new errors.JOSENotSupported(`The key is shorter than ${RSA_LENGTH_MIN_BITS} bits.`)
}

/** null: there is none that fits. */
async function keyIn(keys: KeySet, header: JWTHeaderParameters, token: FlattenedJWSInput, url: string): Promise<CryptoKey | null> {
  try {
    return ofUse(await keys(header, token))
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return null
    throw error instanceof errors.JWKSMultipleMatchingKeys || error instanceof errors.JOSENotSupported ? error : away(url, error)
  }
}

async function soon(reading: Promise<void>, clock: WaitingClock, url: string): Promise<void> {
  const ending = new AbortController()
  try {
    const isLate = await Promise.race([reading.then(() => false), clock.wait(KEYS_WAIT_MAX_MS, ending.signal).then(() => true)])
    if (isLate) throw away(url, new Error(`there is no answer within ${KEYS_WAIT_MAX_MS} ms`))
  } finally {
    ending.abort()
  }
}

function verifiedOf({ sub: subject, exp, scope, scp }: JWTPayload): VerifiedToken {
  if (typeof subject !== 'string' || subject === '') throw refused(new errors.JWTInvalid('it names no subject'))
  return { subject, scopes: [...namesIn(scope), ...namesIn(scp)], expiresAtMs: exp! * 1_000 }
}

/** Issuers give scopes as a text with blanks between, or as a list. */
function namesIn(claim: unknown): string[] {
  if (typeof claim === 'string') return claim.split(' ').filter((name) => name !== '')
  return Array.isArray(claim) ? claim.filter((name) => typeof name === 'string') : []
}

/** What a claim lacks is told only of a token whose signature is right. */
function refused(error: errors.JOSEError): TidemarkError {
  const isClaim = error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired
  const message = isClaim ? `The token is not accepted: its claim ${error.claim} is missing, wrong, or of another time.` : 'What it sends to say who asks is not accepted.'
  return new TidemarkError([{ code: 'UNAUTHENTICATED', message, where: 'header authorization', action: 'Get a new token from the issuer that this server trusts, for its audience.' }], { cause: error })
}

function away(url: string, cause: unknown): TidemarkError {
  const { message } = cause instanceof Error && cause.cause instanceof Error ? cause.cause : (cause as Error)
  return new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: `The keys that tokens are checked with cannot be read: ${message}.`, where: url, action: 'See that the issuer answers there with a JSON Web Key Set.' }], { cause })
}

function notKnownYet(url: string): TidemarkError {
  return new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: `A token names a key that was not there less than ${KEYS_COOLDOWN_MS / 1_000} s ago, and may be a new one.`, where: url, action: 'Ask again: the keys are then read again. If it goes on, somebody sends tokens of keys that the issuer does not publish.' }])
}
