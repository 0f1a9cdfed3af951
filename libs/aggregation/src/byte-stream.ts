// Reading and writing the bytes of variable-width partials. The reader trusts nothing: what is short, too long or not the one
// form that the writer writes is BLOB_DAMAGED, never a read out of bounds and never a value that was not written.
//
// Varint: 7 bits a byte, low bits first, the top bit says that more follow; the shortest form only; up to 2^53 - 1.

import { TidemarkError } from '@tidemark/feature-schema/errors'

const VARINT_SIZE_MAX_BYTES = 8

/** The error for stored bytes that break their layout; `what` names the partial. */
export function damaged(what: string, message: string, options?: ErrorOptions): TidemarkError {
  const action = 'The stored bytes are not what was written: rebuild this state from the log or the archive.'
  return new TidemarkError([{ code: 'BLOB_DAMAGED', message, where: what, action }], options)
}

/** How many bytes `writeVarint` takes for it. */
export function varintSizeBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  let size = 2
  for (let limit = 0x4000; value >= limit; limit *= 0x80) size++
  return size
}

/** Writes at `at` and returns the offset after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value
  let end = at
  while (rest >= 0x80) {
    bytes[end++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[end++] = rest
  return end
}

/** The sound varint at `at`. */
export function readVarintAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return first
  let value = first & 0x7f
  for (let i = at + 1, scale = 0x80; ; i++, scale *= 0x80) {
    const byte = bytes[i]!
    value += (byte & 0x7f) * scale
    if (!(byte >= 0x80)) return value
  }
}

/** Copies a few bytes from one array to another, without the view that `set` would want. */
export function copyBytes(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, count: number): void {
  for (let i = 0; i < count; i++) to[toAt + i] = from[fromAt + i]!
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Appends to bytes that grow as needed. */
export class ByteWriter {
  /** What was written, `length` bytes; another array after a write that had to grow it. */
  bytes = new Uint8Array(256)
  length = 0
  private view = new DataView(this.bytes.buffer)

  /** Starts again. */
  clear(): void {
    this.length = 0
  }

  /** A copy of what was written; starts again. */
  take(): Uint8Array {
    const taken = this.bytes.slice(0, this.length)
    this.length = 0
    return taken
  }

  u8(value: number): void {
    this.reserve(1)
    this.bytes[this.length++] = value
  }

  u32(value: number): void {
    const at = this.reserve(4)
    this.view.setUint32(at, value, true)
    this.length += 4
  }

  u32BigEndian(value: number): void {
    const at = this.reserve(4)
    this.view.setUint32(at, value)
    this.length += 4
  }

  u64BigEndian(value: bigint): void {
    const at = this.reserve(8)
    this.view.setBigUint64(at, value)
    this.length += 8
  }

  varint(value: number): void {
    const at = this.reserve(VARINT_SIZE_MAX_BYTES)
    this.length = writeVarint(this.bytes, at, value)
  }

  /** A varint length, then UTF-8. */
  text(value: string): void {
    const at = this.reserve(VARINT_SIZE_MAX_BYTES + value.length * 3)
    // The length is known only once the text is written, so that is written past the room of any length and then moved up.
    const start = at + VARINT_SIZE_MAX_BYTES
    const { written } = encoder.encodeInto(value, this.bytes.subarray(start))
    const textAt = writeVarint(this.bytes, at, written)
    this.bytes.copyWithin(textAt, start, start + written)
    this.length = textAt + written
  }

  raw(value: Uint8Array): void {
    const at = this.reserve(value.length)
    this.bytes.set(value, at)
    this.length += value.length
  }

  /** `count` bytes from `from` of another array. */
  copy(value: Uint8Array, from: number, count: number): void {
    const at = this.reserve(count)
    copyBytes(value, from, this.bytes, at, count)
    this.length += count
  }

  /** Makes room for `size` more bytes and returns where they go. Before `bytes` or `view` is read: they may be others after it. */
  private reserve(size: number): number {
    if (this.length + size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + size))
      grown.set(this.bytes)
      this.bytes = grown
      this.view = new DataView(grown.buffer)
    }
    return this.length
  }
}

/** Reads one partial's bytes from front to back. */
export class ByteReader {
  private readonly what: string
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private offset = 0

  /** `what` names the partial in errors. */
  constructor(what: string, bytes: Uint8Array) {
    this.what = what
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.bytes.length - this.offset
  }

  u8(): number {
    return this.bytes[this.advance(1)]!
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true)
  }

  u32BigEndian(): number {
    return this.view.getUint32(this.advance(4))
  }

  u64BigEndian(): bigint {
    return this.view.getBigUint64(this.advance(8))
  }

  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (Math.max(value, scale) > Number.MAX_SAFE_INTEGER) throw this.fail('A number is larger than any that is written.')
      if (byte === 0 && scale > 1) throw this.fail('A number is not in its shortest form.')
      if (byte < 0x80) return value
    }
  }

  text(): string {
    const bytes = this.raw(this.varint())
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      throw this.fail('A text is not UTF-8.', { cause })
    }
  }

  /** A view of the next bytes, not a copy. */
  raw(size: number): Uint8Array {
    const start = this.advance(size)
    return this.bytes.subarray(start, start + size)
  }

  /** Nothing may follow. */
  end(): void {
    if (this.remaining > 0) throw this.fail(`${this.remaining} bytes follow its end.`)
  }

  fail(message: string, options?: ErrorOptions): TidemarkError {
    return damaged(this.what, message, options)
  }

  private advance(size: number): number {
    const start = this.offset
    if (size > this.remaining) throw this.fail(`It has ${this.bytes.length} bytes and ends in the middle of a value.`)
    this.offset = start + size
    return start
  }
}
