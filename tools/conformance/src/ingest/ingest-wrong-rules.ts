// The stream processor's rules, each broken once: what the directed schedules must find.

import { INGEST_RULES, type IngestRules } from '@tidemark/pipelines/ingest/ingest-rules'
import { cutOf } from '@tidemark/pipelines/pointer'
import type { Revision } from '@tidemark/ports/revision'

/** By the name of the bug. */
export const INGEST_BUGS: Readonly<Record<string, Partial<IngestRules>>> = {
  'no-fence': { expectedFences: () => [], isContained: () => false },
  'no-revision': { expectedChunks: () => [] },
  'counter-revision': { nextRevision: (previous) => ((previous ?? 0) + 1) as Revision },
  'no-gap-rule': { isGap: () => false },
  'first-record-as-a': { rangeStart: ({ through, firstRecord }) => firstRecord ?? through },
  'lazy-gap': { rangeStart: ({ through, pollFrom }) => Math.max(through, pollFrom) },
  'trust-commits': { startAt: async (lowest, committed) => Math.max(lowest, (await committed()) ?? 0) },
  'no-idle-check': { isLost: () => false },
  'epoch-not-running-max': { nextEpoch: (_, appendTimeMs, epochLengthMs) => Math.floor(appendTimeMs / epochLengthMs) },
  'fence-without-epoch': { positionOfFence: (fence) => ({ ...fence, epoch: -Infinity }) },
  'reset-unnoticed': { isReplaced: () => false },
  'reset-checked-once': { isReplaced: (position, place, moment) => moment === 'take-up' && INGEST_RULES.isReplaced(position, place, moment) },
  'drop-too-early': { dropThrough: (pointer) => cutOf(pointer, pointer.n) },
  'no-opening-epoch': { openingEpoch: () => null },
  'register-not-read-after-poll': { registerAfterPoll: (_, last) => Promise.resolve(last) },
  'sweep-unfenced': { revisionsToRemove: (_, readAgain) => readAgain() },
  'sweep-without-lease': { isLeaseOver: () => true },
}

export function wrongRules(bug: string): IngestRules {
  return { ...INGEST_RULES, ...INGEST_BUGS[bug] }
}
