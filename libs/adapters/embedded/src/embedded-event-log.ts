// The log on LMDB. What one call appends to a partition is one entry, up to a size, so that a thousand records cost one put and one checksum. Databases:
//
//   topics:       topic (text)                     -> u32 LE, its partitions
//   log:          topic | partition u32 | u64      -> the segment whose first record has that offset (log-segment.ts)
//   log-extents:  topic | partition u32            -> f64 LE start | f64 LE end
//   log-commits:  group | topic | partition u32    -> f64 LE, the next offset to read
//
// Segments follow each other without a gap: one that is not there, between start and end, is damage. A fetch that waits is woken by
// appends of this object and looks for those of other processes now and then.

import { setImmediate } from 'node:timers/promises'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { AppendedAt, CommittedPosition, EventLog, FetchLimits, LogAppend, LogBatch, LogExtent, LogRecord } from '@tidemark/ports/event-log'
import type { EmbeddedDatabase } from './embedded-databases.ts'
import type { EmbeddedEnvironment } from './embedded-environment.ts'
import { damaged } from './embedded-errors.ts'
import type { Reader } from './embedded-reader.ts'
import { lastU64, textKey, u32Key, withU64 } from './key-bytes.ts'
import { decodeSegment, encodeSegments, recordSizeOf, stampSegment, type EncodedSegment, type Segment, type TimedRecords } from './log-segment.ts'
import type { Writer } from './write-queue.ts'

/** Key, value and headers of a record, together. */
export const RECORD_SIZE_MAX_BYTES = 16 * 1_048_576
/** How often a fetch that waits looks for what other processes appended. */
export const LOG_POLL_MS = 20
/** Records of a batch that are worth a turn of the event loop. */
const YIELD_COUNT_MIN = 100
/** Segments of a partition that are kept in memory once they are read. */
const SEGMENTS_KEPT = 4
/** Segments that are removed in one transaction. */
const REMOVE_COUNT_MAX = 1_000

export interface EmbeddedEventLogOptions {
  readonly clock: WaitingClock
  readonly recordSizeMaxBytes?: number
}

export interface EmbeddedEventLog extends EventLog {
  /** Retention: removes what is before `start`, which is at most the end. */
  moveStart(topic: string, partition: number, start: number): Promise<void>
  /** `append` at the times that are given, as a replay needs it; otherwise the log's own clock stamps what it takes. */
  appendAt(appends: readonly TimedAppend[]): Promise<readonly AppendedAt[]>
}

export interface TimedAppend extends LogAppend {
  readonly appendTimeMs: number
}

interface Place {
  readonly topic: string
  readonly partition: number
  /** Of all the partition's keys. */
  readonly key: Buffer
  readonly where: string
}

/** What follows each other in a partition, of one call: all of it timed, or nothing of it, and then the log's clock says. */
interface EncodedRun extends Place {
  readonly isTimed: boolean
  readonly appends: readonly TimedRecords[]
  readonly segments: readonly EncodedSegment[]
}

