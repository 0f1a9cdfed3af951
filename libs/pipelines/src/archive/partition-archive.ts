// What an archiver holds of one partition that is not sealed yet: its epochs, each with the segments that are written and the records that
// are still to be. It is a function of the log and the register from the last seal on, so it may be thrown away and read again at any time.

import type { LogRecord } from '@tidemark/ports/event-log'
import type { Alarm } from '../alarm.ts'
import type { DecodeLogRecord } from '../log/decoded-record.ts'
import type { LogPlace } from '../log/log-mark.ts'
import type { LogMark, SealedPartition, Segment } from '../log/manifest.ts'
import { markOf, PartitionReader, type EpochRule, type PartitionPosition } from '../log/partition-position.ts'
import type { SealRegister } from '../log/seal-register.ts'
import type { ArchiveLimits } from './archive-limits.ts'
import { positionAfter } from './position-after.ts'
import type { BeginSegment, OpenSegment } from './segment-writer.ts'

/** One epoch of the partition. */
interface EpochPart {
  readonly epoch: number
  /** Its first record, and the position before it. */
  readonly first: LogMark
  readonly before: PartitionPosition
  readonly segments: Segment[]
  /** What is held; null: nothing. */
  accepted: OpenSegment | null
  rejected: OpenSegment | null
  sizeBytes: number
}

export class PartitionArchive {
  readonly partition: number
  readonly reader: PartitionReader
  /** The record that proved the last seal, until it is read again. */
  proof: LogMark | null
  /** The log's end when it was last looked at, with what cannot be read yet; null: not yet. */
  end: number | null = null
  /** Why it stands still; null: it does not. */
  alarm: Alarm | null = null
  /** When it was last compared with the log; null: not yet. */
  comparedAtMs: number | null = null
  private parts: EpochPart[] = []
  /** What is being written, and is not among its epoch's segments yet. */
  private writing: Promise<void> | null = null
  private followed: ReadonlySet<string>

  /** Stands where the register's last seal ends. */
  constructor(register: SealRegister, partition: number, epochRule: EpochRule) {
    this.partition = partition
    this.reader = new PartitionReader(partition, positionAfter(register.lastSeal, register, partition), register, epochRule)
    this.proof = register.lastSeal?.partitions.find((sealed) => sealed.partition === partition)?.proof ?? null
    this.followed = changesOf(register, partition)
  }

  /** Takes up what the register says by now. false: it says something else of what was read already. */
  follow(register: SealRegister): boolean {
    const changes = changesOf(register, this.partition)
    for (const change of changes.difference(this.followed)) if (Number(change.split(' ', 1)) < this.reader.next) return false
    this.followed = changes
    this.reader.follow(register)
    return true
  }

  /** The places that the log must still bear out to be the one that was read. */
  places(): LogPlace[] {
    return this.proof === null ? [this.reader.position()] : [this.reader.position(), { next: this.proof.offset + 1, mark: this.proof }]
  }

  /** Takes the next record. */
  take(record: LogRecord, decode: DecodeLogRecord, begin: BeginSegment): void {
    const epoch = this.reader.epochOf(record)
    if (this.parts.at(-1)?.epoch !== epoch) {
      this.parts.push({ epoch, first: markOf(record), before: this.reader.position(), segments: [], accepted: null, rejected: null, sizeBytes: 0 })
    }
    const part = this.parts.at(-1)!
    this.reader.take(record)
    if (this.proof !== null && record.offset >= this.proof.offset) this.proof = null
    const { row, rejection } = decode(record)
    const held = row === null ? (part.rejected ??= begin({ partition: this.partition, epoch }, true)) : (part.accepted ??= begin({ partition: this.partition, epoch }, false))
    held.add({ record, appendTimeMs: this.reader.appendTimeMs(record), knownTimeMs: this.reader.knownTimeMs, row, rejection: rejection?.message ?? null })
    part.sizeBytes += (record.value?.byteLength ?? 0) + (record.key?.byteLength ?? 0)
  }

  /** Whether the next record, of that epoch, has to wait until what is held is written. */
  isDue(epoch: number, { segmentCountMax, segmentSizeMaxBytes }: ArchiveLimits): boolean {
    const part = this.parts.at(-1)
    if (part === undefined || isWritten(part)) return false
    return part.epoch !== epoch || (part.accepted?.rowCount ?? 0) + (part.rejected?.rowCount ?? 0) >= segmentCountMax || part.sizeBytes >= segmentSizeMaxBytes
  }

  /**
   * Begins to write what is held, once what was begun before is written, so that more can be taken meanwhile. Whoever begins waits for `written`
   * before he asks anything else of log, register or store.
   */
  async beginWriting(): Promise<void> {
    await this.written()
    this.writing = this.write()
    // It is heard by whoever waits for it.
    this.writing.catch(() => undefined)
  }

  async written(): Promise<void> {
    const { writing } = this
    this.writing = null
    await writing
  }

  /** Writes what is held of the epochs through one. */
  async write(through = Infinity): Promise<void> {
    const held = this.parts.filter((part) => part.epoch <= through && !isWritten(part)).map((part) => ({ part, segments: [part.accepted, part.rejected].filter((segment) => segment !== null) }))
    for (const { part } of held) Object.assign(part, { accepted: null, rejected: null, sizeBytes: 0 })
    for (const { part, segments } of held) for (const segment of segments) part.segments.push(await segment.write())
  }

  /** The last epoch that a record proves to be over; -Infinity: none. */
  provenThrough(): number {
    return (this.parts.at(-1)?.epoch ?? -Infinity) - 1
  }

  /** Whether everything up to the end of the log, as it was last looked at, is read; an end before that is for `archive` to report. */
  isAtEnd(): boolean {
    return this.alarm === null && this.reader.next === this.end
  }

  hasRecords(): boolean {
    return this.parts.length > 0
  }

  /** How many segments a seal through that epoch has, what is still to be written counted as two. */
  *segmentCounts(): Generator<{ readonly epoch: number; readonly count: number }> {
    for (const part of this.parts) yield { epoch: part.epoch, count: part.segments.length + (isWritten(part) ? 0 : 2) }
  }

  /** The partition in a seal through that epoch, whose records are all written. */
  sealed(through: number, proofOf: (firstPast: LogMark) => LogMark | null): SealedPartition {
    const past = this.parts.find(({ epoch }) => epoch > through)
    const { next, knownTimeMs, mark } = past?.before ?? this.reader.position()
    return {
      partition: this.partition,
      end: past?.first.offset ?? next,
      knownTimeMs: knownTimeMs === -Infinity ? null : knownTimeMs,
      mark,
      proof: past === undefined ? null : proofOf(past.first),
      segments: this.parts.filter(({ epoch }) => epoch <= through).flatMap(({ segments }) => segments),
    }
  }

  /** Forgets what is sealed. */
  drop(through: number): void {
    this.parts = this.parts.filter(({ epoch }) => epoch > through)
  }
}

function isWritten({ accepted, rejected }: EpochPart): boolean {
  return accepted === null && rejected === null
}

/** What a register says of a partition's records, each as its offset and the rest. */
function changesOf({ openings, overrides }: SealRegister, partition: number): Set<string> {
  const own = openings.filter((opening) => opening.partition === partition).map(({ offset, epoch }) => `${offset} opened at ${epoch}`)
  return new Set([...own, ...overrides.filter((one) => one.partition === partition).map(({ offset, through, appendTimeMs }) => `${offset} to ${through} appended at ${appendTimeMs}`)])
}
