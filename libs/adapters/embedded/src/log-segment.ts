// The bytes of a segment: what one call appended to a partition, in one entry of the log under the offset of the first record.
// Version 2, little-endian:
//
//    0  u8 0x53 | u8 version | u8 1 (the body is compressed, zstd) or 0 | u8 0 | u32 n, records
//    8  u32 t, times | u32 size of the body as it is when it is not compressed
//   16  times, each: u32 the records before those that have it | f64 append time, epoch ms
//       body:
//         u32[n] where each record ends, counted from the end of these
//         records, each:
//           u8 1 (key) + 2 (value) + 4 (headers): what there is
//           key:      u32 size | bytes
//           headers:  u32 count | each: u32 size | name (UTF-8) | u32 size | bytes
//           value:    bytes, to the end of the record
//
// Version 1 has one time and no compressed body: bytes 8 to 16 are f64 append time, and the body follows them.

import { zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib'
import type { LogAppend, LogRecord } from '@tidemark/ports/event-log'
import { damaged, tooNew } from './embedded-errors.ts'

const MAGIC = 0x53
const SEGMENT_VERSION = 2
const HEAD_BYTES = 16
const TIME_BYTES = 12
const IS_COMPRESSED = 1
const HAS_KEY = 1
const HAS_VALUE = 2
const HAS_HEADERS = 4

type AppendedRecord = LogAppend['records'][number]

/** A segment that is larger is left at that: a reader takes a segment as a whole. */
const SEGMENT_SIZE_TARGET_BYTES = 1_048_576
/** Less is not worth a compressor's beginning: some 20 µs. */
const COMPRESS_SIZE_MIN_BYTES = 16_384
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

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

/** Records that follow each other, and when they are appended, epoch ms; null: still to be stamped. */
export interface TimedRecords {
  readonly records: readonly AppendedRecord[]
  readonly appendTimeMs: number | null
}

interface SegmentDraft {
  readonly records: AppendedRecord[]
  readonly times: { readonly before: number; readonly appendTimeMs: number | null }[]
  /** Of the records as they are written. */
  bodyBytes: number
}

/** Appends to one partition, one after the other, as segments. Either all of them are timed or none is. */
export function encodeSegments(appends: readonly TimedRecords[]): EncodedSegment[] {
  const drafts: SegmentDraft[] = []
  let draft: SegmentDraft | null = null
  for (const { records, appendTimeMs } of appends) {
    for (const record of records) {
      const bytes = recordSizeOf(record) + overheadOf(record)
      if (draft === null || draft.bodyBytes + bytes > SEGMENT_SIZE_TARGET_BYTES) drafts.push((draft = { records: [], times: [], bodyBytes: 0 }))
      if (draft.times.length === 0 || draft.times.at(-1)!.appendTimeMs !== appendTimeMs) draft.times.push({ before: draft.records.length, appendTimeMs })
      draft.records.push(record)
      draft.bodyBytes += bytes
    }
  }
  return drafts.map(encodeSegment)
}

function encodeSegment({ records, times, bodyBytes }: SegmentDraft): EncodedSegment {
  const body = encodeBody(records, bodyBytes)
  const compressed = body.length < COMPRESS_SIZE_MIN_BYTES ? body : zstdCompressSync(body, COMPRESSION)
  const isCompressed = compressed.length < body.length
  const bodyAt = HEAD_BYTES + TIME_BYTES * times.length
  const bytes = Buffer.allocUnsafe(bodyAt + (isCompressed ? compressed : body).length)
  bytes.writeUInt32LE(MAGIC | (SEGMENT_VERSION << 8) | ((isCompressed ? IS_COMPRESSED : 0) << 16), 0)
  bytes.writeUInt32LE(records.length, 4)
  bytes.writeUInt32LE(times.length, 8)
  bytes.writeUInt32LE(body.length, 12)
  for (const [i, { before, appendTimeMs }] of times.entries()) {
    bytes.writeUInt32LE(before, HEAD_BYTES + TIME_BYTES * i)
    bytes.writeDoubleLE(appendTimeMs ?? NaN, HEAD_BYTES + TIME_BYTES * i + 4)
  }
  bytes.set(isCompressed ? compressed : body, bodyAt)
  return { count: records.length, bytes }
}

function encodeBody(records: readonly AppendedRecord[], sizeBytes: number): Buffer {
  const recordsAt = 4 * records.length
  const body = Buffer.allocUnsafe(recordsAt + sizeBytes)
  let at = recordsAt
  for (const [i, record] of records.entries()) {
    at = writeRecord(body, at, record)
    body.writeUInt32LE(at - recordsAt, 4 * i)
  }
  return body
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

/** Gives a segment whose records have no time yet their one. */
export function stampSegment({ bytes }: EncodedSegment, appendTimeMs: number): void {
  bytes.writeDoubleLE(appendTimeMs, HEAD_BYTES + 4)
}

/** A stored segment, whose records are read one by one. */
export interface Segment {
  readonly firstOffset: number
  readonly count: number
  /** A view of the segment's bytes. Throws STORE_DAMAGED. */
  recordAt(offset: number): LogRecord
}

const NO_HEADERS: LogRecord['headers'] = {}

/** The bytes have been checked already: what is wrong with them here was written so. Throws STORE_DAMAGED, STORE_TOO_NEW. */
export function decodeSegment(stored: Uint8Array, firstOffset: number, where: string): Segment {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  if (bytes.length < HEAD_BYTES || bytes[0] !== MAGIC) throw damaged(where, 'It is not a segment of a log.')
  if (bytes[1]! > SEGMENT_VERSION) throw tooNew(where, bytes[1]!, SEGMENT_VERSION)
  const count = bytes.readUInt32LE(4)
  const timeOf = bytes[1] === 1 ? oneTime(bytes.readDoubleLE(8)) : timesOf(bytes)
  let body: Buffer | null = null
  return {
    firstOffset,
    count,
    recordAt(offset) {
      body ??= bodyOf(bytes, where)
      const index = offset - firstOffset
      return readRecord(body, count, index, offset, timeOf(index))
    },
  }
}

type TimeOf = (index: number) => number

function oneTime(appendTimeMs: number): TimeOf {
  return () => appendTimeMs
}

/** Records are mostly asked for in their order. */
function timesOf(bytes: Buffer): TimeOf {
  const timeCount = bytes.readUInt32LE(8)
  if (timeCount === 1) return oneTime(bytes.readDoubleLE(HEAD_BYTES + 4))
  const beforeOf = (time: number): number => (time < timeCount ? bytes.readUInt32LE(HEAD_BYTES + TIME_BYTES * time) : Infinity)
  let at = 0
  return (index) => {
    if (index < beforeOf(at)) at = 0
    while (index >= beforeOf(at + 1)) at++
    return bytes.readDoubleLE(HEAD_BYTES + TIME_BYTES * at + 4)
  }
}

function bodyOf(bytes: Buffer, where: string): Buffer {
  if (bytes[1] === 1) return bytes.subarray(HEAD_BYTES)
  const [stored, sizeBytes] = [bytes.subarray(HEAD_BYTES + TIME_BYTES * bytes.readUInt32LE(8)), bytes.readUInt32LE(12)]
  if ((bytes[2]! & IS_COMPRESSED) === 0) return stored
  try {
    // A byte more than there is, so that it comes in one piece and is known to be all.
    return zstdDecompressSync(stored, { maxOutputLength: sizeBytes, chunkSize: Math.max(constants.Z_MIN_CHUNK, sizeBytes + 1) })
  } catch (error) {
    throw damaged(where, `The records of a segment cannot be decompressed: ${(error as Error).message}.`)
  }
}

function readRecord(body: Buffer, count: number, index: number, offset: number, appendTimeMs: number): LogRecord {
  const endOf = (i: number): number => (i < 0 ? 4 * count : 4 * count + body.readUInt32LE(4 * i))
  const end = endOf(index)
  let at = endOf(index - 1)
  const has = body[at++]!
  let key: Uint8Array | null = null
  let headers = NO_HEADERS
  if ((has & HAS_KEY) !== 0) {
    key = readSized(body, at)
    at += 4 + key.length
  }
  if ((has & HAS_HEADERS) !== 0) [headers, at] = readHeaders(body, at)
  return { offset, appendTimeMs, key, value: (has & HAS_VALUE) === 0 ? null : body.subarray(at, end), headers }
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
