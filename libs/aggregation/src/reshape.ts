// Reshapes a speed state for its log time: spans close, panes roll up, dropped sections go. Each table is built anew from the
// rows that stay, the rows that come from the open chunk, and those that the finer rung gives up; all in ascending order, so
// that rows are only ever appended or merged into the last one. Tables that nothing happens to are copied with their checksum.

import { CLOSED_CHUNK, NONE, OPEN_CHUNK, tablesOf, type TableRef } from './chunk-format.ts'
import { ChunkWriter, type TableName } from './chunk-writer.ts'
import type { EntityState } from './fold.ts'
import { GrowableBytes } from './growable-bytes.ts'
import { EXACT_PANES_MAX, keepFromMs, nextKeepFromChangeMs, openFromMs, paneStartMs, type Rung } from './ladder.ts'
import { isExact } from './roll-up.ts'
import { RowCursor, startOf } from './row-cursor.ts'
import { TableBuilder } from './table-builder.ts'
import type { LadderGroup, ViewPlan } from './view-plan.ts'

/** The least log time above this one at which `reshape` has something to do. */
export function nextReshapeMs(plan: ViewPlan, logTimeMs: number): number {
  let nextMs = Infinity
  for (const { rungs, openSpanMs } of plan.groups) {
    if (openSpanMs !== Infinity) nextMs = Math.min(nextMs, openFromMs(openSpanMs, logTimeMs) + openSpanMs)
    for (const rung of rungs) nextMs = Math.min(nextMs, nextKeepFromChangeMs(rung, logTimeMs))
  }
  return nextMs
}

/** Rebuilds both chunks of a state for its log time and the epoch through which sections are dropped. */
export function reshape(plan: ViewPlan, state: EntityState): void {
  let reshaper = reshapers.get(plan)
  if (reshaper === undefined) reshapers.set(plan, (reshaper = new Reshaper(plan)))
  reshaper.reshape(state)
}

/** Working memory, one for each plan. */
const reshapers = new WeakMap<ViewPlan, Reshaper>()