/** The log of an environment, which outlives it. */
export async function openEmbeddedEventLog(environment: EmbeddedEnvironment, { clock, recordSizeMaxBytes = RECORD_SIZE_MAX_BYTES }: EmbeddedEventLogOptions): Promise<EmbeddedEventLog> {
  const topics = await environment.database('topics')
  const log = await environment.database('log')
  const extents = await environment.database('log-extents')
  const commits = await environment.database('log-commits')
  const waiters = new Map<string, Set<() => void>>()
  /** The segments that were read last, of each partition: a reader comes back for the rest of one, and compares what he has read before. */
  const lastRead = new Map<string, readonly Segment[]>()
  let isClosed = false

  function countPartitions(reader: Reader, topic: string): number {
    const stored = reader.get(topics, textKey(topic))
    if (stored === null) throw problem('UNKNOWN_NAME', `topic ${topic}`, 'There is no such topic.', 'Make it before it is used.')
    return Buffer.from(stored).readUInt32LE(0)
  }

  function checkPlace(reader: Reader, { topic, partition, where }: Place): void {
    const count = countPartitions(reader, topic)
    if (!(Number.isInteger(partition) && partition >= 0 && partition < count)) throw problem('UNKNOWN_NAME', where, `The topic has ${count} partitions.`, 'Ask for one of them, or add partitions.')
  }

  function extentOf(reader: Reader, { key }: Place): LogExtent {
    const stored = reader.get(extents, key)
    if (stored === null) return { start: 0, end: 0, appendedEnd: 0 }
    const bytes = Buffer.from(stored)
    const end = bytes.readDoubleLE(8)
    return { start: bytes.readDoubleLE(0), end, appendedEnd: end }
  }

  function encodeAppends(appends: readonly (LogAppend | TimedAppend)[]): EncodedRun[] {
    const runs: { readonly place: Place; readonly isTimed: boolean; readonly appends: TimedRecords[] }[] = []
    for (const append of appends) {
      const { topic, partition, records } = append
      const appendTimeMs = 'appendTimeMs' in append ? append.appendTimeMs : null
      const isTimed = appendTimeMs !== null
      let run = runs.at(-1)
      if (run === undefined || run.place.topic !== topic || run.place.partition !== partition || run.isTimed !== isTimed) runs.push((run = { place: placeOf(topic, partition), isTimed, appends: [] }))
      for (const record of records) {
        const sizeBytes = recordSizeOf(record)
        if (sizeBytes > recordSizeMaxBytes) throw problem('EVENT_TOO_LARGE', run.place.where, `A record has ${sizeBytes} bytes, at most ${recordSizeMaxBytes} are possible.`, 'Send less in one event.')
      }
      run.appends.push({ records, appendTimeMs })
    }
    return runs.map(({ place, ...run }) => ({ ...place, ...run, segments: encodeSegments(run.appends) }))
  }

  function putRuns(writer: Writer, runs: readonly EncodedRun[]): AppendedAt[] {
    const nowMs = clock.nowMs()
    const grown = new Map<string, { place: Place; start: number; end: number }>()
    const appended: AppendedAt[] = []
    for (const run of runs) {
      let extent = grown.get(run.where)
      if (extent === undefined) {
        checkPlace(writer, run)
        extent = { place: run, ...extentOf(writer, run) }
        grown.set(run.where, extent)
      }
      let firstOffset = extent.end
      for (const { records, appendTimeMs } of run.appends) {
        appended.push({ firstOffset, appendTimeMs: appendTimeMs ?? nowMs })
        firstOffset += records.length
      }
      for (const segment of run.segments) {
        if (!run.isTimed) stampSegment(segment, nowMs)
        writer.put(log, withU64(run.key, extent.end), segment.bytes)
        extent.end += segment.count
      }
    }
    for (const { place, start, end } of grown.values()) writer.put(extents, place.key, f64s(start, end))
    return appended
  }

  function wake(runs: readonly Place[]): void {
    for (const { where } of runs) for (const waiter of waiters.get(where) ?? []) waiter()
  }

  function readBatch(reader: Reader, place: Place, from: number, limits: FetchLimits): LogBatch {
    checkPlace(reader, place)
    const { start, end } = extentOf(reader, place)
    if (!(from >= start && from <= end)) throw problem('LOG_OFFSET_GONE', `${place.where}, offset ${from}`, `The partition has the offsets from ${start} to before ${end}.`, 'Find out what happened to the log before reading elsewhere.')
    const records: LogRecord[] = []
    let next = from
    let sizeBytes = 0
    while (next < end && records.length < limits.countMax) {
      const segment = segmentAt(reader, place, next, records.length === 0)
      for (const until = segment.firstOffset + segment.count; next < until && records.length < limits.countMax; next++) {
        const record = segment.recordAt(next)
        sizeBytes += recordSizeOf(record)
        if (sizeBytes > limits.sizeMaxBytes && records.length > 0) return { from, next, records, isAtEnd: false }
        records.push(record)
      }
    }
    return { from, next, records, isAtEnd: next === end }
  }

  /** The segment that has an offset, which is there. Only the first one of a batch may begin before it. */
  function segmentAt(reader: Reader, place: Place, offset: number, mayBeginBefore: boolean): Segment {
    const last = lastRead.get(place.where) ?? []
    const known = last.find(({ firstOffset, count }) => offset >= firstOffset && offset < firstOffset + count)
    if (known !== undefined) return known
    const key = withU64(place.key, offset)
    const stored = reader.get(log, key)
    const entry = stored !== null ? { key, value: stored } : mayBeginBefore ? reader.lastThrough(log, withU64(place.key, 0), key) : null
    const segment = entry && decodeSegment(entry.value, lastU64(entry.key), `${environment.folder}, ${place.where}, offset ${offset}`)
    if (segment === null || offset >= segment.firstOffset + segment.count) throw damaged(`${environment.folder}, ${place.where}, offset ${offset}`, 'Records are missing.')
    lastRead.set(place.where, [segment, ...last.slice(0, SEGMENTS_KEPT - 1)])
    return segment
  }

  /** Waits until something may have been appended, at most so long; how long that was. */
  async function waitForAppend({ where }: Place, durationMs: number, signal: AbortSignal | undefined): Promise<number> {
    const ended = new AbortController()
    const end = (): void => ended.abort()
    const own = waiters.get(where) ?? new Set()
    waiters.set(where, own.add(end))
    signal?.addEventListener('abort', end, { once: true })
    const fromMs = clock.nowMs()
    await clock.wait(durationMs, ended.signal)
    signal?.removeEventListener('abort', end)
    own.delete(end)
    if (own.size === 0 && waiters.get(where) === own) waiters.delete(where)
    return Math.max(ended.signal.aborted ? 0 : durationMs, clock.nowMs() - fromMs)
  }

  async function append(appends: readonly (LogAppend | TimedAppend)[]): Promise<readonly AppendedAt[]> {
    const runs = encodeAppends(appends)
    const appended = await environment.write((writer) => putRuns(writer, runs))
    wake(runs)
    return appended
  }

  return {
    append,
    appendAt: append,
    async ensureTopic(topic, partitionCount) {
      if (!Number.isSafeInteger(partitionCount) || partitionCount < 1) throw new RangeError(`A topic has at least one partition, not ${partitionCount}.`)
      await environment.write((writer) => {
        const stored = writer.get(topics, textKey(topic))
        if (stored === null || Buffer.from(stored).readUInt32LE(0) < partitionCount) writer.put(topics, textKey(topic), u32(partitionCount))
      })
    },
    partitionCount: async (topic) => environment.read((reader) => countPartitions(reader, topic)),
    topics: async () => environment.read((reader) => [...reader.entries(topics, EVERY_TEXT, AFTER_EVERY_TEXT)].map(({ key }) => Buffer.from(key).toString('utf8', 2)).sort()),
    async appendAndCommit(appends, commit, expected) {
      const runs = encodeAppends(appends)
      const appended = await environment.write((writer) => {
        checkPlace(writer, placeOf(commit.topic, commit.partition))
        if (committedIn(writer, commits, commit) !== expected) return null
        const result = putRuns(writer, runs)
        writer.put(commits, commitKey(commit), f64s(commit.offset))
        return result
      })
      if (appended !== null) wake(runs)
      return appended
    },
    async fetch(topic, partition, from, limits, signal) {
      const place = placeOf(topic, partition)
      for (let leftMs = limits.waitMaxMs; ; ) {
        const batch = environment.read((reader) => readBatch(reader, place, from, limits))
        if (batch.next > from || leftMs <= 0 || isClosed || signal?.aborted === true) {
          // One that reads on and on must not keep everything else in the process from its turn.
          if (batch.records.length >= YIELD_COUNT_MIN) await setImmediate()
          return batch
        }
        leftMs -= await waitForAppend(place, Math.min(LOG_POLL_MS, leftMs), signal)
      }
    },
    extent: async (topic, partition) =>
      environment.read((reader) => {
        const place = placeOf(topic, partition)
        checkPlace(reader, place)
        return extentOf(reader, place)
      }),
    async commit(position) {
      await environment.write((writer) => {
        checkPlace(writer, placeOf(position.topic, position.partition))
        writer.put(commits, commitKey(position), f64s(position.offset))
      })
    },
    committed: async (group, topic, partition) => environment.read((reader) => committedIn(reader, commits, { group, topic, partition })),
    async moveStart(topic, partition, start) {
      const place = placeOf(topic, partition)
      while (await environment.write((writer) => removeBefore(writer, place, start)));
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      for (const own of waiters.values()) for (const waiter of [...own]) waiter()
    },
  }

  /** Moves the start and removes segments before it; true: there are more. */
  function removeBefore(writer: Writer, place: Place, start: number): boolean {
    checkPlace(writer, place)
    const extent = extentOf(writer, place)
    if (start > extent.start) writer.put(extents, place.key, f64s(Math.min(start, extent.end), extent.end))
    const before: Uint8Array[] = []
    for (const { key, value } of writer.entries(log, withU64(place.key, 0), withU64(place.key, Math.min(start, extent.end)))) {
      const { firstOffset, count } = decodeSegment(value, lastU64(key), place.where)
      if (firstOffset + count > start) break
      before.push(key)
      if (before.length === REMOVE_COUNT_MAX) break
    }
    for (const key of before) writer.remove(log, key)
    return before.length === REMOVE_COUNT_MAX
  }
}

const EVERY_TEXT = Buffer.from([0])
const AFTER_EVERY_TEXT = Buffer.from([255, 255, 255])

function placeOf(topic: string, partition: number): Place {
  const isNumber = Number.isInteger(partition) && partition >= 0 && partition < 2 ** 32
  return { topic, partition, key: Buffer.concat([textKey(topic), u32Key(isNumber ? partition : 0)]), where: `topic ${topic}, partition ${partition}` }
}

function commitKey({ group, topic, partition }: Omit<CommittedPosition, 'offset'>): Buffer {
  return Buffer.concat([textKey(group), textKey(topic), u32Key(partition)])
}

function committedIn(reader: Reader, commits: EmbeddedDatabase, position: Omit<CommittedPosition, 'offset'>): number | null {
  const stored = reader.get(commits, commitKey(position))
  return stored && Buffer.from(stored).readDoubleLE(0)
}

function u32(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

function f64s(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(8 * numbers.length)
  for (const [i, number] of numbers.entries()) bytes.writeDoubleLE(number, 8 * i)
  return bytes
}

function problem(code: ErrorCode, where: string, message: string, action: string): TidemarkError {
  return new TidemarkError([{ code, message, where, action }])
}
