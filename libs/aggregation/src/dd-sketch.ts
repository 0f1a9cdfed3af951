// DDSketch (Masson, Rim, Lee, "DDSketch", PVLDB 12(12), 2019) over the shared bin tables: how many values fell into each bin,
// and from that any quantile within the table's relative error. A partial is Map<bin, count>; its bytes are varints in the
// order of the bins, from the lowest possible one (-outsideBin) up:
//
//   odd   2c + 1   the bin at hand holds c >= 1 values; on to the next bin
//   even  2g       g >= 1 empty bins are skipped; never two in a row, never at the end
//
// So a lone bin costs a skip and a count, and in a dense stretch each costs a byte or two. No bytes: no values.

import { type BinTable, representativeOf } from './bin-table.ts'
import { ByteReader, ByteWriter, readVarintAt, varintSizeBytes, writeVarint } from './byte-stream.ts'
import type { Bins, SpliceableBytes } from './partial.ts'

const writer = new ByteWriter()

/** Bins as a partial's bytes. */
export function encodeBins(table: BinTable, bins: Bins): Uint8Array {
  writer.clear()
  let next = -table.outsideBin
  for (const [bin, count] of [...bins].sort(([a], [b]) => a - b)) {
    if (bin > next) writer.varint(2 * (bin - next))
    writer.varint(2 * count + 1)
    next = bin + 1
  }
  return writer.take()
}

/** Throws BLOB_DAMAGED for bytes that `encodeBins` does not write. */
export function decodeBins(table: BinTable, bytes: Uint8Array): Bins {
  const reader = new ByteReader('DDSketch bins', bytes)
  const bins: Bins = new Map()
  let bin = -table.outsideBin
  let skipped = false
  while (reader.remaining > 0) {
    const token = reader.varint()
    const isSkip = token % 2 === 0
    if (isSkip && (skipped || token === 0)) throw reader.fail('Empty bins are skipped twice, or none are.')
    if (!isSkip && token === 1) throw reader.fail('A bin is counted and holds nothing.')
    if (isSkip) bin += token / 2
    if (bin > table.outsideBin) throw reader.fail(`Bin ${bin} is beyond ${table.outsideBin}.`)
    if (!isSkip) bins.set(bin++, (token - 1) / 2)
    skipped = isSkip
  }
  if (skipped) throw reader.fail('It ends in skipped bins.')
  return bins
}

/** Counts one more value in `bin` of the partial of `length` bytes at `at`; returns the new length. The bytes are sound. */
export function foldBin(table: BinTable, buffer: SpliceableBytes, at: number, length: number, bin: number): number {
  const { bytes } = buffer
  const end = at + length
  let next = -table.outsideBin
  for (let tokenAt = at; tokenAt < end; ) {
    // Most tokens are one byte, and passing them is what a fold costs.
    const byte = bytes[tokenAt]!
    if (byte < 0x80 && next + binsPassed(byte) <= bin) {
      next += binsPassed(byte)
      tokenAt++
      continue
    }
    const token = readVarintAt(bytes, tokenAt)
    const size = varintSizeBytes(token)
    if (token % 2 === 0) {
      const after = next + token / 2
      if (bin < after) return length + splitSkip(buffer, tokenAt, size, bin - next, after - bin - 1)
      next = after
    } else if (bin === next++) {
      const grownSize = varintSizeBytes(token + 2)
      if (grownSize > size) buffer.splice(tokenAt, size, grownSize)
      writeVarint(buffer.bytes, tokenAt, token + 2)
      return length + grownSize - size
    }
    tokenAt += size
  }
  return length + splitSkip(buffer, end, 0, bin - next, 0)
}

/** Merges the partial of `fromLength` bytes at `fromAt` of another array into the one at `at`; returns the new length. The bytes are sound. */
export function mergeBins(
  table: BinTable, buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromAt: number, fromLength: number,
): number {
  own.start(table, buffer.bytes, at, length)
  other.start(table, from, fromAt, fromLength)
  writer.clear()
  let next = -table.outsideBin
  while (own.count > 0 || other.count > 0) {
    const bin = Math.min(own.bin, other.bin)
    let count = 0
    if (own.bin === bin) {
      count += own.count
      own.advance()
    }
    if (other.bin === bin) {
      count += other.count
      other.advance()
    }
    if (bin > next) writer.varint(2 * (bin - next))
    writer.varint(2 * count + 1)
    next = bin + 1
  }
  if (writer.length !== length) buffer.splice(at, length, writer.length)
  buffer.bytes.set(writer.bytes.subarray(0, writer.length), at)
  return writer.length
}