class Reshaper {
  private readonly plan: ViewPlan
  private readonly closed: ChunkWriter
  private readonly open: ChunkWriter
  private readonly built: readonly TableBuilder[]
  private readonly carried: readonly TableBuilder[]
  private isClosedChanged = false
  private isOpenChanged = false

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.closed = new ChunkWriter(plan)
    this.open = new ChunkWriter(plan)
    this.built = plan.groups.map((group) => new TableBuilder(plan, group))
    this.carried = plan.groups.map((group) => new TableBuilder(plan, group))
  }

  reshape(state: EntityState): void {
    const { logTimeMs, droppedThroughEpoch } = state
    const closedBytes = state.closedEdit === null ? state.closed : state.closedEdit.bytes
    const closedTables = closedBytes === null ? [] : tablesOf(this.plan, closedBytes)
    const openTables = tablesOf(this.plan, state.open.bytes)
    this.isClosedChanged = false
    this.isOpenChanged = false
    for (const group of this.plan.groups) {
      const ofGroup = (tables: readonly TableRef[]): TableRef[] => tables.filter((table) => table.group === group.index)
      const [closed, open] = [ofGroup(closedTables), ofGroup(openTables)]
      for (const epoch of epochsOf(closed, open)) {
        const ofEpoch = (table: TableRef): boolean => table.epoch === epoch
        if (epoch > droppedThroughEpoch) this.reshapeSection(group, epoch, logTimeMs, closed.filter(ofEpoch), open.find(ofEpoch) ?? null)
        else this.dropSection(closed.some(ofEpoch), open.some(ofEpoch))
      }
    }
    const newClosed = this.closed.finish(CLOSED_CHUNK, logTimeMs, droppedThroughEpoch)
    const newOpen = this.open.finish(OPEN_CHUNK, logTimeMs, droppedThroughEpoch)
    if (this.isClosedChanged) state.closedEdit = GrowableBytes.adopt(newClosed)
    if (!this.isOpenChanged) return
    state.isOpenChanged = true
    state.open.clear()
    state.open.append(new Uint8Array(newOpen.buffer), 0, newOpen.byteLength)
  }

  private dropSection(isInClosed: boolean, isInOpen: boolean): void {
    this.isClosedChanged ||= isInClosed
    this.isOpenChanged ||= isInOpen
  }

  private reshapeSection(group: LadderGroup, epoch: number, logTimeMs: number, closed: readonly TableRef[], open: TableRef | null): void {
    let carried: RowCursor | null = null
    group.rungs.forEach((rung, index) => {
      const kept = closed.find((table) => table.rung === index) ?? null
      const opened = index === 0 ? open : null
      const { limitMs, truncatedAtMs } = this.limitOf(group, index, logTimeMs, kept, opened)
      const keptCursor = kept && new RowCursor(this.plan, kept)
      const openCursor = opened && new RowCursor(this.plan, opened)
      const low = [keptCursor?.takeBefore(limitMs), openCursor?.takeBefore(limitMs), carried?.takeBefore(limitMs)]
      const closing = openCursor?.takeBefore(openFromMs(group.openSpanMs, logTimeMs)) ?? null
      const isSame = (kept?.truncatedAtMs ?? NONE) === truncatedAtMs && low[0]?.isAtEnd !== false && closing?.isAtEnd !== false && carried?.isAtEnd !== false
      if (!isSame) this.writeClosed(group, { group: group.index, rung: index, epoch, truncatedAtMs }, rung, keptCursor, closing ?? carried)
      else if (kept !== null) this.closed.copyTable(kept)
      if (opened !== null && openCursor !== null) this.writeOpen(group, opened, openCursor)
      carried = this.carry(group, group.rungs[index + 1] ?? null, low.filter((cursor) => cursor?.isAtEnd === false))
    })
  }

  /** Rows that start before it leave the rung: keepFrom, or above it where an `exact` table would have too many rows. */
  private limitOf(group: LadderGroup, index: number, logTimeMs: number, kept: TableRef | null, open: TableRef | null): { limitMs: number; truncatedAtMs: number } {
    const limitMs = keepFromMs(group.rungs[index]!, logTimeMs)
    if (index > 0 || !isExact(group)) return { limitMs, truncatedAtMs: NONE }
    const keptCount = kept?.rowCount ?? 0
    const crowd = keptCount + (open?.rowCount ?? 0) - EXACT_PANES_MAX
    const crowdedMs = crowd <= 0 ? NONE : crowd <= keptCount ? startOf(kept!, crowd - 1) : startOf(open!, crowd - keptCount - 1)
    const truncatedAtMs = Math.max(crowdedMs, kept?.truncatedAtMs ?? NONE)
    return truncatedAtMs < limitMs ? { limitMs, truncatedAtMs: NONE } : { limitMs: truncatedAtMs + 1, truncatedAtMs }
  }

  private writeClosed(group: LadderGroup, name: TableName, rung: Rung, kept: RowCursor | null, added: RowCursor | null): void {
    const builder = this.built[group.index]!
    builder.clear()
    // What is added mostly follows all that is there.
    if (kept === null || added === null || added.isAtEnd || kept.isAtEnd || kept.lastStartMs() < added.startMs()) {
      kept?.appendTo(builder)
      added?.appendTo(builder)
    } else {
      mergeRows(builder, rung, kept, added)
    }
    if (builder.rowCount > 0 || name.truncatedAtMs !== NONE) this.closed.addBuilt(name, builder)
    this.isClosedChanged = true
  }

  private writeOpen(group: LadderGroup, table: TableRef, rows: RowCursor): void {
    if (rows.row === 0) {
      this.open.copyTable(table)
      return
    }
    this.isOpenChanged = true
    if (rows.isAtEnd) return
    const builder = this.built[group.index]!
    builder.clear()
    rows.appendTo(builder)
    this.open.addBuilt(table, builder)
  }

  /** Rows that leave a rung, as rows of the next one; null: there are none, or nobody needs them. */
  private carry(group: LadderGroup, rung: Rung | null, low: readonly (RowCursor | null | undefined)[]): RowCursor | null {
    if (rung === null || low.length === 0) return null
    const builder = this.carried[group.index]!
    builder.clear()
    mergeRows(builder, rung, low[0] ?? null, low[1] ?? null)
    return new RowCursor(this.plan, builder.snapshot())
  }
}

function epochsOf(closed: readonly TableRef[], open: readonly TableRef[]): number[] {
  return [...new Set([...closed, ...open].map(({ epoch }) => epoch))].sort((a, b) => a - b)
}

/** Appends the rows of both, ascending, as rows of `rung`. */
function mergeRows(builder: TableBuilder, rung: Rung, a: RowCursor | null, b: RowCursor | null): void {
  while (a !== null && !a.isAtEnd && b !== null && !b.isAtEnd) {
    const next = a.startMs() <= b.startMs() ? a : b
    next.addTo(builder, paneStartMs(rung, next.startMs()))
    next.advance()
  }
  for (const rest of [a, b]) {
    while (rest !== null && !rest.isAtEnd) {
      rest.addTo(builder, paneStartMs(rung, rest.startMs()))
      rest.advance()
    }
  }
}
