// Walks rows [row, end) of a table in order, with where each one's heap bytes are.

import { rowHeapBytes, type TableRef } from './chunk-format.ts'
import type { TableBuilder } from './table-builder.ts'
import type { ViewPlan } from './view-plan.ts'

export class RowCursor {
  row: number
  heapAt: number
  readonly end: number
  readonly table: TableRef
  private readonly plan: ViewPlan

  constructor(plan: ViewPlan, table: TableRef, row = 0, heapAt = table.heapAt, end = table.rowCount) {
    this.plan = plan
    this.table = table
    this.row = row
    this.heapAt = heapAt
    this.end = end
  }

  get isAtEnd(): boolean {
    return this.row >= this.end
  }

  startMs(): number {
    return startOf(this.table, this.row)
  }

  lastStartMs(): number {
    return startOf(this.table, this.end - 1)
  }

  advance(): void {
    this.heapAt += rowHeapBytes(this.table.view, this.rowAt(), this.plan, this.table.group)
    this.row++
  }

  /** Adds this row to a table as one that starts at `startMs`. */
  addTo(builder: TableBuilder, startMs: number): void {
    builder.addRow(startMs, this.table, this.rowAt(), this.heapAt)
  }

  /** The rows that start before `limitMs`; this cursor goes on after them. */
  takeBefore(limitMs: number): RowCursor {
    const { row, heapAt } = this
    if (!this.isAtEnd && this.lastStartMs() < limitMs) this.skip()
    while (!this.isAtEnd && this.startMs() < limitMs) this.advance()
    return new RowCursor(this.plan, this.table, row, heapAt, this.row)
  }

  /** Appends what is left to a table whose rows are all earlier. */
  appendTo(builder: TableBuilder): void {
    const { row, heapAt } = this
    this.skip()
    builder.appendRows(this.table, row, this.end, heapAt, this.heapAt)
  }

  private skip(): void {
    if (this.end < this.table.rowCount) {
      while (!this.isAtEnd) this.advance()
    } else {
      this.row = this.end
      this.heapAt = this.table.heapAt + this.table.heapBytes
    }
  }

  private rowAt(): number {
    return this.table.rowsAt + this.row * this.table.rowBytes
  }
}

export function startOf({ view, rowsAt, rowBytes }: TableRef, row: number): number {
  return view.getFloat64(rowsAt + row * rowBytes, true)
}
