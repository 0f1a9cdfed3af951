// Errors over HTTP: problem documents (RFC 9457) with the project's codes; the problems that were found are in it.

import { ERROR_CODES, TidemarkError, type ErrorCode, type Problem } from '@tidemark/feature-schema/errors'

export const PROBLEM_TYPE = 'application/problem+json'

export interface ProblemDocument {
  /** A path of this server that explains the code. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode | 'INTERNAL'
  readonly problems: readonly Problem[]
}

export const problemDocumentSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['type', 'title', 'status', 'detail', 'code', 'problems'],
  properties: {
    type: { type: 'string', description: 'A path of this server that explains the code.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string' },
    problems: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['code', 'message', 'where', 'action'],
        properties: { code: { type: 'string' }, message: { type: 'string' }, where: { type: 'string' }, action: { type: 'string' } },
      },
    },
  },
} as const

/** An error without a code. */
export const BUG = { code: 'INTERNAL', title: 'A bug in the server.', status: 500 } as const

/** What to answer for an error; an error without a code is a bug, of which the client learns no more than that. */
export function problemDocument(error: unknown, status?: number): ProblemDocument {
  if (!(error instanceof TidemarkError)) {
    return { ...BUG, type: `/v1/errors/${BUG.code}`, detail: 'The server\'s log has more.', problems: [] }
  }
  const { code, problems } = error
  const { message, where, action } = problems[0]!
  return { type: `/v1/errors/${code}`, title: ERROR_CODES[code].meaning, status: status ?? ERROR_CODES[code].httpStatus, detail: `${where}: ${message} ${action}`, code, problems }
}
