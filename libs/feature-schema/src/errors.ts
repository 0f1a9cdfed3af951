// The project's closed union of error codes, and the error that carries one. This file is the one list of them.

export const ERROR_CODES = {
  DEFINITION_INVALID: { httpStatus: 422, meaning: 'A definition breaks a rule; every problem is listed with its place.' },
  DEFINITION_TOO_NEW: { httpStatus: 422, meaning: 'A definition was written by a newer release than this one reads.' },
  EXPRESSION_INVALID: { httpStatus: 422, meaning: 'An expression cannot be parsed or does not type-check.' },
  BLOB_DAMAGED: { httpStatus: 500, meaning: 'A stored blob is not what was written: its checksum, length or counts disagree.' },
  BLOB_TOO_NEW: { httpStatus: 500, meaning: 'A stored blob has a format version that this release does not read.' },
  BLOB_OTHER_LAYOUT: { httpStatus: 500, meaning: 'A stored blob belongs to another definition than the one it is read with.' },
  UNKNOWN_NAME: { httpStatus: 404, meaning: 'A view, feature, service or column with that name does not exist.' },
  ENTITY_INVALID: { httpStatus: 400, meaning: 'An entity key is missing, NULL or of another type than the definition says.' },
  EVENT_MALFORMED: { httpStatus: 400, meaning: 'A record cannot be parsed, or a field is missing, mistyped or out of its declared bounds.' },
  EVENT_TOO_LARGE: { httpStatus: 413, meaning: 'A record is larger than the limit.' },
  INPUT_UNREADABLE: { httpStatus: 400, meaning: 'An input file is missing, damaged or not of the format that was named.' },
  OUTPUT_FAILED: { httpStatus: 500, meaning: 'An output could not be written: disk full, no permission, or no such folder. Nothing half-written is left.' },
  USAGE: { httpStatus: 400, meaning: 'A command or request was called in a way it does not understand.' },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** One thing that is wrong: what, where, and what to do. */
export interface Problem {
  readonly code: ErrorCode
  /** What is wrong, a sentence. */
  readonly message: string
  /** Where: `view airport_delays, aggregation late_share, of`, `events.csv, row 17, column delay`. */
  readonly where: string
  /** What to do about it, a sentence. */
  readonly action: string
}

/** Bad input. `problems` has at least one entry; bugs are thrown as plain errors instead. */
export class TidemarkError extends Error {
  override readonly name = 'TidemarkError'
  readonly code: ErrorCode
  readonly problems: readonly Problem[]

  constructor(problems: readonly [Problem, ...Problem[]], options?: ErrorOptions) {
    super(problems.map((p) => `${p.code} at ${p.where}: ${p.message} ${p.action}`).join('\n'), options)
    this.code = problems[0].code
    this.problems = problems
  }
}
