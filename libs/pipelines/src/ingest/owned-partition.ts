// A partition that a processor reads, from when it was assigned until it is taken away.

import type { Moment } from '@tidemark/ports/moment'
import type { Alarm, OnAlarm } from '../alarm.ts'
import type { PartitionReader } from '../log/partition-position.ts'
import type { ArchivedRanges } from './archived-ranges.ts'
import type { LetterLane } from './dead-letter.ts'

export class OwnedPartition {
  readonly partition: number
  /** null: it is to be taken up, at first or again: fences are read, compared with the log, and reading goes on from the lowest. */
  reader: PartitionReader | null = null
  /** Where the reader stood when there last was one. */
  lastNext = 0
  /** Why it stands still; null: it does not. */
  stopped: Alarm | null = null
  /** By the steady clock, when it is looked at again, where it or one of its views stands still; Infinity: none does. */
  lookAgainAtMs = -Infinity
  /** What was committed last, and when by the steady clock. */
  committed: { readonly offset: number; readonly atMs: number } | null = null
  readonly letters: LetterLane = { committed: null, through: 0 }
  lettersCommittedAtMs = -Infinity
  /** What the archive says of records behind, for the search of dead letters; null: it was not asked. */
  archived: ArchivedRanges | null = null
  /** NaN: not read yet. */
  logEnd = NaN
  logEndSeenAt: Moment = { nowMs: -Infinity, steadyMs: -Infinity }
  /** Something of what was read is not folded yet. */
  isHeldBack = false
  /** Everything that the log acknowledged before this is folded; null: not yet so. */
  caughtUpAt: Moment | null = null
  /** By the steady clock, the same before it was taken up again too; at first when it was assigned. */
  lastCaughtUpAtMs: number
  /** Where, by code: what was raised already. */
  private readonly raised = new Map<string, string>()

  constructor(partition: number, assignedAtMs: number) {
    this.partition = partition
    this.lastCaughtUpAtMs = assignedAtMs
  }

  /** The log's end, with what cannot be read yet, and a moment before it was read. */
  sawEnd(end: number, at: Moment): void {
    this.logEnd = end
    this.logEndSeenAt = at
    this.foldedAll()
  }

  /** Everything before the reader's position is folded, unless some of it is held back. */
  foldedAll(): void {
    if (this.reader === null || this.isHeldBack) return
    this.lastNext = this.reader.next
    if (!(this.lastNext >= this.logEnd)) return
    this.caughtUpAt = this.logEndSeenAt
    this.lastCaughtUpAtMs = this.logEndSeenAt.steadyMs
  }

  /** Has the partition taken up again. */
  rewind(): void {
    this.reader = null
    this.caughtUpAt = null
  }

  /** Has it taken up again, though it may stand still. */
  lookAgain(): void {
    this.rewind()
    this.lookAgainAtMs = -Infinity
  }

  /** Stands still until it is looked at again. The alarm is raised once. */
  stop(alarm: Alarm, lookAgainAtMs: number, onAlarm: OnAlarm): void {
    this.stopped = alarm
    this.lookAgainAtMs = lookAgainAtMs
    this.raise(alarm, onAlarm)
  }

  goOn(): void {
    this.stopped = null
    this.lookAgainAtMs = Infinity
  }

  /** Goes on after it was found to be what it should be: another fault of it is another occasion. */
  recover(): void {
    this.goOn()
    this.raised.delete('LOG_REPLACED')
    this.raised.delete('LOG_OFFSET_GONE')
  }

  /** Goes on for some views; the others stand still, and are looked at again. */
  goOnWithout(blocked: readonly Alarm[], lookAgainAtMs: number, onAlarm: OnAlarm): void {
    this.stopped = null
    this.lookAgainAtMs = lookAgainAtMs
    for (const alarm of blocked) this.raise(alarm, onAlarm)
  }

  private raise(alarm: Alarm, onAlarm: OnAlarm): void {
    if (this.raised.get(alarm.code) === alarm.where) return
    this.raised.set(alarm.code, alarm.where)
    onAlarm(alarm)
  }
}
