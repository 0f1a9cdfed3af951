// Builds one table: rows in ascending order of start, with their heap. A row that is added at the start of the last one is
// merged into it, which is all that rolling up and merging tables need.

import { NONE, rowHeapBytes, viewOf, type TableRef } from './chunk-format.ts'
import { mergeEncoded } from './encoded-merge.ts'
import { GrowableBytes } from './growable-bytes.ts'
import type { Partial, RowRange } from './partial.ts'
import type { LadderGroup } from './view-plan.ts'

export class TableBuilder {
  readonly rows = GrowableBytes.empty()
  readonly heap = GrowableBytes.empty()
  rowCount = 0
  private readonly group: LadderGroup
  private readonly range: RowRange
  private readonly ranges: readonly RowRange[]

  constructor(group: LadderGroup) {
    this.group = group
    this.range = { view: this.rows.view, at: 0, count: 1, stride: group.rowBytes }
    this.ranges = [this.range]
  }

  clear(): void {
    this.rows.clear()
    this.heap.clear()
    this.rowCount = 0
  }

  /** Start of the last row; -Infinity where there is none. */
  lastStartMs(): number {
    return this.rowCount === 0 ? NONE : this.rows.view.getFloat64(this.lastRowAt(), true)
  }

  /** Merges `count` rows of a table from `row` on, whose heap bytes are at `heapAt`, into one that starts at `startMs`: not before the last one. */
  addRows(startMs: number, table: TableRef, row: number, count: number, heapAt: number): void {
    const { rowBytes, rowsAt } = table
    const rowAt = rowsAt + row * rowBytes
    if (this.rowCount > 0 && this.lastStartMs() === startMs) {
      this.mergeIntoLast(table, rowAt, count, heapAt)
      return
    }
    const firstHeapBytes = rowHeapBytes(table.view, rowAt, this.group)
    this.rows.append(table.bytes, rowAt, rowAt + rowBytes)
    this.heap.append(table.bytes, heapAt, heapAt + firstHeapBytes)
    this.rowCount++
    this.rows.view.setFloat64(this.lastRowAt(), startMs, true)
    if (count > 1) this.mergeIntoLast(table, rowAt + rowBytes, count - 1, heapAt + firstHeapBytes)
  }

  /** A row of partials, one for each slot of the group, that starts after the last one. */
  addPartials(startMs: number, partials: readonly Partial[]): void {
    const { slots, rowBytes } = this.group
    if (this.rowCount > 0 && startMs <= this.lastStartMs()) throw new Error(`A pane that starts at ${startMs} comes after one that starts at ${this.lastStartMs()}.`)
    const rowAt = this.rows.extend(rowBytes)
    this.rows.bytes.fill(0, rowAt, rowAt + rowBytes)
    this.rows.view.setFloat64(rowAt, startMs, true)
    // Variable slots are in the group's order among themselves, which is that of the heap.
    for (let i = 0; i < slots.length; i++) {
      const { isFixed, kernel, offset } = slots[i]!
      if (isFixed) {
        kernel.fromPartial(this.rows.view, rowAt + offset, partials[i]!)
        continue
      }
      const bytes = kernel.encode(partials[i]!)
      this.rows.view.setUint32(rowAt + offset, bytes.length, true)
      this.heap.append(bytes, 0, bytes.length)
    }
    this.rowCount++
  }

  /** What was built, as a table of bytes of its own; its name does not matter. */
  snapshot(): TableRef {
    const bytes = Buffer.allocUnsafe(this.rows.length + this.heap.length)
    bytes.set(this.rows.bytes.subarray(0, this.rows.length))
    bytes.set(this.heap.bytes.subarray(0, this.heap.length), this.rows.length)
    return {
      bytes, view: viewOf(bytes), rowCount: this.rowCount, rowBytes: this.group.rowBytes, rowsAt: 0, heapAt: this.rows.length, heapBytes: this.heap.length,
      group: this.group.index, rung: 0, epoch: 0, truncatedAtMs: NONE, checksum: 0,
    }
  }

  private mergeIntoLast(table: TableRef, rowAt: number, count: number, heapAt: number): void {
    const { fixedSlots, variableSlots, rowBytes } = this.group
    const lastAt = this.lastRowAt()
    this.range.view = table.view
    this.range.at = rowAt
    this.range.count = count
    for (const { kernel, offset } of fixedSlots) kernel.accumulate(this.rows.view, lastAt + offset, this.ranges, 1, offset)
    if (variableSlots.length === 0) return
    const partsAt = this.heap.length - rowHeapBytes(this.rows.view, lastAt, this.group)
    let fromAt = heapAt
    for (let added = 0; added < count; added++) {
      let partAt = partsAt
      for (const { kernel, offset } of variableSlots) {
        const fromLength = table.view.getUint32(rowAt + added * rowBytes + offset, true)
        const length = mergeEncoded(kernel, this.heap, partAt, this.rows.view.getUint32(lastAt + offset, true), table.bytes, fromAt, fromLength)
        this.rows.view.setUint32(lastAt + offset, length, true)
        partAt += length
        fromAt += fromLength
      }
    }
  }

  private lastRowAt(): number {
    return (this.rowCount - 1) * this.group.rowBytes
  }
}
