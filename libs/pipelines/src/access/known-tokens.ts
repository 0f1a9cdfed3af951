// Tokens that were verified, by their hash, so that the same one costs a look-up: checking a signature takes longer than an answer does. Each is
// trusted until it expires, and no longer than TOKEN_TRUSTED_MAX_MS: then it is checked again, with the keys that its issuer has by then.

import { hash } from 'node:crypto'
import type { Clock } from '@tidemark/ports/clock'
import type { TokenVerifier, VerifiedToken } from '@tidemark/ports/token-verifier'
import { LRUCache } from 'lru-cache'
import { knownScopes, unauthenticated, type Principal } from './principal.ts'

export const TOKEN_TRUSTED_MAX_MS = 300_000
const TOKEN_COUNT_MAX = 10_000
const TOKEN_LENGTH_MAX = 8_192
const SUBJECT_LENGTH_MAX = 200

interface KnownToken {
  readonly principal: Principal
  readonly expiresAtMs: number
  /** Steady. */
  readonly verifiedAtMs: number
}

export class KnownTokens {
  private readonly verifier: TokenVerifier
  private readonly clock: Clock
  private readonly known = new LRUCache<string, KnownToken>({ max: TOKEN_COUNT_MAX })
  private readonly underWay = new Map<string, Promise<Principal>>()

  constructor(verifier: TokenVerifier, clock: Clock) {
    this.verifier = verifier
    this.clock = clock
  }

  /** Throws or rejects with what `TokenVerifier.verify` does. */
  principalOf(token: string): Principal | Promise<Principal> {
    if (token.length > TOKEN_LENGTH_MAX) throw unauthenticated()
    const id = hash('sha256', token, 'base64')
    const known = this.known.get(id)
    if (known !== undefined && this.clock.nowMs() < known.expiresAtMs && this.clock.steadyMs() - known.verifiedAtMs < TOKEN_TRUSTED_MAX_MS) return known.principal
    const begun = this.underWay.get(id)
    if (begun !== undefined) return begun
    const verified = this.verify(id, token).finally(() => this.underWay.delete(id))
    this.underWay.set(id, verified)
    return verified
  }

  private async verify(id: string, token: string): Promise<Principal> {
    const verifiedAtMs = this.clock.steadyMs()
    const verified = await this.verifier.verify(token)
    const principal = principalOf(verified)
    this.known.set(id, { principal, expiresAtMs: verified.expiresAtMs, verifiedAtMs })
    return principal
  }
}

function principalOf({ subject, scopes }: VerifiedToken): Principal {
  return { who: `token ${subject.slice(0, SUBJECT_LENGTH_MAX)}`, scopes: knownScopes(scopes) }
}
