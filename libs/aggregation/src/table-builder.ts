// Builds one table: rows in ascending order of start, with their heap. A row that is added at the start of the last one is
// merged into it, which is all that rolling up and merging tables need.

import { NONE, rowHeapBytes, viewOf, type TableRef } from './chunk-format.ts'
import { mergeEncoded } from './encoded-merge.ts'
import { GrowableBytes } from './growable-bytes.ts'
import type { Partial, RowRange } from './partial.ts'
import type { LadderGroup, ViewPlan } from './view-plan.ts'

export class TableBuilder {
  readonly rows = GrowableBytes.empty()
  readonly heap = GrowableBytes.empty()
  rowCount = 0
  private readonly plan: ViewPlan
  private readonly group: LadderGroup
  private readonly range: RowRange
  private readonly ranges: readonly RowRange[]

  constructor(plan: ViewPlan, group: LadderGroup) {
    this.plan = plan
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

  /** Rows [from, to) of a table whose starts are after the last row's; `heapFrom` and `heapTo` are where their heap bytes are. */
  appendRows(table: TableRef, from: number, to: number, heapFrom: number, heapTo: number): void {
    this.rows.append(table.bytes, table.rowsAt + from * table.rowBytes, table.rowsAt + to * table.rowBytes)
    this.heap.append(table.bytes, heapFrom, heapTo)
    this.rowCount += to - from
  }

  /** The row at `rowAt`, with its heap bytes at `heapAt`, as a row that starts at `startMs`: not before the last one's. */
  addRow(startMs: number, table: TableRef, rowAt: number, heapAt: number): void {
    if (this.rowCount > 0 && this.lastStartMs() === startMs) {
      this.mergeIntoLast(table, rowAt, heapAt)
      return
    }
    this.rows.append(table.bytes, rowAt, rowAt + table.rowBytes)
    this.heap.append(table.bytes, heapAt, heapAt + rowHeapBytes(table.view, rowAt, this.plan, this.group.index))
    this.rowCount++
    this.rows.view.setFloat64(this.lastRowAt(), startMs, true)
  }

  /** A row of partials, one for each slot of the group, that starts after the last one. */
  addPartials(startMs: number, partials: readonly Partial[]): void {
    const { slots, fixedSlots, variableSlots, rowBytes } = this.group
    const rowAt = this.rows.extend(rowBytes)
    this.rows.bytes.fill(0, rowAt, rowAt + rowBytes)
    this.rows.view.setFloat64(rowAt, startMs, true)
    const partialOf = new Map(slots.map(({ index }, i) => [index, partials[i]!]))
    for (const { index, offset, kernel } of fixedSlots) kernel.fromPartial(this.rows.view, rowAt + offset, partialOf.get(index)!)
    for (const { index, offset, kernel } of variableSlots) {
      const bytes = kernel.encode(partialOf.get(index)!)
      this.rows.view.setUint32(rowAt + offset, bytes.length, true)
      this.heap.append(bytes, 0, bytes.length)
    }
    this.rowCount++
  }

  /** What was built, as a table of bytes of its own; its name does not matter. */
  snapshot(): TableRef {
    const bytes = new Uint8Array(this.rows.length + this.heap.length)
    bytes.set(this.rows.bytes.subarray(0, this.rows.length))
    bytes.set(this.heap.bytes.subarray(0, this.heap.length), this.rows.length)
    return {
      bytes, view: viewOf(bytes), rowCount: this.rowCount, rowBytes: this.group.rowBytes, rowsAt: 0, heapAt: this.rows.length, heapBytes: this.heap.length,
      group: this.group.index, rung: 0, epoch: 0, truncatedAtMs: NONE, checksum: 0,
    }
  }

  private mergeIntoLast(table: TableRef, rowAt: number, heapAt: number): void {
    const { fixedSlots, variableSlots } = this.group
    const lastAt = this.lastRowAt()
    this.range.view = table.view
    this.range.at = rowAt
    for (const { kernel, offset } of fixedSlots) kernel.accumulate(this.rows.view, lastAt + offset, this.ranges, 1, offset)
    let partAt = this.heap.length - rowHeapBytes(this.rows.view, lastAt, this.plan, this.group.index)
    let fromAt = heapAt
    for (const { kernel, offset } of variableSlots) {
      const fromLength = table.view.getUint32(rowAt + offset, true)
      const length = mergeEncoded(kernel, this.heap, partAt, this.rows.view.getUint32(lastAt + offset, true), table.bytes, fromAt, fromLength)
      this.rows.view.setUint32(lastAt + offset, length, true)
      partAt += length
      fromAt += fromLength
    }
  }

  private lastRowAt(): number {
    return (this.rowCount - 1) * this.group.rowBytes
  }
}
