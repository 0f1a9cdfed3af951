// What a relay does at once, and how often.

export interface RelayLimits {
  /** Of one partition, in one transaction. */
  readonly fetchCountMax: number
  readonly fetchSizeMaxBytes: number
  /** How long a step waits for a first record. */
  readonly waitMaxMs: number
  /** How often the position of a partition in which nothing comes is committed again. */
  readonly commitAgainMs: number
}

export const RELAY_LIMITS: RelayLimits = { fetchCountMax: 5_000, fetchSizeMaxBytes: 4 * 1_048_576, waitMaxMs: 500, commitAgainMs: 3_600_000 }
