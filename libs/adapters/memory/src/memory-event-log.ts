// A log in memory, which does on request what real logs do: offsets that nobody sees, transactions that take long, append times that differ by partition and step
// back, a topic made anew, a log cut short, a start that moves. Each call is one step; nothing waits but a fetch that was asked to.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { AppendedAt, CommittedPosition, EventLog, FetchLimits, LogAppend, LogBatch, LogExtent, LogRecord } from '@tidemark/ports/event-log'

/** Key, value and headers of a record, together. */
export const RECORD_SIZE_MAX_BYTES = 16 * 1_048_576

export interface MemoryEventLogOptions {
  readonly clock: WaitingClock
  readonly recordSizeMaxBytes?: number
}

interface Partition {
  start: number
  /** From `start` on; null: an offset that a reader never sees. */
  readonly slots: (LogRecord | null)[]
  /** How far this partition's clock is ahead of the log's. */
  shiftMs: number
  /** What is behind it cannot be read yet; null: all can. */
  heldFrom: number | null
  readonly waiters: Set<() => void>
}

/** A log that lives as long as this object. One object is every client of it. */
export class MemoryEventLog implements EventLog {
  private readonly byTopic = new Map<string, Partition[]>()
  private readonly commits = new Map<string, number>()
  private readonly clock: WaitingClock
  private readonly recordSizeMaxBytes: number

  constructor({ clock, recordSizeMaxBytes = RECORD_SIZE_MAX_BYTES }: MemoryEventLogOptions) {
    this.clock = clock
    this.recordSizeMaxBytes = recordSizeMaxBytes
  }

  async ensureTopic(topic: string, partitionCount: number): Promise<void> {
    if (!Number.isSafeInteger(partitionCount) || partitionCount < 1) throw new RangeError(`A topic has at least one partition, not ${partitionCount}.`)
    const partitions = this.byTopic.get(topic) ?? []
    while (partitions.length < partitionCount) partitions.push({ start: 0, slots: [], shiftMs: 0, heldFrom: null, waiters: new Set() })
    this.byTopic.set(topic, partitions)
  }

  async partitionCount(topic: string): Promise<number> {
    return this.partitionsOf(topic).length
  }

  async topics(): Promise<string[]> {
    return [...this.byTopic.keys()].sort()
  }

  async append(appends: readonly LogAppend[]): Promise<readonly AppendedAt[]> {
    return this.appendAll(appends)
  }

  async appendAndCommit(appends: readonly LogAppend[], commit: CommittedPosition, expected: number | null): Promise<readonly AppendedAt[] | null> {
    this.partitionOf(commit.topic, commit.partition)
    if ((this.commits.get(commitKey(commit)) ?? null) !== expected) return null
    const appended = this.appendAll(appends)
    this.commits.set(commitKey(commit), commit.offset)
    return appended
  }

  async fetch(topic: string, partition: number, from: number, limits: FetchLimits, signal?: AbortSignal): Promise<LogBatch> {
    const batch = this.read(topic, partition, from, limits)
    if (batch.next > from || limits.waitMaxMs <= 0 || signal?.aborted === true) return batch
    await this.waitForChange(this.partitionOf(topic, partition), limits.waitMaxMs, signal)
    return this.read(topic, partition, from, limits)
  }

  async extent(topic: string, partition: number): Promise<LogExtent> {
    const found = this.partitionOf(topic, partition)
    return { start: found.start, end: readableEndOf(found), appendedEnd: endOf(found) }
  }

  async commit(position: CommittedPosition): Promise<void> {
    this.partitionOf(position.topic, position.partition)
    this.commits.set(commitKey(position), position.offset)
  }

