// Bytes that grow: the open chunk while events are folded into it, and the rows and heaps that tables are built in.

import { viewOf } from './chunk-format.ts'
import type { SpliceableBytes } from './partial.ts'

const SLACK_BYTES = 256
/** Little, because states stay in memory by the hundred thousand. */
const GROWTH = 1.25

export class GrowableBytes implements SpliceableBytes {
  bytes: Uint8Array
  view: DataView
  /** How many of the bytes are in use. */
  length: number

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

  clear(): void {
    this.length = 0
  }

  /** A copy of the content, in a buffer that nobody writes to. */
  copy(): Uint8Array {
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
    const grown = new Uint8Array(Math.ceil(length * GROWTH) + SLACK_BYTES)
    grown.set(this.bytes.subarray(0, this.length))
    this.bytes = grown
    this.view = viewOf(grown)
  }
}
