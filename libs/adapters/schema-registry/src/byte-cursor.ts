// Reads the bytes of Avro's binary encoding, and never beyond their end: what a record says of its own lengths and counts may be anything, where it was
// written by another schema than it says. (avsc's own reader looks at the end when it is done: 7 bytes can have it fill the heap before.)
//
//   int, long      7 bits a byte, least first, the high bit on all but the last; zigzag: 0, -1, 1, -2, …
//   float, double  IEEE 754, little-endian
//   bytes, string  long length | that many bytes
//   array, map     blocks of long count | items; a negative count is followed by the block's long size; a count of 0 ends them

import { isUtf8 } from 'node:buffer'
import { canonicalInt64, INT32_MAX, INT32_MIN } from '@tidemark/feature-schema/value'

/** Why a body cannot be read, as the end of a sentence. */
export class MalformedBody extends Error {}

/** Records within records. */
const DEPTH_MAX = 200
const EMPTY = Buffer.alloc(0)
/** Bytes of a long whose bits a double holds. */
const SAFE_LONG_BYTES = 7
const LONG_BYTES_MAX = 10
const REPLACEMENT = '\ufffd'

export class ByteCursor {
  private bytes: Buffer = EMPTY
  private at = 0
  private depth = 0

  begin(bytes: Uint8Array, at: number): void {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.depth = 0
  }

  get position(): number {
    return this.at
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  boolean(): boolean {
    const byte = this.bytes[this.take(1)]!
    if (byte > 1) throw new MalformedBody('a boolean of it is neither 0 nor 1')
    return byte === 1
  }

  int(): number {
    const value = this.long()
    if (typeof value === 'bigint' || value < INT32_MIN || value > INT32_MAX) throw new MalformedBody('an int of it has more than 32 bits')
    return value
  }

  /** A number while it is a safe integer, else a bigint. */
  long(): number | bigint {
    const { bytes } = this
    const first = bytes[this.take(1)]!
    if (first < 0x80) return (first >>> 1) ^ -(first & 1)
    let bits = first & 0x7f
    for (let i = 1, scale = 128; i < SAFE_LONG_BYTES; i++, scale *= 128) {
      const byte = bytes[this.take(1)]!
      bits += (byte & 0x7f) * scale
      if (byte < 0x80) return (first & 1) === 0 ? bits / 2 : -(bits + 1) / 2
    }
    return this.restOfLong(BigInt(bits))
  }

  private restOfLong(low: bigint): number | bigint {
    let bits = low
    for (let i = SAFE_LONG_BYTES; i < LONG_BYTES_MAX; i++) {
      const byte = this.bytes[this.take(1)]!
      bits |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80 && bits < 1n << 64n) return canonicalInt64((bits >> 1n) ^ -(bits & 1n))
    }
    throw new MalformedBody('a long of it has more than 64 bits')
  }

  float(): number {
    return this.bytes.readFloatLE(this.take(4))
  }

  double(): number {
    return this.bytes.readDoubleLE(this.take(8))
  }

  text(): string {
    const size = this.size()
    const from = this.take(size)
    const text = this.bytes.toString('utf8', from, from + size)
    // What is no UTF-8 becomes this character, which may also be there.
    if (text.includes(REPLACEMENT) && !isUtf8(this.bytes.subarray(from, from + size))) throw new MalformedBody('a text of it is not UTF-8')
    return text
  }

  prefixedBytes(): Uint8Array {
    return this.fixed(this.size())
  }

  /** Some bytes, which are the record's own. */
  fixed(size: number): Uint8Array {
    const from = this.take(size)
    return this.bytes.subarray(from, from + size)
  }

  /** Which one of some. */
  index(count: number): number {
    const index = this.long()
    if (typeof index === 'bigint' || index < 0 || index >= count) throw new MalformedBody(`it chooses ${index} of ${count}`)
    return index
  }

  skip(size: number): void {
    this.take(size)
  }

  skipPrefixed(): void {
    this.take(this.size())
  }

  /** Steps over an array or a map. `takesBytes`: whether an item takes any. */
  skipBlocks(skipItem: (cursor: ByteCursor) => void, takesBytes: boolean): void {
    for (;;) {
      const count = this.long()
      if (count === 0) return
      if (count < 0) {
        this.skipPrefixed()
      } else if (takesBytes) {
        // Each takes one at least.
        if (count > this.left) throw tooShort()
        for (let left = Number(count); left > 0; left--) skipItem(this)
      }
    }
  }

  /** Steps over a record, which may be within others. */
  skipNested(skipRecord: (cursor: ByteCursor) => void): void {
    if (++this.depth > DEPTH_MAX) throw new MalformedBody(`it has more than ${DEPTH_MAX} records within each other`)
    skipRecord(this)
    this.depth--
  }

  private size(): number {
    const size = this.long()
    if (size < 0) throw new MalformedBody('a length of it is negative')
    return Number(size)
  }

  private take(size: number): number {
    const from = this.at
    if (size > this.bytes.length - from) throw tooShort()
    this.at = from + size
    return from
  }
}

function tooShort(): MalformedBody {
  return new MalformedBody('its body ends too early')
}
