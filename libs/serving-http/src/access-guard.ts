// Who may ask for what over HTTP. What is not named here needs the scope `operate`, so that a route which somebody adds is closed until it is named. Paths
// are compared as they were sent: another spelling of a path that a router takes for the same needs `operate` too.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Authenticate } from '@tidemark/pipelines/access/authenticate'
import { requireScope, SCOPE_NAMES, type Principal, type Scope } from '@tidemark/pipelines/access/principal'
import type { FailRequest } from './serving-app.ts'

/** What was asked for by whom: `who` is null where nobody said it, or it was not accepted. */
export interface AccessRecord {
  readonly who: string | null
  readonly method: string
  readonly path: string
  /** Of which one is needed. */
  readonly scopes: readonly Scope[]
}

export interface Access {
  readonly authenticate: Authenticate
  /** Hears of everybody who is turned away. */
  readonly onRefused: (record: AccessRecord) => void
  /** Hears of every request that needs the scope `operate`, before it is answered. */
  readonly onOperated: (record: AccessRecord) => void
}

/** By path, of which scopes one is needed; none: anybody may ask. */
const SCOPES_OF_PATHS: Readonly<Record<string, readonly Scope[]>> = {
  '/livez': [],
  '/openapi.json': SCOPE_NAMES,
  '/v1/features': ['features:read'],
  '/v1/catalog': ['features:read', 'operate'],
}
const SCOPES_OF_BEGINNINGS: readonly (readonly [string, readonly Scope[]])[] = [['/v1/events/', ['events:write']], ['/v1/errors/', SCOPE_NAMES]]
const OPERATE: readonly Scope[] = ['operate']
const EXPLAIN = '/v1/features, explain'

export function scopesOf(path: string): readonly Scope[] {
  if (Object.hasOwn(SCOPES_OF_PATHS, path)) return SCOPES_OF_PATHS[path]!
  return SCOPES_OF_BEGINNINGS.find(([beginning]) => path.startsWith(beginning))?.[1] ?? OPERATE
}

const PRINCIPAL = Symbol('principal')
type Admitted = IncomingMessage & { [PRINCIPAL]?: Principal }

export class AccessGuard {
  private readonly access: Access
  private readonly fail: FailRequest

  constructor(access: Access, fail: FailRequest) {
    this.access = access
    this.fail = fail
  }

  /** Lets those through to `route` who may. */
  before(route: RequestListener): RequestListener {
    return (request, response) => {
      const path = pathOf(request)
      const scopes = scopesOf(path)
      if (scopes.length === 0) return route(request, response)
      const admit = (principal: Principal): void => {
        ;(request as Admitted)[PRINCIPAL] = principal
        this.demand(request, scopes, path)
        route(request, response)
      }
      const refuse = (error: unknown): void => this.refuse(request, response, { scopes, path }, error)
      try {
        const found = this.access.authenticate(request.headers.authorization)
        if (found instanceof Promise) found.then(admit).catch(refuse)
        else admit(found)
      } catch (error) {
        refuse(error)
      }
    }
  }

  /** Of a request that was let through, where what it asks for is known only from its body. Throws FORBIDDEN. */
  demandExplain(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.demand(request, OPERATE, EXPLAIN)
    } catch (error) {
      this.noteRefusal(request, response, { scopes: OPERATE, path: EXPLAIN })
      throw error
    }
  }

  private demand(request: Admitted, scopes: readonly Scope[], path: string): void {
    const principal = request[PRINCIPAL]!
    requireScope(principal, scopes, path)
    if (scopes === OPERATE) this.access.onOperated({ who: principal.who, method: request.method!, path, scopes })
  }

  private refuse(request: Admitted, response: ServerResponse, asked: Pick<AccessRecord, 'path' | 'scopes'>, error: unknown): void {
    const code = error instanceof TidemarkError ? error.code : null
    if (code === 'FORBIDDEN') this.noteRefusal(request, response, asked)
    if (code === 'UNAUTHENTICATED') {
      response.setHeader('www-authenticate', request.headers.authorization === undefined ? CHALLENGE : `${CHALLENGE}, error="invalid_token"`)
      this.access.onRefused({ who: null, method: request.method!, ...asked })
    }
    this.fail(response, code === 'STORE_UNAVAILABLE' ? untold(error) : error)
  }

  private noteRefusal(request: Admitted, response: ServerResponse, { path, scopes }: Pick<AccessRecord, 'path' | 'scopes'>): void {
    response.setHeader('www-authenticate', `${CHALLENGE}, error="insufficient_scope", scope="${scopes.join(' ')}"`)
    this.access.onRefused({ who: request[PRINCIPAL]!.who, method: request.method!, path, scopes })
  }
}

/** Somebody of whom nothing is known is not told which server is away. */
function untold(cause: unknown): TidemarkError {
  return new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'Who asks cannot be told at the moment.', where: 'header authorization', action: 'Ask again. The log of the service says why.' }], { cause })
}

/** RFC 6750. */
const CHALLENGE = 'Bearer realm="tidemark"'

function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.indexOf('?')
  return end < 0 ? url : url.slice(0, end)
}
