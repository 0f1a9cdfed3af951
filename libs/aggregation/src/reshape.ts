// Reshapes a speed state for its log time: spans close, panes roll up, dropped sections go. Each table is built anew from the
// rows that stay, the rows that come from the open chunk, and those that the finer rung gives up; all in ascending order, so
// that rows are only ever appended or merged into the last one. Tables that nothing happens to are copied with their checksum,
// and chunks of only such tables stay as they are.

import { CLOSED_CHUNK, NONE, OPEN_CHUNK, SETTLED_CHUNK, tablesOf, type ChunkKind, type TableRef } from './chunk-format.ts'
import { ChunkWriter, type TableName } from './chunk-writer.ts'
import { isSettled, type EntityState, type StoredChunk } from './entity-state.ts'
import { GrowableBytes } from './growable-bytes.ts'
import { EXACT_PANES_MAX, isExact, keepFromMs, nextKeepFromChangeMs, openFromMs, paneStartMs, type Rung } from './ladder.ts'
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

/** A chunk that is being rebuilt; unless something changes, it is not. */
class ChunkDraft {
  readonly writer: ChunkWriter
  isChanged = false
  private readonly kind: ChunkKind

  constructor(plan: ViewPlan, kind: ChunkKind) {
    this.writer = new ChunkWriter(plan)
    this.kind = kind
  }

  /** The rebuilt chunk; null: it is as it was. Starts again. */
  finish({ logTimeMs, droppedThroughEpoch }: EntityState): Uint8Array | null {
    const bytes = this.isChanged ? this.writer.finish(this.kind, logTimeMs, droppedThroughEpoch) : null
    this.writer.clear()
    this.isChanged = false
    return bytes
  }
}

class Reshaper {
  private readonly plan: ViewPlan
  private readonly open: ChunkDraft
  private readonly closed: ChunkDraft
  private readonly settled: ChunkDraft
  private readonly carried: readonly TableBuilder[]

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.open = new ChunkDraft(plan, OPEN_CHUNK)
    this.closed = new ChunkDraft(plan, CLOSED_CHUNK)
    this.settled = new ChunkDraft(plan, SETTLED_CHUNK)
    this.carried = plan.groups.map((group) => new TableBuilder(group))
  }

  reshape(state: EntityState): void {
    const openTables = tablesOf(this.plan, state.open.bytes)
    const storedTables = [...this.tablesOfStored(state.closed), ...this.tablesOfStored(state.settled)]
    for (const group of this.plan.groups) {
      const open = openTables.filter((table) => table.group === group.index)
      const stored = storedTables.filter((table) => table.group === group.index)
      for (const epoch of epochsOf(open, stored)) this.reshapeSection(state, group, epoch, open, stored)
    }
    const [open, closed, settled] = [this.open.finish(state), this.closed.finish(state), this.settled.finish(state)]
    if (closed !== null) state.closed.edit = GrowableBytes.adopt(closed)
    if (settled !== null) state.settled.edit = GrowableBytes.adopt(settled)
    if (open === null) return
    state.isOpenChanged = true
    state.open.clear()
    state.open.append(open, 0, open.length)
  }

  private tablesOfStored({ bytes, edit }: StoredChunk): TableRef[] {
    const now = edit?.bytes ?? bytes
    return now === null ? [] : tablesOf(this.plan, now)
  }

  private reshapeSection({ logTimeMs, droppedThroughEpoch }: EntityState, group: LadderGroup, epoch: number, open: readonly TableRef[], stored: readonly TableRef[]): void {
    let carried: RowCursor | null = null
    for (const [index, rung] of group.rungs.entries()) {
      const draft = isSettled(index) ? this.settled : this.closed
      const kept = stored.find((table) => table.epoch === epoch && table.rung === index) ?? null
      const opened = index > 0 ? null : (open.find((table) => table.epoch === epoch) ?? null)
      if (epoch <= droppedThroughEpoch) {
        if (kept !== null) draft.isChanged = true
        if (opened !== null) this.open.isChanged = true
        continue
      }
      const { limitMs, truncatedAtMs } = limitOf(group, index, logTimeMs, kept, opened)
      const keptRows = kept && new RowCursor(group, kept)
      const openRows = opened && new RowCursor(group, opened)
      const leaving = [keptRows?.takeBefore(limitMs), openRows?.takeBefore(limitMs), carried?.takeBefore(limitMs)].filter(hasRows)
      const closing = openRows?.takeBefore(openFromMs(group.openSpanMs, logTimeMs))
      const added = [closing, carried].find(hasRows) ?? null
      const isSame = added === null && (keptRows?.row ?? 0) === 0 && (kept?.truncatedAtMs ?? NONE) === truncatedAtMs
      if (!isSame) writeStored(draft, rung, { group: group.index, rung: index, epoch, truncatedAtMs }, keptRows, added)
      else if (kept !== null) draft.writer.copyTable(kept)
      draft.isChanged ||= !isSame
      if (openRows?.row === 0) this.open.writer.copyTable(openRows.table)
      else if (openRows !== null) this.open.writer.addRows(openRows.table, [openRows])
      this.open.isChanged ||= openRows !== null && openRows.row > 0
      carried = this.carry(group, group.rungs[index + 1], leaving)
    }
  }

  /** Rows that leave a rung, as rows of the next one; null: there are none, or no window needs them. */
  private carry(group: LadderGroup, rung: Rung | undefined, leaving: readonly RowCursor[]): RowCursor | null {
    if (rung === undefined || leaving.length === 0) return null
    const builder = this.carried[group.index]!
    builder.clear()
    mergeRows(builder, rung, leaving[0]!, leaving[1] ?? null)
    return new RowCursor(group, builder.snapshot())
  }
}

