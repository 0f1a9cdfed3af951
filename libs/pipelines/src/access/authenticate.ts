// Who asks, by what their request says of it: `authorization: Bearer …` with an API key or a token.

import { API_KEY_PREFIX } from './api-key.ts'
import type { KeyRing } from './key-ring.ts'
import type { KnownTokens } from './known-tokens.ts'
import { unauthenticated, type Principal } from './principal.ts'

/** Of the header `authorization`. Throws or rejects with UNAUTHENTICATED, or STORE_UNAVAILABLE where it cannot be told; at once for a key and for a token that is known. */
export type Authenticate = (authorization: string | undefined) => Principal | Promise<Principal>

export interface Credentials {
  readonly keys?: Pick<KeyRing, 'principalOf'> | undefined
  readonly tokens?: Pick<KnownTokens, 'principalOf'> | undefined
}

const SCHEME = /^bearer +/i

export function createAuthenticate({ keys, tokens }: Credentials): Authenticate {
  return (authorization) => {
    if (authorization === undefined) throw unauthenticated('It does not say who asks.')
    const scheme = SCHEME.exec(authorization)
    if (scheme === null) throw unauthenticated()
    const credential = authorization.slice(scheme[0].length)
    const judge = credential.startsWith(API_KEY_PREFIX) ? keys : tokens
    if (judge === undefined) throw unauthenticated()
    return judge.principalOf(credential)
  }
}
