// What is wrong with a definitions file, as an error with its code.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'

export function inputProblem(code: ErrorCode, message: string, where: string, action: string, cause?: unknown): TidemarkError {
  return new TidemarkError([{ code, message, where, action }], cause === undefined ? undefined : { cause })
}
