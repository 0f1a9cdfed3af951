// What a schema registry answers, or does not, in the project's codes. That a schema does not exist is the registry's to say, by its own error code: a
// status of 404 alone is also what a proxy gives while the registry is away, and must cost no record.

import { types } from 'node:util'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { z } from 'zod'

/** No such subject, no such version, no such schema. */
const NOT_THERE: ReadonlySet<unknown> = new Set([40_401, 40_402, 40_403])
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|^ERR_TLS|^ERR_SSL/
const QUOTED_LENGTH_MAX = 160

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

const schemaForm = z.object({
  schema: z.string(),
  schemaType: z.string().default('AVRO'),
  references: z.array(z.object({ name: z.string(), subject: z.string(), version: z.int() })).nullish().transform((references) => references ?? []),
})

export type RegistrySchema = z.output<typeof schemaForm>

const typesForm = z.array(z.string())

/** null: the registry says that there is none. Throws STORE_REFUSED; STORE_UNAVAILABLE where it is no answer of a registry's. */
export function readSchema({ status, text }: HttpAnswer, where: string): RegistrySchema | null {
  const json = jsonOf(text)
  if (status === 404 && NOT_THERE.has((json as { readonly error_code?: unknown } | null)?.error_code)) return null
  const read = status === 200 ? schemaForm.safeParse(json) : null
  if (read?.success === true) return read.data
  throw refusedOr(status, text, where) ?? unavailable(where, `It answers ${status} and ${quoted(text)}, which says neither what the schema is nor that there is none.`)
}

/** That it is a schema registry. Throws STORE_SETTINGS where it is none. */
export function checkTypes({ status, text }: HttpAnswer, where: string): void {
  if (status === 200 && typesForm.safeParse(jsonOf(text)).success) return
  throw refusedOr(status, text, where)
    ?? (isPassing(status) ? unavailable(where, `It answers ${status} and ${quoted(text)}.`) : problem('STORE_SETTINGS', where, `What answers there is no schema registry: ${status} and ${quoted(text)}.`, 'Correct the address; some registries have theirs under a path.'))
}

/** Whether another address, or the same one later, may answer otherwise. */
export function isPassing(status: number): boolean {
  return status >= 500 || status === 429 || status === 408 || status === 425
}

/** What asking failed with. */
export function asTidemarkError(error: unknown, where: string): unknown {
  if (error instanceof TidemarkError || !types.isNativeError(error)) return error
  const { code, cause } = error as { readonly code?: unknown; readonly cause?: unknown }
  const said = [code, error.message].filter((part) => typeof part === 'string' && part !== '').join(': ')
  if (typeof code === 'string' && CERTIFICATE.test(code)) {
    return problem('STORE_SETTINGS', where, `No trusted connection can be made (${said}).`, 'Name the authority that its certificate is from.', { cause: error })
  }
  return types.isNativeError(cause) && code === undefined ? asTidemarkError(cause, where) : unavailable(where, `It does not answer (${said}).`, { cause: error })
}

function refusedOr(status: number, text: string, where: string): TidemarkError | null {
  if (status !== 401 && status !== 403) return null
  return problem('STORE_REFUSED', where, `It does not let this process in, or not so far: ${status} and ${quoted(text)}.`, 'Correct the credentials, or grant them to read schemas and subjects.')
}

export function unavailable(where: string, message: string, options?: ErrorOptions): TidemarkError {
  return problem('STORE_UNAVAILABLE', where, message, 'See that the schema registry runs and can be reached at this address. Work goes on by itself once it answers.', options)
}

export function problem(code: ErrorCode, where: string, message: string, action: string, options?: ErrorOptions): TidemarkError {
  return new TidemarkError([{ code, message, where, action }], options)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text)
}
