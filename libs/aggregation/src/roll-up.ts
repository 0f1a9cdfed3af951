// Rolling up, on bytes: which rows leave a rung, and rows of several tables as one table's. All tables are ascending, so that rows
// are only ever appended or merged into the last one. The fold and the packing of batch blobs both work with these.

import { NONE, type TableRef } from './chunk-format.ts'
import { EXACT_PANES_MAX, isExact, keepFromMs, type Rung } from './ladder.ts'
import { RowCursor } from './row-cursor.ts'
import { TableBuilder } from './table-builder.ts'
import type { LadderGroup } from './view-plan.ts'

/** What of a table tells whether it stays as it is. */
export type StoredTable = Pick<TableRef, 'view' | 'rung' | 'rowsAt' | 'rowCount' | 'truncatedAtMs'>

export interface RungLimit {
  /** Rows that start earlier leave the rung. */
  readonly limitMs: number
  /** The newest `exact` pane that had to leave early; -Infinity: none. */
  readonly truncatedAtMs: number
}

/**
 * The limit is keepFrom, or above it where an `exact` table would have too many rows. `rows`: all of the section in this rung,
 * apart and ascending; `truncatedBeforeMs`: what the table says by now.
 */
export function limitOf({ rungs }: LadderGroup, rung: number, logTimeMs: number, rows: readonly RowCursor[], truncatedBeforeMs: number): RungLimit {
  const limitMs = keepFromMs(rungs[rung]!, logTimeMs)
  if (rung > 0 || !isExact(rungs)) return { limitMs, truncatedAtMs: NONE }
  const truncatedAtMs = Math.max(newestBeyondMs(rows, EXACT_PANES_MAX), truncatedBeforeMs)
  return truncatedAtMs < limitMs ? { limitMs, truncatedAtMs: NONE } : { limitMs: truncatedAtMs + 1, truncatedAtMs }
}

/**
 * Whether a stored table stays as it is at a log time, unless something is added to it: what `limitOf` and `takeLeaving` would find out, from its
 * first row alone.
 */
export function tableStays({ rungs }: LadderGroup, { view, rung, rowsAt, rowCount, truncatedAtMs }: StoredTable, logTimeMs: number): boolean {
  const firstStartMs = rowCount === 0 ? Infinity : view.getFloat64(rowsAt, true)
  if (truncatedAtMs !== NONE || firstStartMs < keepFromMs(rungs[rung]!, logTimeMs)) return false
  return rung > 0 || rowCount <= EXACT_PANES_MAX || !isExact(rungs)
}

/** Start of the newest row that is not among the newest `countMax`; -Infinity: there is none. */
function newestBeyondMs(rows: readonly RowCursor[], countMax: number): number {
  let crowd = rows.reduce((sum, { count }) => sum + count, 0) - countMax
  if (crowd <= 0) return NONE
  for (const part of rows) {
    if (crowd <= part.count) return part.startMs(crowd - 1)
    crowd -= part.count
  }
  return NONE
}

/** The rows that start before the limit; the cursors go on after them. */
export function takeLeaving(rows: readonly RowCursor[], limitMs: number): RowCursor[] {
  return rows.map((part) => part.takeBefore(limitMs)).filter(hasRows)
}

export function hasRows(rows: RowCursor | null | undefined): rows is RowCursor {
  return rows?.isAtEnd === false
}

/** Merges rows of a ladder group. Has working memory; what it gives has bytes of its own. */
export class RowMerger {
  private readonly group: LadderGroup
  private readonly builder: TableBuilder

  constructor(group: LadderGroup) {
    this.group = group
    this.builder = new TableBuilder(group)
  }

  /** All rows, of this rung or of finer ones, as rows of the rung. */
  merge(rung: Rung, parts: readonly RowCursor[]): RowCursor {
    this.builder.clear()
    const left = parts.filter(hasRows)
    while (left.length > 0) {
      if (left.length > 1) left.sort(byStart)
      left[0]!.addPaneTo(this.builder, rung, left[1]?.startMs() ?? Infinity)
      if (!hasRows(left[0])) left.shift()
    }
    return new RowCursor(this.group, this.builder.snapshot())
  }

  /** All rows, of this rung, apart and ascending: where tables overlap they are merged, and elsewhere they stay as they are. */
  weave(rung: Rung, parts: readonly RowCursor[]): RowCursor[] {
    const [first, ...others] = parts.filter(hasRows).sort(byStart)
    if (first === undefined) return []
    if (others.length === 0) return [first]
    const before = first.takeBefore(others[0]!.startMs())
    const rest = hasRows(first) ? [this.merge(rung, [first, ...others])] : this.weave(rung, others)
    return [before, ...rest].filter(hasRows)
  }
}

function byStart(a: RowCursor, b: RowCursor): number {
  // Two lifetime rows start at -Infinity, and their difference is no number.
  return a.startMs() < b.startMs() ? -1 : a.startMs() > b.startMs() ? 1 : 0
}
