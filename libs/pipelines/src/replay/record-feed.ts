// The records of a source's files as a log takes them: each at its append time, or, where the file has none, at the running maximum of the event
// time in file order. They are known at the running maximum of append times; a record that says no time of its own is known with the one before.

import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { FileRecords } from '@tidemark/ports/record-reader'
import { INGEST_LIMITS } from '../ingest/ingest-limits.ts'
import type { DecodeLogRecord } from '../log/decoded-record.ts'
import { compileJsonDecoder } from '../log/log-decoder.ts'
import { topicOf } from '../names.ts'

export interface TimedRecord {
  readonly value: Uint8Array
  readonly appendTimeMs: number
}

/** Appends records to partition 0 of a topic, in order. */
export type AppendRecords = (topic: string, records: readonly TimedRecord[]) => Promise<void>

/** Records that are appended at a time: as many as a poll takes. */
const APPEND_COUNT_MAX = INGEST_LIMITS.fetchCountMax

interface PlacedRecord extends TimedRecord {
  readonly knownTimeMs: number
}

export class RecordFeed {
  appendedCount = 0
  /** Records that are known before this time are in the log, all of them; those known at it may be. -Infinity: none is. */
  appendedThroughMs = -Infinity
  /** In the order in which they were read, each with the offset of its first record. */
  private readonly files: { readonly path: string; readonly firstOffset: number }[] = []
  private readCount = 0
  private readonly source: SourceDefinition
  private readonly records: AsyncIterator<FileRecords>
  private readonly hasAppendTimes: boolean
  private readonly append: AppendRecords
  private readonly decode: DecodeLogRecord
  /** Read, and not yet appended from `at` on. */
  private pending: PlacedRecord[] = []
  private at = 0
  private knownTimeMs = -Infinity
  private hasEnded = false

  /** `hasAppendTimes`: the files have a column of them. */
  constructor(source: SourceDefinition, records: AsyncIterable<FileRecords>, hasAppendTimes: boolean, append: AppendRecords) {
    this.source = source
    this.hasAppendTimes = hasAppendTimes
    this.records = records[Symbol.asyncIterator]()
    this.append = append
    this.decode = compileJsonDecoder(source)
  }

  /** When the first record that has a time is known; null: there is none. */
  async firstTimeMs(): Promise<number | null> {
    while (this.at === this.pending.length || this.pending.at(-1)!.knownTimeMs === -Infinity) if (!(await this.read())) break
    return this.pending.find(({ knownTimeMs }) => knownTimeMs > -Infinity)?.knownTimeMs ?? null
  }

  /** Appends the next records that are known before a time, some at most; how many. */
  async appendBefore(untilMs: number): Promise<number> {
    if (this.at === this.pending.length && !(await this.read())) return 0
    let end = this.at
    while (end < this.pending.length && end - this.at < APPEND_COUNT_MAX && this.pending[end]!.knownTimeMs < untilMs) end++
    const count = end - this.at
    if (count === 0) return 0
    const records = this.pending.slice(this.at, end)
    // Before the first record that has a time, any time will do: nobody counts them.
    const first = this.pending.find(({ knownTimeMs }) => knownTimeMs > -Infinity)?.appendTimeMs ?? 0
    const last = this.pending[end - 1]!.knownTimeMs
    await this.append(topicOf(this.source), records.map(({ value, appendTimeMs }) => ({ value, appendTimeMs: appendTimeMs === -Infinity ? first : appendTimeMs })))
    this.at = end
    this.appendedCount += count
    this.appendedThroughMs = last === -Infinity ? first : last
    return count
  }

  /** Where the record at an offset stands; the first of a file is row 0. */
  placeOf(offset: number): { readonly file: string; readonly row: number } {
    const { path, firstOffset } = this.files.findLast((file) => file.firstOffset <= offset)!
    return { file: path, row: offset - firstOffset }
  }

  /** Reads on; false: there is no more. */
  private async read(): Promise<boolean> {
    if (this.hasEnded) return false
    const { done, value: read } = await this.records.next()
    if (done === true) {
      this.hasEnded = true
      return false
    }
    if (read.file !== this.files.at(-1)?.path) this.files.push({ path: read.file, firstOffset: this.readCount })
    this.readCount += read.values.length
    this.pending = this.pending.slice(this.at)
    this.at = 0
    for (const [i, text] of read.values.entries()) this.pending.push(this.place(Buffer.from(text), read.appendTimesMs[i]!))
    return true
  }

  private place(value: Uint8Array, appendTimeMs: number | null): PlacedRecord {
    const ownMs = appendTimeMs ?? (this.hasAppendTimes ? -Infinity : this.eventTimeMs(value))
    this.knownTimeMs = Math.max(this.knownTimeMs, ownMs)
    return { value, knownTimeMs: this.knownTimeMs, appendTimeMs: appendTimeMs ?? this.knownTimeMs }
  }

  /** -Infinity where the record is rejected: its times count for nothing. */
  private eventTimeMs(value: Uint8Array): number {
    const { row, eventTimeMs } = this.decode({ offset: 0, appendTimeMs: 0, key: null, value, headers: {} })
    return row === null ? -Infinity : eventTimeMs
  }

  /** Reads no more. */
  async close(): Promise<void> {
    await this.records.return?.()
  }
}
