// Bytes that grow: the open chunk while events are folded into it, and the rows and heaps that tables are built in.

import { viewOf } from './chunk-format.ts'
import type { SpliceableBytes } from './partial.ts'

const SLACK_BYTES = 256

export class GrowableBytes implements SpliceableBytes {
  bytes: Uint8Array
  view: DataView
  /** How many of the bytes are in use. */
  length: number

  /** Whether nobody else changes the bytes, so that they can be given away. */
  private isAdopted = false

  private constructor(bytes: Uint8Array, length: number) {
    this.bytes = bytes
    this.view = viewOf(bytes)
    this.length = length
  }

  static empty(): GrowableBytes {
    return new GrowableBytes(new Uint8Array(SLACK_BYTES), 0)
  }

  static copyOf(content: Uint8Array): GrowableBytes {
    const bytes = new Uint8Array(content.length + SLACK_BYTES)
    bytes.set(content)
    return new GrowableBytes(bytes, content.length)
  }

  /** The bytes themselves, which it may change as long as they need not grow. */
  static adopt(content: Uint8Array): GrowableBytes {
    const adopted = new GrowableBytes(content, content.length)
    adopted.isAdopted = true
    return adopted
  }

  clear(): void {
    this.length = 0
  }

  /** The content in a buffer that nobody writes to: a copy, or what was adopted where it still fits. Then this must not be used again. */
  take(): Uint8Array {
    if (this.isAdopted && this.length === this.bytes.length) return this.bytes
    const bytes = Buffer.allocUnsafe(this.length)
    bytes.set(this.bytes.subarray(0, this.length))
    return bytes
  }

  splice(at: number, removeCount: number, insertCount: number): void {
    const length = this.length + insertCount - removeCount
    if (length > this.bytes.length) this.grow(length)
    if (insertCount !== removeCount && at + removeCount < this.length) this.bytes.copyWithin(at + insertCount, at + removeCount, this.length)
    this.length = length
  }

  /** Makes room for `count` bytes at the end and returns where. */
  extend(count: number): number {
    const at = this.length
    this.splice(at, 0, count)
    return at
  }

  /** Appends bytes [from, to) of another array. */
  append(source: Uint8Array, from: number, to: number): void {
    if (to <= from) return
    const at = this.extend(to - from)
    this.bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), at)
  }

  private grow(length: number): void {
    const grown = new Uint8Array(Math.ceil(length * 1.5) + SLACK_BYTES)
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.isAdopted = false
    this.view = viewOf(grown)
  }
}
