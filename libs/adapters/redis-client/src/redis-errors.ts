// What Redis and the connection to it say, in the project's codes. Every error of the vendor passes through here; none shows a secret.

import { types } from 'node:util'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

interface Meaning {
  readonly code: ErrorCode
  readonly message: string
  readonly action: string
}

const AWAY = 'Look at the server; work goes on by itself once it answers.'
const REFUSED: Meaning = { code: 'STORE_REFUSED', message: 'It refuses the user, the password, or this command for this user', action: 'Correct the credentials, or give the user the permission (ACL SETUSER).' }
const FULL: Meaning = { code: 'STORE_FULL', message: 'It has no room for what was to be written', action: 'Raise maxmemory or give the disk room; everything that was acknowledged is kept, and nothing of this write.' }
const BUSY: Meaning = { code: 'STORE_UNAVAILABLE', message: 'It cannot serve this', action: AWAY }

/** By the word that an error reply begins with. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  WRONGPASS: REFUSED, NOAUTH: REFUSED, NOPERM: REFUSED,
  OOM: FULL, MISCONF: FULL,
  WRONGTYPE: { code: 'STORE_DAMAGED', message: 'A key holds something else than was written', action: 'Delete the key: a bucket is computed anew from the log.' },
  READONLY: BUSY, MASTERDOWN: BUSY, LOADING: BUSY, BUSY, NOREPLICAS: BUSY, UNKILLABLE: BUSY,
  CLUSTERDOWN: BUSY, TRYAGAIN: BUSY, MOVED: BUSY, ASK: BUSY,
}

/** Names of the client's own errors that say nothing of why: what the connection failed with says more. */
const CONNECTION_ERROR_NAMES: ReadonlySet<string> = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError', 'AbortError'])
const CONNECTION_ERROR_MESSAGES = /^(Connection is (closed|aborted|discarded)|Cluster is (disconnect|ended)|None of startup nodes|Too many Cluster redirections|Failed to refresh slots|connect ETIMEDOUT|Socket timeout)/
const TLS_ERROR_CODES = /^(ERR_(TLS|SSL|OSSL)|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/

/** Whether the connection failed rather than the server answered: what was asked may have been done. */
export function isConnectionError(error: unknown): boolean {
  if (!isError(error) || isReply(error)) return false
  return typeof (error as { code?: unknown }).code === 'string' || CONNECTION_ERROR_NAMES.has(error.name) || CONNECTION_ERROR_MESSAGES.test(error.message)
}

/** The coded error of something that the client threw. `connectionError`: the last one of the connection, null: none since it was ready. */
export function asRedisError(error: unknown, where: string, connectionError: Error | null = null): unknown {
  if (error instanceof TidemarkError || !isError(error)) return error
  if (isConnectionError(error)) {
    if (connectionError !== null && isReply(connectionError)) return asRedisError(connectionError, where)
    const { code } = error as { code?: unknown }
    const reason = (code === undefined ? connectionError : null) ?? error
    return redisProblem(meaningOfConnection(reason), where, reason)
  }
  const meaning = isReply(error) ? meaningOfReply(error.message) : undefined
  return meaning === undefined ? error : redisProblem(meaning, where, error)
}

export function unavailable(where: string, message: string, action = AWAY): TidemarkError {
  return new TidemarkError([{ code: 'STORE_UNAVAILABLE', message, where, action }])
}

function meaningOfReply(message: string): Meaning | undefined {
  if (/^ERR (max number of clients|AUTH|invalid password|Client sent AUTH)/i.test(message)) return message.includes('max number') ? BUSY : REFUSED
  return MEANINGS[message.slice(0, message.search(/[ :]|$/))]
}

function meaningOfConnection({ code }: Error & { code?: unknown }): Meaning {
  if (typeof code === 'string' && TLS_ERROR_CODES.test(code)) return { code: 'STORE_SETTINGS', message: 'No trusted connection can be made to it', action: 'Look at its certificate, and give the authority that signed it.' }
  return { code: 'STORE_UNAVAILABLE', message: 'It does not answer', action: AWAY }
}

function redisProblem({ code, message, action }: Meaning, where: string, cause: Error): TidemarkError {
  return new TidemarkError([{ code, message: `${message} ("${cause.message}").`, where, action }], { cause })
}

/** The client's errors may be of another realm than this file's, whose Error they are no instances of. */
function isError(error: unknown): error is Error {
  return types.isNativeError(error) || error instanceof Error
}

function isReply({ name }: Error): boolean {
  return name === 'ReplyError'
}
