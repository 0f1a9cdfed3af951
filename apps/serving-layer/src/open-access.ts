// Whom the serving layer lets in: by API keys, which are in the registers, and tokens of an issuer. Who is turned away, and who operates, is in the log.

import { openJwtVerifier } from '@tidemark/adapter-jwt/jwt-verifier'
import type { TidemarkError } from '@tidemark/feature-schema/errors'
import { isLoopback } from '@tidemark/machine/loopback'
import { createAuthenticate } from '@tidemark/pipelines/access/authenticate'
import { KeyRing } from '@tidemark/pipelines/access/key-ring'
import { KnownTokens } from '@tidemark/pipelines/access/known-tokens'
import { every, type Loop } from '@tidemark/pipelines/lambda/run-together'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { untilAnswered } from '@tidemark/service-kit/open-servers'
import type { ServiceContext } from '@tidemark/service-kit/run-service'
import type { Access } from '@tidemark/serving-http/access-guard'
import { tellAccess } from './access-log.ts'
import type { HttpSettings } from './http-settings.ts'

/** An issuer that has changed its keys is asked at once for one that is not known; this is for one that is no more. */
export const TOKEN_KEYS_EVERY_MS = 300_000

/** Among the servers that a service waits for. */
const ISSUER = 'issuer'

export interface OpenAccess extends AsyncDisposable {
  /** undefined: nobody is asked who they are. */
  readonly access: Access | undefined
  readonly loops: readonly Loop[]
}

/** Waits until the keys were read. */
export async function openAccess({ host, tls, auth: { hasApiKeys, jwt } }: HttpSettings, registers: RegisterStore, context: ServiceContext): Promise<OpenAccess> {
  const { clock, log } = context
  await using opened = new AsyncDisposableStack()
  if (!hasApiKeys && jwt === null) return { access: undefined, loops: [], [Symbol.asyncDispose]: () => Promise.resolve() }
  if (tls === undefined && !isLoopback(host)) {
    log.warn({ where: 'TIDEMARK_HTTP_TLS_CERT_FILE', action: 'Give a certificate, or let a proxy before this service speak HTTPS, on a network that nobody else reads.' }, 'Keys and tokens come in plain HTTP.')
  }
  const keys = hasApiKeys ? new KeyRing(registers, clock) : undefined
  if (keys !== undefined) await untilAnswered('registers', () => keys.read(), context)
  const verifier = jwt === null ? undefined : opened.use(openJwtVerifier(jwt, clock, tellIssuer(context)))
  const tokens = verifier && new KnownTokens(verifier, clock)
  const owned = opened.move()
  return {
    access: { authenticate: createAuthenticate({ keys, tokens }), ...tellAccess(context) },
    loops: [...(keys === undefined ? [] : [keys.follow(clock)]), ...(verifier === undefined ? [] : [every(TOKEN_KEYS_EVERY_MS, clock, () => verifier.refresh())])],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Readiness says while the issuer's keys cannot be read, whatever comes of tokens meanwhile. */
function tellIssuer({ readiness }: Pick<ServiceContext, 'readiness'>): (problem: TidemarkError | null) => void {
  return (problem) => (problem === null ? readiness.answers(ISSUER) : readiness.waits(ISSUER, problem.problems[0]!))
}
