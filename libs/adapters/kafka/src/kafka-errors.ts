// What brokers and the client say, in the project's codes. Every error of the vendor passes through here, without a secret.

import { types } from 'node:util'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

/** What passes by itself, or once the cluster's metadata has been asked for again. */
const PASSING: ReadonlySet<string> = new Set([
  'NOT_LEADER_OR_FOLLOWER', 'LEADER_NOT_AVAILABLE', 'FENCED_LEADER_EPOCH', 'UNKNOWN_LEADER_EPOCH', 'REPLICA_NOT_AVAILABLE', 'BROKER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_ID', 'UNKNOWN_TOPIC_OR_PARTITION', 'INCONSISTENT_TOPIC_ID', 'OFFSET_NOT_AVAILABLE', 'KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT', 'NETWORK_EXCEPTION',
  'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR', 'NOT_CONTROLLER', 'CONCURRENT_TRANSACTIONS', 'UNSTABLE_OFFSET_COMMIT',
  'NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'THROTTLING_QUOTA_EXCEEDED', 'PREFERRED_LEADER_NOT_AVAILABLE',
  // Of a broker that has just come back: it came to grief with the request, and does not say how far it came.
  'UNKNOWN_SERVER_ERROR',
])
/** What may have been done all the same: a leader that is replaced while it waits for its followers says only that it leads no longer. */
const UNKNOWN_OUTCOME: ReadonlySet<string> = new Set(['UNKNOWN_SERVER_ERROR', 'REQUEST_TIMED_OUT', 'NETWORK_EXCEPTION', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NOT_LEADER_OR_FOLLOWER', 'FENCED_LEADER_EPOCH', 'KAFKA_STORAGE_ERROR'])
const REFUSED = /^(SASL_AUTHENTICATION_FAILED|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE|SECURITY_DISABLED|.*_AUTHORIZATION_FAILED)$/
const TOO_LARGE: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const NETWORK_CODES: ReadonlySet<unknown> = new Set(['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT', 'PLT_KFK_UNEXPECTED_CORRELATION_ID'])
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|^ERR_TLS|^ERR_SSL/
const AUTHENTICATION_CODE = 'PLT_KFK_AUTHENTICATION'

/** Another holder of the same transactional id has taken over, or the coordinator has given the transaction up. */
const FENCED: ReadonlySet<string> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING', 'INVALID_TXN_STATE', 'TRANSACTION_COORDINATOR_FENCED'])
/** The partition does not know the producer, or not at this place of its sequence: what was sent was not taken. */
const SEQUENCE_LOST: ReadonlySet<string> = new Set(['OUT_OF_ORDER_SEQUENCE_NUMBER', 'UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'])

interface VendorError {
  readonly message: string
  readonly code?: unknown
  readonly apiId?: unknown
  readonly closed?: unknown
  readonly errors?: unknown
  readonly cause?: unknown
}

/** An error with everything that it was made of. */
function* partsOf(error: unknown): Generator<VendorError> {
  if (!types.isNativeError(error)) return
  yield error as VendorError
  const { errors, cause } = error as VendorError
  if (Array.isArray(errors)) for (const part of errors) yield* partsOf(part)
  yield* partsOf(cause)
}

/** The protocol's own names of what went wrong. */
export function errorNamesOf(error: unknown): string[] {
  return [...partsOf(error)].flatMap(({ apiId }) => (typeof apiId === 'string' ? [apiId] : []))
}

const someName = (error: unknown, names: ReadonlySet<string>): boolean => errorNamesOf(error).some((name) => names.has(name))

export const isFenced = (error: unknown): boolean => someName(error, FENCED)
export const isSequenceLost = (error: unknown): boolean => someName(error, SEQUENCE_LOST)

/** Whether the same request may succeed later: nobody answered, or whoever did is not (yet) the one to ask. */
export function isPassing(error: unknown): boolean {
  if (error instanceof TidemarkError || isRefused(error) || isUntrusted(error)) return false
  const names = errorNamesOf(error)
  if (names.length > 0) return names.every((name) => PASSING.has(name))
  const parts = [...partsOf(error)]
  return !parts.some(({ closed }) => closed === true) && parts.some(({ code }) => NETWORK_CODES.has(code))
}

/** Whether a request that failed so may have been carried out: it was sent, and no answer came that says it was not. */
export function isOutcomeUnknown(error: unknown): boolean {
  const names = errorNamesOf(error)
  return names.length === 0 || names.some((name) => UNKNOWN_OUTCOME.has(name))
}

function isRefused(error: unknown): boolean {
  for (const { code, apiId } of partsOf(error)) if (code === AUTHENTICATION_CODE || (typeof apiId === 'string' && REFUSED.test(apiId))) return true
  return false
}

function isUntrusted(error: unknown): boolean {
  return [...partsOf(error)].some(({ code }) => CERTIFICATE.test(String(code)))
}

/** The client throws a response as soon as one of its many parts has an error, with the response; an error without one is thrown again. */
export function responseOf<Response>(error: unknown): Response {
  const { response } = error as { readonly response?: Response }
  if (response === undefined) throw error
  return response
}

/** The coded error of something that the client threw; what is coded stays as it is, and a bug stays a bug. */
export function asTidemarkError(error: unknown, where: string): unknown {
  if (error instanceof TidemarkError || !types.isNativeError(error)) return error
  const names = errorNamesOf(error)
  const said = saidBy(error)
  const options = { cause: error }
  if (isRefused(error)) return problem('STORE_REFUSED', where, `The cluster does not let this process in, or not so far (${said}).`, 'Correct the credentials, or grant them what the operation needs.', options)
  if (isUntrusted(error)) return problem('STORE_SETTINGS', where, `The broker's certificate is not trusted (${said}).`, 'Give the certificate of the authority that signed it, and the names that it is for as the brokers.', options)
  if (names.some((name) => TOO_LARGE.has(name))) return problem('EVENT_TOO_LARGE', where, `The broker takes no batch of this size (${said}).`, 'Send less in one event, or raise max.message.bytes of the topic.', options)
  if (names.includes('INVALID_TOPIC_EXCEPTION')) return unknownName(where, 'Kafka allows letters of ASCII, digits, ".", "_" and "-" in the name of a topic, at most 249.', options)
  if (names.includes('CORRUPT_MESSAGE')) return damaged(where, `A broker found records damaged (${said}).`, options)
  if (names.some((name) => name === 'POLICY_VIOLATION' || name === 'INVALID_REPLICATION_FACTOR' || name === 'INVALID_CONFIG')) {
    return problem('TOPIC_SETTINGS', where, `The cluster does not make the topic as it is asked to (${said}).`, 'Make the topic by hand, or correct the replication factor.', options)
  }
  const isVendors = [...partsOf(error)].some(({ code }) => typeof code === 'string' && code.startsWith('PLT_KFK_'))
  return isVendors ? unavailable(where, `It cannot be used (${said}).`, options) : error
}

/** The innermost of what was said: the client's own messages name operations, the innermost the reason. */
function saidBy(error: unknown): string {
  const names = errorNamesOf(error)
  const messages = [...partsOf(error)].map(({ message }) => message.replace(/\.$/, ''))
  return names.length > 0 ? [...new Set(names)].join(', ') : messages.at(-1)!
}

export function unavailable(where: string, message: string, options?: ErrorOptions): TidemarkError {
  return problem('STORE_UNAVAILABLE', where, message, 'See that the brokers run and can be reached. Work goes on by itself once they answer.', options)
}

export function unknownName(where: string, message: string, options?: ErrorOptions): TidemarkError {
  return problem('UNKNOWN_NAME', where, message, 'Make the topic before it is used, or ask for one of its partitions.', options)
}

export function damaged(where: string, message: string, options?: ErrorOptions): TidemarkError {
  return problem('STORE_DAMAGED', where, message, 'Look at the disk of the partition\'s leader; let a replica that is whole lead.', options)
}

export function problem(code: ErrorCode, where: string, message: string, action: string, options?: ErrorOptions): TidemarkError {
  return new TidemarkError([{ code, message, where, action }], options)
}