function hasRows(rows: RowCursor | null | undefined): rows is RowCursor {
  return rows?.isAtEnd === false
}

/** Rows that start before it leave the rung: keepFrom, or above it where an `exact` table would have too many rows. */
function limitOf(group: LadderGroup, index: number, logTimeMs: number, kept: TableRef | null, open: TableRef | null): { limitMs: number; truncatedAtMs: number } {
  const limitMs = keepFromMs(group.rungs[index]!, logTimeMs)
  if (index > 0 || !isExact(group.rungs)) return { limitMs, truncatedAtMs: NONE }
  const keptCount = kept?.rowCount ?? 0
  const crowd = keptCount + (open?.rowCount ?? 0) - EXACT_PANES_MAX
  const crowdedMs = crowd <= 0 ? NONE : crowd <= keptCount ? startOf(kept!, crowd - 1) : startOf(open!, crowd - keptCount - 1)
  const truncatedAtMs = Math.max(crowdedMs, kept?.truncatedAtMs ?? NONE)
  return truncatedAtMs < limitMs ? { limitMs, truncatedAtMs: NONE } : { limitMs: truncatedAtMs + 1, truncatedAtMs }
}

function writeStored({ writer }: ChunkDraft, rung: Rung, name: TableName, kept: RowCursor | null, added: RowCursor | null): void {
  if (hasRows(kept) && hasRows(added) && kept.lastStartMs() >= added.startMs()) {
    const builder = writer.startTable(name.group)
    mergeRows(builder, rung, kept, added)
    writer.addBuilt(name, builder)
  } else {
    writer.addRows(name, [kept, added].filter(hasRows))
  }
}

function epochsOf(closed: readonly TableRef[], open: readonly TableRef[]): number[] {
  return [...new Set([...closed, ...open].map(({ epoch }) => epoch))].sort((a, b) => a - b)
}

/** Adds the rows of both, ascending, as rows of `rung`. */
function mergeRows(builder: TableBuilder, rung: Rung, a: RowCursor, b: RowCursor | null): void {
  while (hasRows(a) || hasRows(b)) {
    const isFirst = !hasRows(b) || (hasRows(a) && a.startMs() <= b.startMs())
    const [next, other] = isFirst ? [a, b] : [b, a]
    next.addPaneTo(builder, rung, hasRows(other) ? other.startMs() : Infinity)
  }
}
