// What an S3 server, its client and the local disk say, in the project's codes. Every error of the vendor passes through here: nothing of a
// request's headers, in which credentials are, is kept of it.

import { types } from 'node:util'
import { NoTurnError } from '@tidemark/call-turns/call-turns'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

/** The request did not leave this machine, or was not accepted by that one. */
const UNSENT_CODES: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const CUT_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE', 'EPROTO'])
const LOCAL_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EMFILE', 'ENFILE', 'ENOENT', 'EIO'])
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|^ERR_TLS|^ERR_SSL/
/** Answers that pass by themselves although their status says that the request is to blame. The client mends its clock after the last one. */
const PASSING_NAMES: ReadonlySet<string> = new Set(['ConditionalRequestConflict', 'OperationAborted', 'RequestTimeout', 'RequestTimeTooSkewed', 'TooManyRequests', 'SlowDown'])
const FULL_NAMES: ReadonlySet<string> = new Set(['XMinioStorageFull', 'XMinioStorageQuotaExceeded', 'InsufficientStorage', 'QuotaExceeded'])
const HTTP_FORBIDDEN: ReadonlySet<number> = new Set([401, 403])
const HTTP_NOT_IMPLEMENTED = 501
const HTTP_NO_ROOM = 507

interface VendorError extends Error {
  readonly code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number | undefined }
}

function asVendorError(error: unknown): VendorError | null {
  // Node's own errors may be of another realm than this file's, whose Error they are no instances of.
  return types.isNativeError(error) && !(error instanceof TidemarkError) && !(error instanceof NoTurnError) ? error : null
}

const statusOf = (error: VendorError): number | undefined => error.$metadata?.httpStatusCode
const codeOf = (error: VendorError): string => (typeof error.code === 'string' ? error.code : '')

/** The condition of a conditional put does not hold; where it names a tag, also that there is no object. */
export function isConditionFailed(error: unknown): boolean {
  const vendor = asVendorError(error)
  return vendor !== null && (statusOf(vendor) === 412 || vendor.name === 'PreconditionFailed' || vendor.name === 'NoSuchKey')
}

export function isMissing(error: unknown): boolean {
  const vendor = asVendorError(error)
  return vendor !== null && (vendor.name === 'NoSuchKey' || vendor.name === 'NotFound')
}

/** The server knows no such multipart upload: it was completed, or given up. */
export function isUploadGone(error: unknown): boolean {
  return asVendorError(error)?.name === 'NoSuchUpload'
}

/** A later attempt may succeed. */
export function isPassing(error: unknown): boolean {
  const vendor = asVendorError(error)
  if (vendor === null || FULL_NAMES.has(vendor.name)) return false
  const status = statusOf(vendor)
  // With a status of success, the answer could not be read to its end.
  if (status !== undefined) return (status >= 500 && status !== HTTP_NOT_IMPLEMENTED && status !== HTTP_NO_ROOM) || status === 429 || status < 300 || PASSING_NAMES.has(vendor.name)
  return isCutOff(vendor) || UNSENT_CODES.has(codeOf(vendor))
}

/** Whether the server may have done, or may yet do, what was asked of it. */
export function mayHaveArrived(error: unknown): boolean {
  const vendor = asVendorError(error)
  if (vendor === null) return false
  const status = statusOf(vendor)
  return status === undefined ? isCutOff(vendor) : status >= 500 || status < 300
}

function isCutOff(error: VendorError): boolean {
  return error.name === 'TimeoutError' || error.name === 'AbortError' || CUT_CODES.has(codeOf(error)) || error.message === 'aborted'
}

/** The coded error of something that the client or the disk threw; what is coded already stays as it is, and a bug stays a bug. */
export function asTidemarkError(error: unknown, where: string): unknown {
  if (error instanceof NoTurnError) {
    return problem('STORE_UNAVAILABLE', where, `Too many calls wait for this server: ${error.message}`, 'See that it answers as fast as it is asked, or ask it from fewer processes at once.')
  }
  const vendor = asVendorError(error)
  if (vendor === null) return error
  const said = `"${[vendor.name === 'Error' ? codeOf(vendor) : vendor.name, vendor.message].filter(Boolean).join(': ')}"`
  if (FULL_NAMES.has(vendor.name) || statusOf(vendor) === HTTP_NO_ROOM) {
    return problem('STORE_FULL', where, `The server has no room (${said}).`, 'Make room; everything that was acknowledged is kept, and nothing of this write.')
  }
  if (isPassing(error)) return problem('STORE_UNAVAILABLE', where, `The server does not answer (${said}).`, 'See that it runs and can be reached from here. Work goes on by itself once it answers.')
  if (HTTP_FORBIDDEN.has(statusOf(vendor) ?? 0)) {
    return problem('STORE_REFUSED', where, `The server refuses the credentials, or what is asked with them (${said}).`, 'Give credentials that may read, write, delete and list in this bucket.')
  }
  if (statusOf(vendor) === HTTP_NOT_IMPLEMENTED) return problem('STORE_SETTINGS', where, `The server cannot do what is asked of it (${said}).`, 'Use S3 itself or a server that honours conditional puts, as MinIO does.')
  if (vendor.name === 'NoSuchBucket') return problem('STORE_SETTINGS', where, 'There is no such bucket.', 'Create it (`aws s3api create-bucket --bucket NAME`), or mend the name.')
  if (CERTIFICATE.test(codeOf(vendor))) return problem('STORE_SETTINGS', where, `The server's certificate is not trusted (${said}).`, 'Give the certificate of the authority that signed it, and the name that it is for as the endpoint.')
  if (LOCAL_CODES.has(codeOf(vendor))) return problem('OUTPUT_FAILED', where, `The object cannot be put into a local file (${said}).`, 'Make room in the folder for opened objects, and see that this process may write there.')
  return error
}

/** A conditional put whose answer was lost, and about which nothing that is there says how it ended. */
export function unknownOutcome(where: string): TidemarkError {
  return problem('STORE_UNAVAILABLE', where, 'The answer to a write was lost, and whether it was done cannot be told from what is there.', 'Look at the connection to the server. Work goes on by itself: what is there is read again.')
}

export function damagedObject(where: string, message: string): TidemarkError {
  return problem('STORE_DAMAGED', where, message, 'Put this object back from a copy of the bucket, or from an earlier version of it: objects of the archive never change.')
}

export function problem(code: ErrorCode, where: string, message: string, action: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action }])
}
