// How many panes of 1 ms a merge has in a window. Each table keeps to the cap by itself and says what had to leave it; tables of several
// epochs may be within the cap each and beyond it together, and then the window is unavailable as it is where all are one table.

import { EXACT_PANES_MAX } from './ladder.ts'

interface StartTable {
  view: DataView
  rowsAt: number
  /** Rows below it are still to be looked at. */
  upper: number
  rowCount: number
}

export class ExactInstants {
  private readonly rowBytes: number
  private readonly tables: StartTable[] = []
  private tableCount = 0
  private rowTotal = 0

  constructor(rowBytes: number) {
    this.rowBytes = rowBytes
  }

  clear(): void {
    this.tableCount = 0
    this.rowTotal = 0
  }

  /** A table of the group, of any rung: where nothing had to move up early, no coarser row starts within an `exact` window. */
  add(view: DataView, rowsAt: number, rowCount: number): void {
    const table = (this.tables[this.tableCount++] ??= { view, rowsAt, upper: 0, rowCount })
    table.view = view
    table.rowsAt = rowsAt
    table.rowCount = rowCount
    this.rowTotal += rowCount
  }

  /** Whether more than EXACT_PANES_MAX different panes start at or after `fromMs`. */
  areCrowdedFrom(fromMs: number): boolean {
    if (this.rowTotal <= EXACT_PANES_MAX || this.rowCountFrom(fromMs) <= EXACT_PANES_MAX) return false
    const { tables, tableCount } = this
    for (let i = 0; i < tableCount; i++) tables[i]!.upper = tables[i]!.rowCount
    for (let count = 1; ; count++) {
      let newestMs = -Infinity
      for (let i = 0; i < tableCount; i++) newestMs = Math.max(newestMs, this.newestStartMs(tables[i]!))
      if (newestMs < fromMs) return false
      if (count > EXACT_PANES_MAX) return true
      for (let i = 0; i < tableCount; i++) if (this.newestStartMs(tables[i]!) === newestMs) tables[i]!.upper--
    }
  }

  /** Rows of all tables, those of the same start in several tables counted several times. */
  private rowCountFrom(fromMs: number): number {
    let total = 0
    for (let i = 0; i < this.tableCount; i++) {
      const { view, rowsAt, rowCount } = this.tables[i]!
      let low = 0
      let high = rowCount
      while (low < high) {
        const middle = (low + high) >>> 1
        if (view.getFloat64(rowsAt + middle * this.rowBytes, true) < fromMs) low = middle + 1
        else high = middle
      }
      total += rowCount - low
    }
    return total
  }

  private newestStartMs({ view, rowsAt, upper }: StartTable): number {
    return upper === 0 ? -Infinity : view.getFloat64(rowsAt + (upper - 1) * this.rowBytes, true)
  }
}
