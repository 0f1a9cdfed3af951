// Bytes that grow: the open chunk while events are folded into it, and the rows and heaps that tables are built in.

import type { SpliceableBytes } from './partial.ts'

const SLACK_BYTES = 256

export class GrowableBytes implements SpliceableBytes {
  bytes: Uint8Array
  view: DataView
  /** How many of the bytes are in use. */
  length: number

  /** Starts with a copy of `content`. */
  constructor(content: Uint8Array | null = null) {
    this.length = content?.length ?? 0
    this.bytes = new Uint8Array(this.length + SLACK_BYTES)
    this.view = new DataView(this.bytes.buffer)
    if (content !== null) this.bytes.set(content)
  }

  /** All of the view's bytes, without a copy and without room to grow in place. */
  static adopt(view: DataView<ArrayBuffer>): GrowableBytes {
    const adopted = new GrowableBytes()
    adopted.bytes = new Uint8Array(view.buffer)
    adopted.view = view
    adopted.length = view.byteLength
    return adopted
  }

  clear(): void {
    this.length = 0
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
    this.view = new DataView(grown.buffer)
  }
}
