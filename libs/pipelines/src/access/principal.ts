// Who asks, and what they may: scopes that a key or a token carries. Whoever has no scope for something may not do it.

import { TidemarkError } from '@tidemark/feature-schema/errors'

export const SCOPES = {
  'features:read': 'ask for features, and see which there are',
  'events:write': 'send events',
  operate: 'see how an answer came about, and what runs',
} as const

export type Scope = keyof typeof SCOPES
export const SCOPE_NAMES = Object.keys(SCOPES) as readonly Scope[]

export interface Principal {
  /** As logs have it: `key fraud-model 3kTMd…`, `token inference@example.com`. */
  readonly who: string
  readonly scopes: ReadonlySet<Scope>
}

/** What others call scopes is their business. */
export function knownScopes(names: readonly string[]): ReadonlySet<Scope> {
  return new Set(SCOPE_NAMES.filter((scope) => names.includes(scope)))
}

/** Nobody learns from it why: whether there is such a key, was one, or it is another's. */
export function unauthenticated(message = 'What it sends to say who asks is not accepted.', cause?: unknown): TidemarkError {
  const action = 'Send `authorization: Bearer KEY` with a key that `tidemark keys create` made, or a token of the issuer that this server trusts.'
  return new TidemarkError([{ code: 'UNAUTHENTICATED', message, where: 'header authorization', action }], cause === undefined ? undefined : { cause })
}

/** Throws FORBIDDEN, with the scopes of which one is missing; `where`: what was asked for. */
export function requireScope({ scopes }: Principal, oneOf: readonly Scope[], where: string): void {
  if (oneOf.some((scope) => scopes.has(scope))) return
  const named = oneOf.join(' or ')
  throw new TidemarkError([{ code: 'FORBIDDEN', message: `It needs the scope ${named}.`, where, action: `Ask with a key or a token that has ${named}.` }])
}
