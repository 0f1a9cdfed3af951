// Record batches as a fetch gives them, read record by record: aborted transactions, markers and offsets before the position are left
// out, and whoever stops early comes back for the rest. The client's own reader makes five objects of each record, checks no checksum
// and shows records of a transaction whose marker is in a later fetch. Format (big-endian), of Kafka's version 2:
//
//    0 first offset i64         21 attributes i16: bits 0–2 compression, 3 append time is the log's, 4 transactional, 5 control
//    8 length i32, from 12 on   23 last offset delta i32     35 largest timestamp i64    51 producer epoch i16
//   12 leader epoch i32         27 first timestamp i64       43 producer id i64          53 first sequence i32
//   16 magic i8 = 2             57 record count i32          61 records, compressed together
//   17 CRC-32C u32 of 21 on
//
// A record: varints (zigzag) of length; attributes i8; time delta; offset delta; length and bytes of key and value (−1: null); a count of
// headers, each a name and a value with their lengths.

import { compressionsAlgorithmsByBitmask, crc32c } from '@platformatic/kafka'
import type { FetchLimits, LogBatch, LogRecord } from '@tidemark/ports/event-log'
import { damaged, problem } from './kafka-errors.ts'

const HEADER_SIZE_BYTES = 61
const CRC_FROM = 21
const LENGTH_ENDS_AT = 12
const MAGIC = 2
const COMPRESSION_BITS = 0b111
const LOG_APPEND_TIME_BIT = 1 << 3
const TRANSACTIONAL_BIT = 1 << 4
const CONTROL_BIT = 1 << 5
/** Of a control record's key: version i16, type i16. */
const ABORT_MARKER = 0

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/** The records of a batch that come one after the other. */
interface OpenBatch {
  readonly bytes: Buffer
  readonly firstOffset: number
  readonly nextOffset: number
  readonly appendTimeMs: number
  leftCount: number
}

export interface FetchedBytes {
  /** Whole batches, and perhaps a part of one more. */
  readonly bytes: Buffer
  /** Of which this fetch has records; any order. */
  readonly aborted: readonly AbortedTransaction[]
  /** The position that was fetched: the first batch may begin before it. */
  readonly from: number
  /** Whether its records have their producers' times, which nobody goes by. */
  readonly isExternal?: boolean
  /** `kafka HOST:PORT, topic t, partition 0`. */
  readonly where: string
}

export class FetchedRecords {
  /** Everything before it was given, or is not to be seen. */
  next: number
  private readonly bytes: Buffer
  private readonly where: string
  private readonly isExternal: boolean
  /** Ascending. */
  private readonly aborted: AbortedTransaction[]
  private readonly abortedProducers = new Set<bigint>()
  private at = 0
  private batch: OpenBatch | null = null
  /** In `batch.bytes`. */
  private recordAt = 0
  /** Was read, and did not fit. */
  private pending: LogRecord | null = null

  constructor({ bytes, aborted, from, isExternal = false, where }: FetchedBytes) {
    this.bytes = bytes
    this.isExternal = isExternal
    this.where = where
    this.next = from
    this.aborted = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  }

  get sizeBytes(): number {
    return this.bytes.length
  }

  /** Nothing more comes of what was fetched. */
  get isExhausted(): boolean {
    return this.batch === null && !this.hasWholeBatch()
  }

  /** What is next, within limits; at least one record, whatever its size. Throws STORE_DAMAGED, TOPIC_SETTINGS. */
  take({ countMax, sizeMaxBytes }: Pick<FetchLimits, 'countMax' | 'sizeMaxBytes'>): LogBatch {
    const from = this.next
    const records: LogRecord[] = []
    let sizeBytes = 0
    while (records.length < countMax && this.openNext()) {
      const record = this.pending ?? this.readRecord()
      this.pending = null
      if (record !== null) {
        sizeBytes += recordSizeOf(record)
        if (records.length > 0 && sizeBytes > sizeMaxBytes) {
          this.pending = record
          break
        }
        records.push(record)
        this.next = record.offset + 1
      }
      this.closeIfRead()
    }
    return { from, next: this.next, records, isAtEnd: false }
  }

  /** Stands before a record that may be seen, if there is one. */
  private openNext(): boolean {
    while (this.batch === null) {
      if (!this.hasWholeBatch()) return false
      this.openBatch()
      this.closeIfRead()
    }
    return true
  }

  private closeIfRead(): void {
    if (this.batch === null || this.batch.leftCount > 0 || this.pending !== null) return
    this.next = Math.max(this.next, this.batch.nextOffset)
    this.batch = null
  }

  private hasWholeBatch(): boolean {
    const left = this.bytes.length - this.at
    return left >= HEADER_SIZE_BYTES && left >= LENGTH_ENDS_AT + this.bytes.readInt32BE(this.at + 8)
  }

