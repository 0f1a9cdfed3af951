// Every limit and period of the stream processor, with its unit in its name.

import { WRITE_KEYS_MAX } from '@tidemark/ports/speed-view-store'
import { PIN_LEASE_MS } from '../pointer.ts'

export const INGEST_LIMITS = {
  /** Records that one poll takes of all partitions: where there is a backlog, the more, the fewer commands; and a fraction of a second's work. */
  pollCountMax: 32_000,
  /** An even share of them is what a poll takes of a partition, but not less than this, so that one alone is not held up by others that are idle. */
  shareCountMin: 2_000,
  /** Records that one poll takes of a partition, in any case. */
  fetchCountMax: 16_000,
  fetchSizeMaxBytes: 4 * 1_048_576,
  /**
   * Records that may be polled and not yet folded, in buckets that `foldHeld` has not named: only for who knows which buckets are read next.
   * With the records of one more poll, or once entities in memory are to be forgotten, they are folded everywhere.
   */
  heldCountMax: 0,
  /** Of those records, as the log has them. */
  heldSizeMaxBytes: 32 * 1_048_576,
  /** How long a poll waits at the end of the log; a record that comes ends the wait. */
  pollWaitMaxMs: 1_000,
  /** Commands that are under way at a time, each of another bucket. */
  writesInFlightMax: 32,
  /** Keys that one command compares and puts, together. */
  writeKeysMax: WRITE_KEYS_MAX,
  /** State that the entities of one command had before it, of which one entity may have more. */
  writeSizeMaxBytes: 8 * 1_048_576,
  /** How often a refused command is made anew before its partitions are taken up again. */
  redoCountMax: 8,
  /** State of entities that is kept in memory, over all views. */
  cacheSizeMaxBytes: 256 * 1_048_576,
  /** Fences and pointers are read again, and heartbeats written, this often. */
  checkEveryMs: 1_000,
  /** A fence is not left further behind than this, though its bucket has no events. */
  idleFenceMs: 60_000,
  /** What is committed for those who ask the log about lag is committed again by then, though nothing has moved: it would be forgotten one day. */
  positionCommitMs: 60_000,
  /** How far a partition is searched for dead letters is not remembered later than this, though none is found. */
  letterCommitMs: 60_000,
  /** A partition that stands still is looked at again this often. */
  stoppedCheckEveryMs: 30_000,
  /** How long a reader may use a pointer that it read. */
  pinLeaseMs: PIN_LEASE_MS,
  /** A bucket that was discarded because it was damaged is not discarded again before this; each time twice as long, at most the second. */
  discardPauseMinMs: 60_000,
  discardPauseMaxMs: 3_600_000,
  /** Entities that one sweep of a bucket removes. */
  sweepCountMax: 10_000,
} as const

export type IngestLimits = { readonly [name in keyof typeof INGEST_LIMITS]: number }
