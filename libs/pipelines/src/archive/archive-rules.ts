// The rules of law 3 that an archiver obeys, each a function of its own, so that a suite can put a wrong one in its place and see it caught.

import type { LogExtent } from '@tidemark/ports/event-log'
import { nextEpoch } from '../log/epoch.ts'
import { isOtherRecord, type ReplacedRule } from '../log/log-mark.ts'
import type { LogMark } from '../log/manifest.ts'
import type { EpochRule } from '../log/partition-position.ts'
import type { ReadSealRegister } from '../log/change-seal-register.ts'
import { firstUnsealed, type Closing, type OpeningRule, type SealRegister } from '../log/seal-register.ts'

export interface ArchiveRules {
  /** The epoch of a record, from the running one before it. */
  readonly epochOf: EpochRule
  /** The epoch that a partition is opened at. */
  readonly openingEpoch: OpeningRule
  /** The last epoch whose idle partitions may be sealed by the clock. */
  readonly marginEpoch: (nowMs: number, epochLengthMs: number, skewMaxMs: number) => number
  /** What the register says before idle partitions are sealed, and before their ends are read again. */
  readonly withClosing: (register: SealRegister, closing: Closing) => SealRegister
  /** How far an idle partition must have been read for all that was appended before now to be known. */
  readonly endOf: (extent: LogExtent) => number
  /** Whether what was planned on one state of the register may be sealed on another. */
  readonly isSealable: (planned: ReadSealRegister, current: ReadSealRegister) => boolean
  /** What of the log the archive's position includes beyond its last record: the first record past the seal. */
  readonly proofOf: (firstPast: LogMark) => LogMark | null
  /** Whether a record that was read is another one by now. */
  readonly isReplaced: ReplacedRule
  /** Whether a partition is compared with the log; `isFirst`: for the first time since its position was read. */
  readonly isCompared: (isFirst: boolean) => boolean
  /** Whether an append time is too far ahead of the clock to be believed. */
  readonly isAhead: (appendTimeMs: number, nowMs: number, skewMaxMs: number) => boolean
}

export const ARCHIVE_RULES: ArchiveRules = {
  epochOf: nextEpoch,
  openingEpoch: firstUnsealed,
  // Its end, (epoch + 1) · length, is more than the skew ago.
  marginEpoch: (nowMs, epochLengthMs, skewMaxMs) => Math.ceil((nowMs - skewMaxMs) / epochLengthMs) - 2,
  withClosing: (register, closing) => ({ ...register, closing }),
  endOf: ({ appendedEnd }) => appendedEnd,
  isSealable: (planned, current) => planned.revision === current.revision,
  proofOf: (firstPast) => firstPast,
  isReplaced: isOtherRecord,
  isCompared: () => true,
  isAhead: (appendTimeMs, nowMs, skewMaxMs) => appendTimeMs > nowMs + skewMaxMs,
}
