// Where a reader of a partition stands: how far it has read, and what the running maximum is there. From a position, the epochs of all
// later records follow from the log and the source's register alone, whoever reads and in whatever batches (law 3).

import { crc32 } from 'node:zlib'
import type { LogRecord } from '@tidemark/ports/event-log'
import { nextEpoch } from './epoch.ts'
import type { LogMark } from './manifest.ts'
import { covers, type AppendTimeOverride, type Opening, type SealRegister } from './seal-register.ts'

export interface PartitionPosition {
  /** The next offset to read. */
  readonly next: number
  /** The epoch of the last record; -Infinity: none yet. */
  readonly epoch: number
  /** The running maximum of append times; -Infinity: none yet. */
  readonly knownTimeMs: number
  /** The last visible record before `next`; null: none yet. */
  readonly mark: LogMark | null
}

/** The epoch of the next record, from the running one. Another one stands here only in tests. */
export type EpochRule = typeof nextEpoch

/** Walks over the records of one partition. */
export class PartitionReader {
  next: number
  epoch: number
  knownTimeMs: number
  private last: LogRecord | null = null
  private lastMark: LogMark | null
  private readonly epochLengthMs: number
  private readonly epochRule: EpochRule
  private openings: readonly Opening[] = []
  private overrides: readonly AppendTimeOverride[] = []
  private readonly partition: number
  /** What it has read has another append time by now than it was read with: it is worth nothing, and to be read again. */
  isOutdated = false

  constructor(partition: number, position: PartitionPosition, register: SealRegister, epochRule: EpochRule = nextEpoch) {
    this.partition = partition
    this.next = position.next
    this.epoch = position.epoch
    this.knownTimeMs = position.knownTimeMs
    this.lastMark = position.mark
    this.epochLengthMs = register.epochLengthMs
    this.epochRule = epochRule
    this.openings = openingsOf(register, partition)
    this.overrides = overridesOf(register, partition)
  }

  /** Takes up the openings and overrides that a register has by now. */
  follow(register: SealRegister): void {
    const before = this.overrides
    this.openings = openingsOf(register, this.partition)
    this.overrides = overridesOf(register, this.partition)
    const isKnown = (one: AppendTimeOverride): boolean => before.some(({ offset, through, appendTimeMs }) => offset === one.offset && through === one.through && appendTimeMs === one.appendTimeMs)
    if (this.overrides.some((one) => one.offset < this.next && one.appendTimeMs !== 'stamped' && !isKnown(one))) this.isOutdated = true
  }

  /** The append time of a record: the log's, or the declared one; Infinity where one is announced, so that nobody takes the record. */
  appendTimeMs({ offset, appendTimeMs }: LogRecord): number {
    for (const override of this.overrides) if (covers(override, this.partition, offset)) return override.appendTimeMs === 'stamped' ? appendTimeMs : override.appendTimeMs ?? Infinity
    return appendTimeMs
  }

  /** Whether the record counts as it is stamped, however far ahead. */
  isAccepted({ offset }: LogRecord): boolean {
    return this.overrides.some((override) => override.appendTimeMs === 'stamped' && covers(override, this.partition, offset))
  }

  /** The epoch that the record would have, were it the next one. */
  epochOf(record: LogRecord): number {
    let running = this.epoch
    for (const { offset, epoch } of this.openings) if (offset <= record.offset && epoch! > running) running = epoch!
    return this.epochRule(running, this.appendTimeMs(record), this.epochLengthMs)
  }

  /** Steps over a record, in the order of offsets; afterwards `epoch` and `knownTimeMs` are its own. */
  take(record: LogRecord): void {
    this.epoch = this.epochOf(record)
    const appendTimeMs = this.appendTimeMs(record)
    if (appendTimeMs > this.knownTimeMs) this.knownTimeMs = appendTimeMs
    this.next = record.offset + 1
    this.last = record
  }

  /** Steps over offsets that have no visible record. */
  skipTo(next: number): void {
    this.next = next
  }

  position(): PartitionPosition {
    if (this.last !== null) {
      this.lastMark = markOf(this.last)
      this.last = null
    }
    return { next: this.next, epoch: this.epoch, knownTimeMs: this.knownTimeMs, mark: this.lastMark }
  }
}

function openingsOf({ openings }: SealRegister, of: number): Opening[] {
  return openings.filter(({ partition, epoch }) => partition === of && epoch !== null)
}

function overridesOf({ overrides }: SealRegister, of: number): AppendTimeOverride[] {
  return overrides.filter(({ partition }) => partition === of)
}

export function markOf({ offset, appendTimeMs, value }: LogRecord): LogMark {
  return { offset, appendTimeMs, checksum: value === null ? 0 : crc32(value) }
}
