// The project's closed union of error codes, and the error that carries one. This file is the one list of them.

export const ERROR_CODES = {
  DEFINITION_INVALID: { httpStatus: 422, meaning: 'A definition breaks a rule; every problem is listed with its place.' },
  DEFINITION_TOO_NEW: { httpStatus: 422, meaning: 'A definition was written by a newer release than this one reads.' },
  APPLY_REFUSED: { httpStatus: 409, meaning: 'Definitions cannot be applied as they are to what is live: what is in use would break, or a version would come back.' },
  REGISTRY_MOVED: { httpStatus: 409, meaning: 'Somebody else applied definitions meanwhile; nothing was applied.' },
  NOT_APPLIED: { httpStatus: 503, meaning: 'No definitions were applied yet: services have nothing to do.' },
  EXPRESSION_INVALID: { httpStatus: 422, meaning: 'An expression cannot be parsed or does not type-check.' },
  BLOB_DAMAGED: { httpStatus: 500, meaning: 'A stored blob is not what was written: its checksum, length or counts disagree.' },
  BLOB_TOO_NEW: { httpStatus: 500, meaning: 'A stored blob has a format version that this release does not read.' },
  BLOB_OTHER_LAYOUT: { httpStatus: 500, meaning: 'A stored blob belongs to another definition than the one it is read with.' },
  UNKNOWN_NAME: { httpStatus: 404, meaning: 'A view, feature, service or column with that name does not exist.' },
  ENTITY_INVALID: { httpStatus: 400, meaning: 'An entity key is missing, NULL or of another type than the definition says.' },
  EVENT_MALFORMED: { httpStatus: 400, meaning: 'A record cannot be parsed, or a field is missing, mistyped or out of its declared bounds.' },
  SCHEMA_UNKNOWN: { httpStatus: 400, meaning: 'A record names a schema that the schema registry does not have.' },
  SCHEMA_REGISTRY_MISSING: { httpStatus: 503, meaning: 'A record was written by a schema that nobody has looked up, and this process has no schema registry to ask.' },
  EVENT_TOO_LARGE: { httpStatus: 413, meaning: 'A record is larger than the limit.' },
  INPUT_UNREADABLE: { httpStatus: 400, meaning: 'An input file is missing, damaged or not of the format that was named.' },
  OUTPUT_FAILED: { httpStatus: 500, meaning: 'An output could not be written: disk full, no permission, or no such folder. Nothing half-written is left.' },
  STORE_DAMAGED: { httpStatus: 500, meaning: 'What a log or store holds is not what was written: its checksum, length or counts disagree.' },
  STORE_FULL: { httpStatus: 507, meaning: 'A log or store has no room left. What it acknowledged is kept.' },
  STORE_TOO_NEW: { httpStatus: 500, meaning: 'A stored register, manifest, fence or message has a format version that this release does not read.' },
  STORE_UNAVAILABLE: { httpStatus: 503, meaning: 'A log or store does not answer in time.' },
  STORE_REFUSED: { httpStatus: 500, meaning: 'A log or store does not accept the credentials, or they lack a right.' },
  STORE_SETTINGS: { httpStatus: 500, meaning: 'A server is not set up as exactness needs it, or not as this process was told: what it ignores or lacks is named.' },
  TOPIC_SETTINGS: { httpStatus: 500, meaning: 'A topic is not set up as the seam needs it: the log has to stamp what it takes.' },
  OBJECT_MISSING: { httpStatus: 500, meaning: 'An object that a manifest names is not there.' },
  LOG_OFFSET_GONE: { httpStatus: 500, meaning: 'A position of the log is before its first record or past its end.' },
  LOG_REPLACED: { httpStatus: 500, meaning: 'A partition is not the one that was read before: its topic was made anew, or it was cut short.' },
  APPEND_TIME_AHEAD: { httpStatus: 500, meaning: 'A record was appended later than now by more than the declared skew.' },
  APPEND_TIME_SETTLED: { httpStatus: 409, meaning: 'A record whose append time was to be declared is contained in a view\'s state or in the archive under its stamp.' },
  SEAM_BROKEN: { httpStatus: 500, meaning: 'A record came later than the declared skew allows, for an epoch that was sealed.' },
  GATE_CLOSED: { httpStatus: 422, meaning: 'A generation did not pass its quality gate and was not published.' },
  POINTER_MOVED: { httpStatus: 409, meaning: 'The pointer changed while a run or a command worked: somebody else published, voided or rolled back.' },
  ROLLBACK_REFUSED: { httpStatus: 409, meaning: 'A pointer cannot go where it was asked to: below its floor, or to a generation that is voided or does not exist.' },
  REQUEST_TOO_LARGE: { httpStatus: 413, meaning: 'A request has more entities, features or bytes than the limit.' },
  DEADLINE_EXCEEDED: { httpStatus: 504, meaning: 'An answer was not ready before the request\'s deadline, and its policy was to fail.' },
  PORT_IN_USE: { httpStatus: 500, meaning: 'A service cannot listen: another process has its port.' },
  NOT_SERVABLE: { httpStatus: 503, meaning: 'The stream\'s state of a view is silent, behind or standing still, and the request\'s policy was to fail.' },
  SETTINGS_INVALID: { httpStatus: 500, meaning: 'A setting of a service is missing, or is nothing that it may be; every mistake is listed with its variable.' },
  UNAUTHENTICATED: { httpStatus: 401, meaning: 'A request does not say who asks, or not in a way that is accepted.' },
  FORBIDDEN: { httpStatus: 403, meaning: 'Whoever asks lacks the scope that a request needs, which is named.' },
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
