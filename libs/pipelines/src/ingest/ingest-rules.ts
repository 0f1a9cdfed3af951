// The rules of the stream processor that the seam rests on (laws 3, 5, 6), each a small pure function, so that a suite can put a wrong
// one in its place and see that it is found.

import type { Revision, NewRevision } from '@tidemark/ports/revision'
import type { BucketKey, BucketWrite, SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { nextEpoch } from '../log/epoch.ts'
import { isOtherRecord } from '../log/log-mark.ts'
import type { LogMark } from '../log/manifest.ts'
import type { PartitionPosition } from '../log/partition-position.ts'
import { firstUnsealed, type SealRegister } from '../log/seal-register.ts'
import { floorCut, type Pointer } from '../pointer.ts'

/** Where a range of fetch positions may begin. */
export interface RangeStart {
  /** The position after the last one that was inspected for the bucket without a break since its fence was read. */
  readonly through: number
  /** Where the poll began. */
  readonly pollFrom: number
  /** The offset of the poll's first record from `through` on; null: it has none. */
  readonly firstRecord: number | null
}

/** What the log has where a position says that it was. */
export interface PlaceInLog {
  readonly start: number
  readonly end: number
  /** The record at the position's mark; null: there is none. */
  readonly found: LogMark | null
  /** Whether there is a record between the mark and the position, where none was seen before. */
  readonly hasOther: boolean
}

/** A position is compared with the log when its partition is taken up, and later again and again. */
export type CompareMoment = 'take-up' | 'running'

export interface IngestRules {
  /** Epochs are a running maximum. */
  nextEpoch(runningEpoch: number, appendTimeMs: number, epochLengthMs: number): number
  /** Nothing of a partition is folded before it is opened at the first unsealed epoch. */
  openingEpoch(register: SealRegister): number | null
  /** What was polled is folded under a register that was read after the poll. */
  registerAfterPoll(read: () => Promise<SealRegister>, last: SealRegister): Promise<SealRegister>
  /** A partition is read from its lowest fence; the committed offset is only a hint. */
  startAt(lowestFenceNext: number, committed: () => Promise<number | null>): Promise<number>
  /** The running maximum goes on from the fence's epoch. */
  positionOfFence(fence: PartitionPosition): PartitionPosition
  /** A range begins where the last inspected one ended, invisible offsets and idle polls included. */
  rangeStart(start: RangeStart): number
  /** A range that begins after the fence's end is refused. */
  isGap(rangeStart: number, fenceNext: number): boolean
  /** What a fence contains is not folded again. */
  isContained(offset: number, fenceNext: number): boolean
  expectedFences(fences: BucketWrite['expected']['fences']): BucketWrite['expected']['fences']
  expectedChunks(chunks: BucketWrite['expected']['chunks']): BucketWrite['expected']['chunks']
  /** A revision is a fresh random number. */
  nextRevision(previous: Revision | null, newRevision: NewRevision): Revision
  /** A fence below what was read or written before means that the store lost writes. */
  isLost(fenceNextRead: number, fenceNextKnown: number): boolean
  /** Each position that is read is compared with the log. */
  isReplaced(position: PartitionPosition, place: PlaceInLog, moment: CompareMoment): boolean
  /** Sections are dropped through the cut of the floor, never of the pointer. */
  dropThrough(pointer: Pointer): number
  /** A damaged bucket goes whole, fences and record with its chunks, and only as it was seen. */
  discard(store: SpeedViewStore, bucket: BucketKey, seen: BucketWrite['expected']): Promise<boolean>
  /** A bucket is being replayed until its state has been as far as the log's end. */
  isReplayed(isCaughtUp: boolean): boolean
  /** A sweep acts on a floor that it read longer ago than a pin may live. */
  isLeaseOver(steadyMs: number, readAtMs: number, pinLeaseMs: number): boolean
  /** A sweep removes an entity only at the revisions that it saw. */
  revisionsToRemove(seen: readonly (Revision | null)[], readAgain: () => Promise<readonly (Revision | null)[]>): Promise<readonly (Revision | null)[]>
}

export const INGEST_RULES: IngestRules = {
  nextEpoch,
  openingEpoch: firstUnsealed,
  registerAfterPoll: (read) => read(),
  startAt: (lowestFenceNext) => Promise.resolve(lowestFenceNext),
  positionOfFence: (fence) => fence,
  rangeStart: ({ through }) => through,
  isGap: (rangeStart, fenceNext) => rangeStart > fenceNext,
  isContained: (offset, fenceNext) => offset < fenceNext,
  expectedFences: (fences) => fences,
  expectedChunks: (chunks) => chunks,
  nextRevision: (_, newRevision) => newRevision(),
  isLost: (fenceNextRead, fenceNextKnown) => fenceNextRead < fenceNextKnown,
  isReplaced: ({ next, mark }, { start, end, found, hasOther }) => (
    next > end || hasOther || (mark !== null && mark.offset >= start && isOtherRecord(mark, found))
  ),
  dropThrough: floorCut,
  discard: (store, bucket, seen) => store.discard(bucket, seen),
  isReplayed: (isCaughtUp) => isCaughtUp,
  isLeaseOver: (steadyMs, readAtMs, pinLeaseMs) => steadyMs > readAtMs + pinLeaseMs,
  revisionsToRemove: (seen) => Promise.resolve(seen),
}
