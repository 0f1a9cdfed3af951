// The log: topics of partitions, each a sequence of records that only grows. What is read is the log's; what is folded, archived or
// committed is somebody else's business. An append is one transaction, over several topics where asked, and durable when it resolves.

/** A record as the log keeps it. */
export interface LogRecord {
  readonly offset: number
  /** When the log took it, epoch ms by the log's clock, which may step back. */
  readonly appendTimeMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Readonly<Record<string, Uint8Array>>
}

export interface LogAppend {
  readonly topic: string
  readonly partition: number
  readonly records: readonly {
    readonly key: Uint8Array | null
    readonly value: Uint8Array | null
    readonly headers?: Readonly<Record<string, Uint8Array>>
  }[]
}

/** What was read: the fetch positions [from, next), of which the records are the visible ones (no transaction markers, nothing compacted away). */
export interface LogBatch {
  readonly from: number
  /** Where to read next; equal to `from` at the end of what can be read. */
  readonly next: number
  /** Nothing was appended past `next` when it was read, in transactions that are not decided either. false: that is not known. */
  readonly isAtEnd: boolean
  readonly records: readonly LogRecord[]
}

/** The offsets of a partition that can be read: [start, end). Retention moves the start. */
export interface LogExtent {
  readonly start: number
  readonly end: number
  /** Past all that was appended: from `end` on is what can be read only once a transaction before it is decided. */
  readonly appendedEnd: number
}

const EXTERNAL = 'external/'

/**
 * A topic that others own, by their own name for it and whatever stamps its records. It is read, and positions of groups in it are committed; nothing
 * is appended to it, and it is not made.
 */
export function externalTopic(name: string): string {
  return `${EXTERNAL}${name}`
}

/** The owners' name of a topic; null: it is none of others. */
export function externalName(topic: string): string | null {
  return topic.startsWith(EXTERNAL) ? topic.slice(EXTERNAL.length) : null
}

export interface FetchLimits {
  readonly countMax: number
  /** At least one record comes, whatever its size. */
  readonly sizeMaxBytes: number
  /** How long to wait for a first record at the end of the log. */
  readonly waitMaxMs: number
}

/** A place of the log that a consumer group says it has read to: a hint, for people and for lag. */
export interface CommittedPosition {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The next offset to read. */
  readonly offset: number
}

/** Where an append begins, and the append time of its first record. */
export interface AppendedAt {
  readonly firstOffset: number
  readonly appendTimeMs: number
}

export interface EventLog extends AsyncDisposable {
  /** Makes the topic, or adds partitions to one that has fewer; safe to run twice. */
  ensureTopic(topic: string, partitionCount: number): Promise<void>
  /** How many partitions, numbered from 0. UNKNOWN_NAME where there is no such topic. */
  partitionCount(topic: string): Promise<number>
  topics(): Promise<string[]>
  /** All of the appends, or nothing; where each begins, in order. UNKNOWN_NAME, EVENT_TOO_LARGE, STORE_FULL. */
  append(appends: readonly LogAppend[]): Promise<readonly AppendedAt[]>
  /**
   * The same together with a commit, so that what is appended because of a record is appended once. null, and nothing is done, where the
   * group's position is no longer `expected` (null: none was committed).
   */
  appendAndCommit(appends: readonly LogAppend[], commit: CommittedPosition, expected: number | null): Promise<readonly AppendedAt[] | null>
  /**
   * Reads on from a position; returns empty-handed at the end once `waitMaxMs` have passed or the signal is aborted.
   * LOG_OFFSET_GONE where `from` is before the start or past the end: never silently elsewhere. STORE_DAMAGED.
   */
  fetch(topic: string, partition: number, from: number, limits: FetchLimits, signal?: AbortSignal): Promise<LogBatch>
  extent(topic: string, partition: number): Promise<LogExtent>
  commit(position: CommittedPosition): Promise<void>
  /**
   * The next offset to read; null: none was committed. `isTakenOver`: what others have begun to append and commit there, and not ended, comes to
   * nothing first, in place of being waited for; they may have crashed.
   */
  committed(group: string, topic: string, partition: number, isTakenOver?: boolean): Promise<number | null>
}

/** Which partitions of a topic a member of a consumer group reads. Two members may believe in the same one for a while. */
export interface Membership extends AsyncDisposable {
  /** As of now; a change shows here, and whoever works on a partition asks before each fetch. */
  assigned(): Promise<readonly number[]>
}

export interface ConsumerGroups {
  /** Joins a group; others' partitions are taken over once they leave or are silent for longer than the session time-out. */
  join(group: string, topic: string, member: string): Promise<Membership>
}
