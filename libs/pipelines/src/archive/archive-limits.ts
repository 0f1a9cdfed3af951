// How much an archiver holds and does at a time.

export interface ArchiveLimits {
  /** Records and bytes that one step reads. */
  readonly fetchCountMax: number
  readonly fetchSizeMaxBytes: number
  /** A segment ends with the record that reaches either. Counted from an epoch's first record, so that a second attempt cuts alike. */
  readonly segmentCountMax: number
  readonly segmentSizeMaxBytes: number
  /** Segments of one seal, as long as it is of more than one epoch: its manifest has to fit a register. */
  readonly sealSegmentsMax: number
  /** How often a partition without new records is compared with the log. */
  readonly compareEveryMs: number
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  fetchCountMax: 5_000,
  fetchSizeMaxBytes: 8 * 1_048_576,
  segmentCountMax: 100_000,
  segmentSizeMaxBytes: 32 * 1_048_576,
  sealSegmentsMax: 2_000,
  compareEveryMs: 1_000,
}
