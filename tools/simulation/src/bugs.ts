// Deliberate bugs, by name: each breaks one rule of the protocol, put into the real pipelines by composition. The names of the first group are
// those of the protocol's model. Where to find each: a seed whose history shows it, or a directed schedule where that takes long.

import { GENERATION_BUGS } from '@tidemark/conformance/generations/generation-bugs'
import { INGEST_BUGS } from '@tidemark/conformance/ingest/ingest-wrong-rules'
import { isOtherRecord } from '@tidemark/pipelines/log/log-mark'
import type { RuleChanges } from './rules.ts'

const ARCHIVE_BUGS: Readonly<Record<string, RuleChanges['archive']>> = {
  'epoch-not-running-max': { epochOf: (_, appendTimeMs, epochLengthMs) => Math.floor(appendTimeMs / epochLengthMs) },
  'barrier-early': { marginEpoch: (nowMs, epochLengthMs) => Math.ceil(nowMs / epochLengthMs) - 2 },
  'partitions-listed-early': { isSealable: (planned, current) => planned.register.sealedThrough === current.register.sealedThrough },
  'no-opening-epoch': { openingEpoch: () => null },
  'reset-unnoticed': { isReplaced: () => false },
  'reset-checked-once': { isCompared: (isFirst) => isFirst },
  'proof-not-kept': { proofOf: () => null },
  'closing-unsaid': { withClosing: (register) => register },
  'mad-time-believed': { isAhead: () => false },
  'other-record-behind-unnoticed': { isReplaced: (expected, found) => expected !== null && isOtherRecord(expected, found) },
}

const SERVE_BUGS: Readonly<Record<string, RuleChanges['serve']>> = {
  'no-repin': { needsNewerPin: () => false },
  'pin-for-ever': { isExpired: () => false },
}

/** A rule that several layers obey is broken in all of them. */
export const BUGS: Readonly<Record<string, RuleChanges>> = Object.fromEntries(
  [...new Set([ARCHIVE_BUGS, INGEST_BUGS, GENERATION_BUGS, SERVE_BUGS].flatMap((bugs) => Object.keys(bugs)))].map((name): [string, RuleChanges] => [name, {
    ...(name in ARCHIVE_BUGS && { archive: ARCHIVE_BUGS[name]! }),
    ...(name in INGEST_BUGS && { ingest: INGEST_BUGS[name]! }),
    ...(GENERATION_BUGS[name]?.rules && { batch: GENERATION_BUGS[name].rules }),
    ...(GENERATION_BUGS[name]?.changeViews && { changeBatchViews: GENERATION_BUGS[name].changeViews }),
    ...(name in SERVE_BUGS && { serve: SERVE_BUGS[name]! }),
  }]),
)