/** Walks the bins of sound bytes, lowest first; past the last one the bin is infinite and its count 0. */
class BinCursor {
  bin = Infinity
  count = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private at = 0
  private end = 0
  private next = 0

  start(table: BinTable, bytes: Uint8Array, at: number, length: number): void {
    this.bytes = bytes
    this.at = at
    this.end = at + length
    this.next = -table.outsideBin
    this.advance()
  }

  advance(): void {
    while (this.at < this.end) {
      const token = readVarintAt(this.bytes, this.at)
      this.at += varintSizeBytes(token)
      if (token % 2 === 0) {
        this.next += token / 2
        continue
      }
      this.bin = this.next++
      this.count = (token - 1) / 2
      return
    }
    this.bin = Infinity
    this.count = 0
  }
}

const own = new BinCursor()
const other = new BinCursor()

/** How many bins a token of one byte passes: 1 that it counts, or those that it skips. Without a branch, as the two kinds mix. */
function binsPassed(token: number): number {
  const isCount = token & 1
  return ((token >> 1) & (isCount - 1)) | isCount
}

/** A skip of `size` bytes gives way to a bin that holds one value, with skips of the bins `before` and `after` it; returns the growth. */
function splitSkip(buffer: SpliceableBytes, at: number, size: number, before: number, after: number): number {
  const sizeBefore = before > 0 ? varintSizeBytes(2 * before) : 0
  const sizeAfter = after > 0 ? varintSizeBytes(2 * after) : 0
  const splitSize = sizeBefore + 1 + sizeAfter
  buffer.splice(at, size, splitSize)
  const { bytes } = buffer
  if (before > 0) writeVarint(bytes, at, 2 * before)
  bytes[at + sizeBefore] = 3
  if (after > 0) writeVarint(bytes, at + sizeBefore + 1, 2 * after)
  return splitSize - size
}

/** Counts of all the bins of a table, to add many partials into without allocating. */
export class BinCounts {
  readonly table: BinTable
  private readonly counts: Float64Array
  private low: number
  private high: number
  private total = 0

  constructor(table: BinTable) {
    this.table = table
    this.counts = new Float64Array(2 * table.outsideBin + 1)
    this.low = this.counts.length
    this.high = -1
  }

  clear(): void {
    if (this.high >= this.low) this.counts.fill(0, this.low, this.high + 1)
    this.low = this.counts.length
    this.high = -1
    this.total = 0
  }

  add(bin: number, count: number): void {
    const index = bin + this.table.outsideBin
    this.counts[index]! += count
    this.total += count
    if (index < this.low) this.low = index
    if (index > this.high) this.high = index
  }

  /** Adds the partial of `length` bytes at `at`. The bytes are sound. */
  addBytes(bytes: Uint8Array, at: number, length: number): void {
    const { counts } = this
    const end = at + length
    let index = 0
    let first = -1
    let added = 0
    for (let tokenAt = at; tokenAt < end; ) {
      const byte = bytes[tokenAt]!
      if (first < 0 && (byte & 1) === 1) first = index
      if (byte < 0x80) {
        const count = (byte >> 1) & -(byte & 1)
        counts[index]! += count
        added += count
        index += binsPassed(byte)
        tokenAt++
        continue
      }
      const token = readVarintAt(bytes, tokenAt)
      const count = token % 2 === 0 ? 0 : (token - 1) / 2
      counts[index]! += count
      added += count
      index += count > 0 ? 1 : token / 2
      tokenAt += varintSizeBytes(token)
    }
    this.total += added
    if (first < 0) return
    this.low = Math.min(this.low, first)
    this.high = Math.max(this.high, index - 1)
  }

  /**
   * The value at rank floor(q × (n - 1)) of the n values in ascending order, from 0; within the table's error of it.
   * null without values; 'outOfRange' when that value is beyond the table's last boundary.
   */
  quantile(q: number): number | null | 'outOfRange' {
    if (this.total === 0) return null
    const rank = Math.floor(q * (this.total - 1))
    let seen = 0
    let index = this.low
    for (; index < this.high; index++) {
      seen += this.counts[index]!
      if (seen > rank) break
    }
    return representativeOf(this.table, index - this.table.outsideBin) ?? 'outOfRange'
  }
}
