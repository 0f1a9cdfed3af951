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
  'discard-keeps-fences': {
    async discard(store, bucket, seen) {
      const partitions = [0, 1, 2]
      const [state] = await store.read([{ ...bucket, partitions, entities: [] }])
      const { record, fences } = state!
      const isDone = await store.discard(bucket, seen)
      await store.write(bucket, {
        expected: { fences: [], chunks: [] },
        put: { ...(record && { record }), fences: fences.flatMap((bytes, partition) => (bytes === null ? [] : [{ partition, bytes }])), chunks: [] },
      })
      return isDone
    },
  },
  'replayed-too-soon': { isReplayed: () => true },
  'sweep-without-lease': { isLeaseOver: () => true },
}

export function wrongRules(bug: string): IngestRules {
  return { ...INGEST_RULES, ...INGEST_BUGS[bug] }
}
