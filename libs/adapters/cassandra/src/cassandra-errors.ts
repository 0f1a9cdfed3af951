// What Cassandra and its driver say, in the project's codes. Every error of the vendor passes through here; credentials are in none of them.

import { types as natives } from 'node:util'
import { errors, types } from 'cassandra-driver'
import { NoTurnError } from '@tidemark/call-turns/call-turns'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

const { responseErrorCodes } = types
const PASSING_CODES: ReadonlySet<number> = new Set([
  responseErrorCodes.serverError, responseErrorCodes.unavailableException, responseErrorCodes.overloaded, responseErrorCodes.isBootstrapping, responseErrorCodes.truncateError,
  responseErrorCodes.writeTimeout, responseErrorCodes.readTimeout, responseErrorCodes.readFailure, responseErrorCodes.writeFailure,
])
const REFUSED_CODES: ReadonlySet<number> = new Set([responseErrorCodes.badCredentials, responseErrorCodes.unauthorized])
/** The server has looked at the request and done nothing of it. */
const REJECTED_CODES: ReadonlySet<number> = new Set([
  ...REFUSED_CODES, responseErrorCodes.syntaxError, responseErrorCodes.invalid, responseErrorCodes.configError, responseErrorCodes.alreadyExists,
])
const UNKNOWN_TABLE = /(?:keyspace|table) .*does not exist|unconfigured table/i
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|^ERR_TLS|^ERR_SSL/

/** Whether a request that failed so may have been done, or may yet be. */
export function mayHaveArrived(error: unknown): boolean {
  return error instanceof errors.DriverError && !(error instanceof errors.ResponseError && REJECTED_CODES.has(error.code)) && !(error instanceof errors.ArgumentError)
}

/** A statement was to be prepared on a node whose last connection had just ended, for which the driver has no error of its own. Nothing was sent. */
function isUnsent(error: unknown): error is Error {
  return natives.isNativeError(error) && error.message === 'No connection available'
}

/** The server does not know the table, or not yet. */
export function isTableUnknown(error: unknown): boolean {
  if (!(error instanceof errors.ResponseError)) return false
  return (error.code === responseErrorCodes.invalid && UNKNOWN_TABLE.test(error.message)) || (error.code === responseErrorCodes.serverError && /Unknown CF/.test(error.message))
}

/** The coded error of something that the driver threw; what is coded already stays as it is, and a bug stays a bug. */
export function asTidemarkError(error: unknown, where: string): unknown {
  if (error instanceof NoTurnError) return problem('STORE_UNAVAILABLE', where, `Too many requests wait for this cluster: ${error.message}`, 'See that it answers as fast as it is asked, or ask it from fewer processes at once.')
  if (isUnsent(error)) return unavailable(where, error)
  if (!(error instanceof errors.DriverError)) return error
  for (const cause of [error, ...innerErrorsOf(error)]) {
    if (cause instanceof errors.AuthenticationError) return refused(where, cause)
    // Of what the driver is given, only the data centre is compared with what the servers say.
    if (cause instanceof errors.ArgumentError && /data ?cent/i.test(cause.message)) {
      return problem('STORE_SETTINGS', where, `The cluster has no such data centre (${quote(cause)}).`, 'Give the data centre that this process is in.')
    }
    if (cause instanceof errors.ResponseError && cause.code === responseErrorCodes.unprepared) return forgotten(where, cause)
    if (CERTIFICATE.test(String((cause as { code?: unknown }).code))) {
      return problem('STORE_SETTINGS', where, `The server's certificate is not trusted (${quote(cause)}).`, 'Give the certificate of the authority that signed it, and the name that it is for.')
    }
  }
  if (error instanceof errors.ResponseError) return asResponseProblem(error, where)
  if (error instanceof errors.ArgumentError) return error
  return unavailable(where, error)
}

function asResponseProblem(error: InstanceType<typeof errors.ResponseError>, where: string): unknown {
  if (REFUSED_CODES.has(error.code)) return refused(where, error)
  if (PASSING_CODES.has(error.code)) return unavailable(where, error)
  if (isTableUnknown(error) || /guardrail/i.test(error.message)) {
    return problem('STORE_SETTINGS', where, `The cluster is not set up for this (${quote(error)}).`, 'See that the keyspace and its tables are there, and that no guardrail forbids what is asked.')
  }
  return error
}

function innerErrorsOf(error: Error): Error[] {
  return Object.values(errorsByHost(error))
}

function errorsByHost(error: Error): Record<string, Error> {
  return error instanceof errors.NoHostAvailableError ? ((error.innerErrors ?? {}) as Record<string, Error>) : {}
}

/** Where no host could be used, why each could not: the driver's own message has the first one's stack in it. */
function quote(error: Error): string {
  const byHost = Object.entries(errorsByHost(error))
  return `"${byHost.length === 0 ? error.message : byHost.map(([host, { message }]) => `${host}: ${message}`).join('; ')}"`
}

function refused(where: string, error: Error): TidemarkError {
  return problem('STORE_REFUSED', where, `The cluster refuses the credentials, or what is asked with them (${quote(error)}).`, 'Correct the credentials, or grant the role what the message names.')
}

/** The driver prepares again what a node has forgotten; that a statement stays unknown means that what it is about is not there, or that the node is just beginning. */
function forgotten(where: string, error: Error): TidemarkError {
  return problem(
    'STORE_UNAVAILABLE', where, `The cluster answers, and does not know what it was asked before (${quote(error)}).`,
    'See that the keyspace and its tables are there. Where somebody has removed them, restore them, or start the services again, which makes new ones.',
  )
}

export function unavailable(where: string, error: Error): TidemarkError {
  return problem('STORE_UNAVAILABLE', where, `The cluster does not answer (${quote(error)}).`, 'See that enough of its nodes run and can be reached from here. Work goes on by itself once they answer.')
}

/** A compare-and-set whose answer was lost, and about which nothing that is there says how it ended. */
export function unknownOutcome(where: string): TidemarkError {
  return problem('STORE_UNAVAILABLE', where, 'The answer to a compare-and-set was lost, and whether it was done cannot be told from what is there.', 'Look at the connection to the cluster. Work goes on by itself: what is there is read again.')
}

export function problem(code: ErrorCode, where: string, message: string, action: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action }])
}
