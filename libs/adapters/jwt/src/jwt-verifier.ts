// JSON Web Tokens of one issuer, for one audience, checked with the keys that the issuer publishes (a JWKS, from a URL or given). Only algorithms with a key
// of two halves: whoever can check a token can't make one. Keys from a URL are read when the first token comes and again by `refresh`; a token that
// names a key which is not known makes them be read again, at most once in KEYS_COOLDOWN_MS, so that a key may be changed at any time. While the
// issuer is away, the keys that are known go on for KEYS_STALE_MAX_MS, and whoever needs others has it asked once in AWAY_PAUSE_MS.

import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Clock } from '@tidemark/ports/clock'
import type { TokenVerifier, VerifiedToken } from '@tidemark/ports/token-verifier'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, jwtVerify, type FetchImplementation, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { Agent, fetch } from 'undici'

export const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
/** How far the issuer's clock may be from this one's. */
export const LEEWAY_S = 30
export const KEYS_COOLDOWN_MS = 30_000
export const KEYS_STALE_MAX_MS = 3_600_000
export const AWAY_PAUSE_MS = 1_000
const REQUEST_TIMEOUT_MS = 5_000
const CONNECT_TIMEOUT_MS = 2_000
const KEYS_SIZE_MAX_BYTES = 1_048_576

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

export function openJwtVerifier({ issuer, audience, keys }: JwtOptions, clock: Clock): JwtVerifier {
  const { keyOf, refresh, close } = 'jwks' in keys ? givenKeys(keys.jwks) : publishedKeys(keys, clock)
  return {
    refresh,
    async verify(token) {
      try {
        const { payload } = await jwtVerify(token, keyOf, { issuer, audience, algorithms: ALGORITHMS, clockTolerance: LEEWAY_S, currentDate: new Date(clock.nowMs()), requiredClaims: ['exp', 'sub'] })
        return verifiedOf(payload)
      } catch (error) {
        throw error instanceof errors.JOSEError ? refused(error) : error
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

interface Keys {
  readonly keyOf: JWTVerifyGetKey
  refresh(): Promise<void>
  close(): Promise<void>
}

function givenKeys(jwks: JSONWebKeySet): Keys {
  return { keyOf: createLocalJWKSet(jwks), refresh: () => Promise.resolve(), close: () => Promise.resolve() }
}

function publishedKeys({ url, tls }: { readonly url: string; readonly tls?: Pick<TlsOptions, 'ca'> }, clock: Clock): Keys {
  const agent = new Agent({ connect: { ...tls, timeout: CONNECT_TIMEOUT_MS }, maxResponseSize: KEYS_SIZE_MAX_BYTES })
  let failed: { readonly error: unknown; readonly untilMs: number } | null = null
  const fetchKeys = (async (address: string, init: object) => {
    if (failed !== null && clock.steadyMs() < failed.untilMs) throw failed.error
    return fetch(address, { ...init, dispatcher: agent })
  }) as unknown as FetchImplementation
  const published = createRemoteJWKSet(new URL(url), { timeoutDuration: REQUEST_TIMEOUT_MS, cooldownDuration: KEYS_COOLDOWN_MS, cacheMaxAge: KEYS_STALE_MAX_MS, [customFetch]: fetchKeys })
  return {
    async keyOf(header, token) {
      try {
        return await published(header, token)
      } catch (error) {
        if (OF_THE_TOKEN.some((kind) => error instanceof kind)) throw error
        if (error !== failed?.error) failed = { error, untilMs: clock.steadyMs() + AWAY_PAUSE_MS }
        throw away(url, error)
      }
    },
    async refresh() {
      failed = null
      await published.reload().catch((error: unknown) => {
        throw away(url, error)
      })
    },
    close: () => agent.close(),
  }
}

/** What looking for a key says of the token; anything else is said of the keys. */
const OF_THE_TOKEN = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported]

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
