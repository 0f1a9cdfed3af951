// Walks rows [row, end) of a table in order, with where each one's heap bytes are.

import { rowHeapBytes, type TableRef } from './chunk-format.ts'
import { paneStartMs, type Rung } from './ladder.ts'
import type { TableBuilder } from './table-builder.ts'
import type { LadderGroup } from './view-plan.ts'

/** Rows of a table, and their part of its heap: offsets in `bytes`. */
export interface RowSpan {
  readonly bytes: Uint8Array
  readonly count: number
  readonly rowsFrom: number
  readonly rowsTo: number
  readonly heapFrom: number
  readonly heapTo: number
}

export class RowCursor {
  row: number
  heapAt: number
  readonly end: number
  readonly table: TableRef
  private readonly group: LadderGroup

  constructor(group: LadderGroup, table: TableRef, row = 0, heapAt = table.heapAt, end = table.rowCount) {
    this.group = group
    this.table = table
    this.row = row
    this.heapAt = heapAt
    this.end = end
  }

  get isAtEnd(): boolean {
    return this.row >= this.end
  }

  /** How many rows are left. */
  get count(): number {
    return this.end - this.row
  }

  /** Start of the row at hand, or of the one `ahead` rows after it. */
  startMs(ahead = 0): number {
    return startOf(this.table, this.row + ahead)
  }

  lastStartMs(): number {
    return startOf(this.table, this.end - 1)
  }

  advance(): void {
    this.heapAt += rowHeapBytes(this.table.view, this.table.rowsAt + this.row * this.table.rowBytes, this.group)
    this.row++
  }

  /**
   * Adds this row, and those after it that belong to the same pane of `rung` and start before `limitMs`, to a table of that rung.
   * This cursor goes on after them.
   */
  addPaneTo(builder: TableBuilder, rung: Rung, limitMs: number): void {
    const { row, heapAt } = this
    const startMs = paneStartMs(rung, this.startMs())
    do this.advance()
    while (!this.isAtEnd && this.startMs() < limitMs && paneStartMs(rung, this.startMs()) === startMs)
    builder.addRows(startMs, this.table, row, this.row - row, heapAt)
  }

  /** The rows that start before `limitMs`; this cursor goes on after them. */
  takeBefore(limitMs: number): RowCursor {
    const { row, heapAt } = this
    if (!this.isAtEnd && this.lastStartMs() < limitMs) this.skip()
    while (!this.isAtEnd && this.startMs() < limitMs) this.advance()
    return new RowCursor(this.group, this.table, row, heapAt, this.row)
  }

  /** Where the rows that are left are, and their heap bytes; then none is left. */
  takeRest(): RowSpan {
    const { row, heapAt, table } = this
    this.skip()
    return {
      bytes: table.bytes, count: this.end - row,
      rowsFrom: table.rowsAt + row * table.rowBytes, rowsTo: table.rowsAt + this.end * table.rowBytes,
      heapFrom: heapAt, heapTo: this.heapAt,
    }
  }

  private skip(): void {
    if (this.end < this.table.rowCount) {
      while (!this.isAtEnd) this.advance()
    } else {
      this.row = this.end
      this.heapAt = this.table.heapAt + this.table.heapBytes
    }
  }
}

function startOf({ view, rowsAt, rowBytes }: TableRef, row: number): number {
  return view.getFloat64(rowsAt + row * rowBytes, true)
}