  private openBatch(): void {
    const start = this.at
    const end = start + LENGTH_ENDS_AT + this.bytes.readInt32BE(start + 8)
    const batch = this.bytes.subarray(start, end)
    const firstOffset = i64(batch, 0)
    if (batch.length < HEADER_SIZE_BYTES || batch[16] !== MAGIC) throw damaged(this.where, `The batch at offset ${firstOffset} is of no format that is known.`)
    if (crc32c(batch.subarray(CRC_FROM)) !== batch.readUInt32BE(17)) throw damaged(this.where, `The checksum of the batch at offset ${firstOffset} is wrong.`)
    this.at = end
    const attributes = batch.readInt16BE(21)
    const nextOffset = firstOffset + batch.readInt32BE(23) + 1
    const isVisible = this.isVisible(batch, attributes, nextOffset)
    if (isVisible && !this.isExternal && (attributes & LOG_APPEND_TIME_BIT) === 0) throw notStamped(this.where, firstOffset)
    this.recordAt = 0
    this.batch = {
      bytes: isVisible ? this.recordsOf(batch, attributes, firstOffset) : batch,
      firstOffset,
      nextOffset,
      appendTimeMs: i64(batch, 35),
      leftCount: isVisible ? batch.readInt32BE(57) : 0,
    }
  }

  /** As Kafka's own consumer decides: a transaction is aborted from its first offset to its marker. */
  private isVisible(batch: Buffer, attributes: number, nextOffset: number): boolean {
    const producerId = batch.readBigInt64BE(43)
    while (this.aborted.length > 0 && Number(this.aborted[0]!.firstOffset) < nextOffset) this.abortedProducers.add(this.aborted.shift()!.producerId)
    if ((attributes & CONTROL_BIT) !== 0) {
      if (isAbortMarker(batch)) this.abortedProducers.delete(producerId)
      return false
    }
    return (attributes & TRANSACTIONAL_BIT) === 0 || !this.abortedProducers.has(producerId)
  }

  private recordsOf(batch: Buffer, attributes: number, firstOffset: number): Buffer {
    const records = batch.subarray(HEADER_SIZE_BYTES)
    const compression = attributes & COMPRESSION_BITS
    if (compression === 0) return records
    const algorithm = compressionsAlgorithmsByBitmask[compression]
    if (algorithm === undefined) throw damaged(this.where, `The batch at offset ${firstOffset} is compressed in a way that is not known.`)
    try {
      return algorithm.decompressSync(records)
    } catch (error) {
      throw damaged(this.where, `The batch at offset ${firstOffset} cannot be decompressed.`, { cause: error })
    }
  }

  /** null: it is before the position. */
  private readRecord(): LogRecord | null {
    const batch = this.batch!
    batch.leftCount--
    try {
      const reader = new VarintReader(batch.bytes, this.recordAt)
      const end = reader.varint() + reader.at
      this.recordAt = end
      reader.at++
      reader.skipVarint()
      const offset = batch.firstOffset + reader.varint()
      if (offset < this.next) return null
      const key = reader.bytes()
      const value = reader.bytes()
      const headerCount = reader.varint()
      if (headerCount === 0) return { offset, appendTimeMs: batch.appendTimeMs, key, value, headers: NO_HEADERS }
      const headers: [string, Uint8Array][] = []
      for (let i = 0; i < headerCount; i++) headers.push([(reader.bytes() as Buffer).toString('utf8'), reader.bytes() ?? NO_BYTES])
      return { offset, appendTimeMs: batch.appendTimeMs, key, value, headers: Object.fromEntries(headers) }
    } catch (error) {
      throw damaged(this.where, `A record of the batch at offset ${batch.firstOffset} cannot be read.`, { cause: error })
    }
  }
}

const NO_HEADERS: LogRecord['headers'] = {}
const NO_BYTES = new Uint8Array(0)

/** Key, value and headers of a record, together. */
export function recordSizeOf({ key, value, headers }: { readonly key: Uint8Array | null; readonly value: Uint8Array | null; readonly headers?: LogRecord['headers'] }): number {
  let sizeBytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const name in headers) sizeBytes += Buffer.byteLength(name) + headers[name]!.length
  return sizeBytes
}

function isAbortMarker(batch: Buffer): boolean {
  const reader = new VarintReader(batch, HEADER_SIZE_BYTES)
  reader.varint()
  reader.at++
  reader.skipVarint()
  reader.varint()
  return (reader.bytes() as Buffer).readInt16BE(2) === ABORT_MARKER
}

class VarintReader {
  at: number
  private readonly buffer: Buffer

  constructor(buffer: Buffer, at: number) {
    this.buffer = buffer
    this.at = at
  }

  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
  }

  skipVarint(): void {
    while (this.byte() >= 0x80);
  }

  bytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const end = this.at + length
    if (end > this.buffer.length) throw new RangeError('Its length is wrong.')
    const bytes = this.buffer.subarray(this.at, end)
    this.at = end
    return bytes
  }

  private byte(): number {
    const byte = this.buffer[this.at++]
    if (byte === undefined) throw new RangeError('It ends too early.')
    return byte
  }
}

/** Offsets and times, which are below 2^53. */
function i64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}

function notStamped(where: string, offset: number): unknown {
  const message = `The record at offset ${offset} has its producer's time: the topic had not message.timestamp.type=LogAppendTime when it came.`
  return problem('TOPIC_SETTINGS', where, message, 'Set it with kafka-configs, and begin in a new topic, or have the records before the change deleted: when they came is not known.')
}
