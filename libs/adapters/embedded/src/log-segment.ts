// The bytes of a segment: the records that one append brought to a partition, in one entry of the log under the offset of the first.
// Version 1, little-endian:
//
//    0  u8 0x53 | u8 version | u16 0 | u32 n, records
//    8  f64 append time of all of them, epoch ms
//   16  u32[n] where each record ends, counted from 16 + 4n
//       records, each:
//         u8 1 (key) + 2 (value) + 4 (headers): what there is
//         key:      u32 size | bytes
//         headers:  u32 count | each: u32 size | name (UTF-8) | u32 size | bytes
//         value:    bytes, to the end of the record

import type { LogAppend, LogRecord } from '@tidemark/ports/event-log'
import { damaged, tooNew } from './embedded-errors.ts'

const MAGIC = 0x53
const SEGMENT_VERSION = 1
const HEAD_BYTES = 16
const HAS_KEY = 1
const HAS_VALUE = 2
const HAS_HEADERS = 4

type AppendedRecord = LogAppend['records'][number]

/** A segment that is larger is left at that: a reader takes a segment as a whole. */
const SEGMENT_SIZE_TARGET_BYTES = 1_048_576

/** Bytes of a record's key, value and headers, the names included. */
export function recordSizeOf({ key, value, headers }: AppendedRecord): number {
  let sizeBytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) sizeBytes += Buffer.byteLength(name) + headers[name]!.length
  return sizeBytes
}

export interface EncodedSegment {
  readonly count: number
  readonly bytes: Buffer
}

/** The records as segments, whose append time is still to be stamped. */
export function encodeSegments(records: readonly AppendedRecord[], sizesBytes: readonly number[]): EncodedSegment[] {
  const segments: EncodedSegment[] = []
  for (let first = 0; first < records.length; ) {
    let end = first + 1
    for (let sizeBytes = sizesBytes[first]!; end < records.length && sizeBytes + sizesBytes[end]! <= SEGMENT_SIZE_TARGET_BYTES; end++) sizeBytes += sizesBytes[end]!
    segments.push(encodeSegment(records, sizesBytes, first, end))
    first = end
  }
  return segments
}

function encodeSegment(records: readonly AppendedRecord[], sizesBytes: readonly number[], first: number, end: number): EncodedSegment {
  const count = end - first
  const bodyAt = HEAD_BYTES + 4 * count
  let totalBytes = bodyAt
  for (let i = first; i < end; i++) totalBytes += sizesBytes[i]! + overheadOf(records[i]!)
  const bytes = Buffer.allocUnsafe(totalBytes)
  bytes.writeUInt32LE(MAGIC | (SEGMENT_VERSION << 8), 0)
  bytes.writeUInt32LE(count, 4)
  bytes.writeDoubleLE(0, 8)
  let at = bodyAt
  for (let i = first; i < end; i++) {
    at = writeRecord(bytes, at, records[i]!)
    bytes.writeUInt32LE(at - bodyAt, HEAD_BYTES + 4 * (i - first))
  }
  return { count, bytes }
}

function overheadOf({ key, headers }: AppendedRecord): number {
  let sizeBytes = key === null ? 1 : 5
  const headerCount = headers === undefined ? 0 : Object.keys(headers).length
  if (headerCount > 0) sizeBytes += 4 + 8 * headerCount
  return sizeBytes
}

function writeRecord(bytes: Buffer, from: number, { key, value, headers }: AppendedRecord): number {
  const headerEntries = headers === undefined ? [] : Object.entries(headers)
  let at = from + 1
  bytes[from] = (key === null ? 0 : HAS_KEY) | (value === null ? 0 : HAS_VALUE) | (headerEntries.length === 0 ? 0 : HAS_HEADERS)
  if (key !== null) at = writeSized(bytes, at, key)
  if (headerEntries.length > 0) {
    at = bytes.writeUInt32LE(headerEntries.length, at)
    for (const [name, each] of headerEntries) at = writeSized(bytes, writeSized(bytes, at, Buffer.from(name)), each)
  }
  if (value === null) return at
  bytes.set(value, at)
  return at + value.length
}

function writeSized(bytes: Buffer, at: number, part: Uint8Array): number {
  bytes.writeUInt32LE(part.length, at)
  bytes.set(part, at + 4)
  return at + 4 + part.length
}

export function stampSegment({ bytes }: EncodedSegment, appendTimeMs: number): void {
  bytes.writeDoubleLE(appendTimeMs, 8)
}

/** A stored segment, whose records are read one by one. */
export interface Segment {
  readonly firstOffset: number
  readonly count: number
  /** Bytes that a record takes here: a little more than `recordSizeOf`. */
  sizeOf(offset: number): number
  /** A view of the segment's bytes. */
  recordAt(offset: number): LogRecord
}

const NO_HEADERS: LogRecord['headers'] = {}

/** The bytes have been checked already: what is wrong with them here was written so. Throws STORE_DAMAGED, STORE_TOO_NEW. */
export function decodeSegment(stored: Uint8Array, firstOffset: number, where: string): Segment {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  if (bytes.length < HEAD_BYTES || bytes[0] !== MAGIC) throw damaged(where, 'It is not a segment of a log.')
  if (bytes[1]! > SEGMENT_VERSION) throw tooNew(where, bytes[1]!, SEGMENT_VERSION)
  const count = bytes.readUInt32LE(4)
  const appendTimeMs = bytes.readDoubleLE(8)
  const bodyAt = HEAD_BYTES + 4 * count
  const endOf = (index: number): number => (index < 0 ? bodyAt : bodyAt + bytes.readUInt32LE(HEAD_BYTES + 4 * index))
  return {
    firstOffset,
    count,
    sizeOf: (offset) => endOf(offset - firstOffset) - endOf(offset - firstOffset - 1),
    recordAt(offset) {
      const end = endOf(offset - firstOffset)
      let at = endOf(offset - firstOffset - 1)
      const has = bytes[at++]!
      let key: Uint8Array | null = null
      let headers = NO_HEADERS
      if ((has & HAS_KEY) !== 0) {
        key = readSized(bytes, at)
        at += 4 + key.length
      }
      if ((has & HAS_HEADERS) !== 0) [headers, at] = readHeaders(bytes, at)
      return { offset, appendTimeMs, key, value: (has & HAS_VALUE) === 0 ? null : bytes.subarray(at, end), headers }
    },
  }
}

function readHeaders(bytes: Buffer, from: number): [LogRecord['headers'], number] {
  const entries: [string, Uint8Array][] = []
  let at = from + 4
  for (let left = bytes.readUInt32LE(from); left > 0; left--) {
    const name = readSized(bytes, at)
    const value = readSized(bytes, at + 4 + name.length)
    entries.push([name.toString(), value])
    at += 8 + name.length + value.length
  }
  return [Object.fromEntries(entries), at]
}

function readSized(bytes: Buffer, at: number): Buffer {
  return bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at))
}