  async committed(group: string, topic: string, partition: number): Promise<number | null> {
    return this.commits.get(commitKey({ group, topic, partition })) ?? null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const partitions of this.byTopic.values()) for (const partition of partitions) wake(partition)
  }

  // ---- What happens to real logs -------------------------------------------------------------------------------------------

  /** Appends offsets that no reader sees, as the marker of a transaction. */
  appendInvisible(topic: string, partition: number, count: number): void {
    const found = this.partitionOf(topic, partition)
    for (let i = 0; i < count; i++) found.slots.push(null)
    wake(found)
  }

  /** A transaction begins that is not decided before `release`: what is appended from here on, by whomever, cannot be read until then. */
  hold(topic: string, partition: number): void {
    const found = this.partitionOf(topic, partition)
    found.heldFrom ??= endOf(found)
  }

  release(topic: string, partition: number): void {
    const found = this.partitionOf(topic, partition)
    found.heldFrom = null
    wake(found)
  }

  /** Makes a record invisible, as compaction does. */
  compact(topic: string, partition: number, offset: number): void {
    const found = this.partitionOf(topic, partition)
    if (offset >= found.start && offset < endOf(found)) found.slots[offset - found.start] = null
  }

  /** Stamps what is appended from here on that much later (earlier, below 0) than the clock says. */
  shiftAppendTimes(topic: string, partition: number, byMs: number): void {
    this.partitionOf(topic, partition).shiftMs = byMs
  }

  /** Cuts the partition short, as an unclean election does: `end` is its end. */
  truncate(topic: string, partition: number, end: number): void {
    const found = this.partitionOf(topic, partition)
    found.slots.length = Math.max(0, Math.min(found.slots.length, end - found.start))
    found.start = Math.min(found.start, end)
    found.heldFrom = null
    wake(found)
  }

  /** The topic was removed and made again: its partitions are empty, and what groups have committed of it is still there. */
  makeAnew(topic: string): void {
    for (const partition of this.partitionsOf(topic)) {
      partition.start = 0
      partition.slots.length = 0
      partition.heldFrom = null
      wake(partition)
    }
  }

  /** Retention: the partition starts at `start`, or at its end where that is before. */
  moveStart(topic: string, partition: number, start: number): void {
    const found = this.partitionOf(topic, partition)
    const removed = Math.max(0, Math.min(start - found.start, found.slots.length))
    found.slots.splice(0, removed)
    found.start += removed
  }

  // ---- What they are made of -----------------------------------------------------------------------------------------------

  private partitionsOf(topic: string): Partition[] {
    const partitions = this.byTopic.get(topic)
    if (partitions === undefined) throw problem('UNKNOWN_NAME', `topic ${topic}`, 'There is no such topic.', 'Make it before it is used.')
    return partitions
  }

  private partitionOf(topic: string, partition: number): Partition {
    const partitions = this.partitionsOf(topic)
    const found = partitions[partition]
    if (found === undefined) throw problem('UNKNOWN_NAME', `topic ${topic}, partition ${partition}`, `The topic has ${partitions.length} partitions.`, 'Ask for one of them, or add partitions.')
    return found
  }

  private appendAll(appends: readonly LogAppend[]): readonly AppendedAt[] {
    for (const { topic, partition, records } of appends) {
      this.partitionOf(topic, partition)
      for (const record of records) if (sizeOf(record) > this.recordSizeMaxBytes) throw tooLarge(topic, partition, sizeOf(record), this.recordSizeMaxBytes)
    }
    return appends.map((append) => this.appendTo(this.partitionOf(append.topic, append.partition), append.records))
  }

  private appendTo(partition: Partition, records: LogAppend['records']): AppendedAt {
    const firstOffset = endOf(partition)
    const appendTimeMs = this.clock.nowMs() + partition.shiftMs
    for (const { key, value, headers } of records) {
      partition.slots.push({ offset: endOf(partition), appendTimeMs, key: copyOf(key), value: copyOf(value), headers: copyHeaders(headers) })
    }
    if (records.length > 0) wake(partition)
    return { firstOffset, appendTimeMs }
  }

  private read(topic: string, partition: number, from: number, { countMax, sizeMaxBytes }: FetchLimits): LogBatch {
    const found = this.partitionOf(topic, partition)
    const end = readableEndOf(found)
    if (!(from >= found.start && from <= end)) {
      throw problem('LOG_OFFSET_GONE', `topic ${topic}, partition ${partition}, offset ${from}`, `The partition has the offsets from ${found.start} to before ${end}.`, 'Find out what happened to the log before reading elsewhere.')
    }
    const records: LogRecord[] = []
    let next = from
    for (let sizeBytes = 0; next < end; next++) {
      const record = found.slots[next - found.start]!
      if (record === null) continue
      sizeBytes += sizeOf(record)
      if (records.length > 0 && (records.length >= countMax || sizeBytes > sizeMaxBytes)) break
      records.push(record)
    }
    return { from, next, records, isAtEnd: next === endOf(found) }
  }

  private async waitForChange(partition: Partition, durationMs: number, signal: AbortSignal | undefined): Promise<void> {
    const ended = new AbortController()
    const end = (): void => ended.abort()
    partition.waiters.add(end)
    signal?.addEventListener('abort', end, { once: true })
    await this.clock.wait(durationMs, ended.signal)
    signal?.removeEventListener('abort', end)
    partition.waiters.delete(end)
  }
}

function wake({ waiters }: Partition): void {
  for (const waiter of [...waiters]) waiter()
}

function endOf({ start, slots }: Partition): number {
  return start + slots.length
}

function readableEndOf(partition: Partition): number {
  return Math.max(partition.start, Math.min(endOf(partition), partition.heldFrom ?? Infinity))
}

function commitKey({ group, topic, partition }: Omit<CommittedPosition, 'offset'>): string {
  return JSON.stringify([group, topic, partition])
}

function sizeOf({ key, value, headers }: LogAppend['records'][number]): number {
  let sizeBytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) sizeBytes += name.length + headers[name]!.length
  return sizeBytes
}

const NO_HEADERS: LogRecord['headers'] = {}

function copyHeaders(headers: LogRecord['headers'] | undefined): LogRecord['headers'] {
  if (headers === undefined) return NO_HEADERS
  return Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, Uint8Array.from(bytes)]))
}

function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.prototype.slice.call(bytes)
}

function tooLarge(topic: string, partition: number, sizeBytes: number, limitBytes: number): TidemarkError {
  return problem('EVENT_TOO_LARGE', `topic ${topic}, partition ${partition}`, `A record has ${sizeBytes} bytes, at most ${limitBytes} are possible.`, 'Send less in one event.')
}

function problem(code: ErrorCode, where: string, message: string, action: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action }])
}
