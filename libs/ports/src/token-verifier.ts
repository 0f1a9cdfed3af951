// Tokens that somebody else has issued, and signed: whose they are, and what they allow.

export interface VerifiedToken {
  readonly subject: string
  /** As the issuer names them. */
  readonly scopes: readonly string[]
  readonly expiresAtMs: number
}

export interface TokenVerifier {
  /** UNAUTHENTICATED where it is none, another's, for somebody else, not valid yet or no more; STORE_UNAVAILABLE where keys to check it with cannot be had. */
  verify(token: string): Promise<VerifiedToken>
}
