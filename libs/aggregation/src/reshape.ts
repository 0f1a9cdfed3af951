// Reshapes a speed state for its log time: spans close, panes roll up, dropped sections go. Each table is built anew from the
// rows that stay, the rows that come from the open chunk, and those that the finer rung gives up; all in ascending order, so
// that rows are only ever appended or merged into the last one. Tables that nothing happens to are copied with their checksum,
// sections of only such tables in one stretch, and chunks of only such sections stay as they are.

import { CLOSED_CHUNK, NONE, OPEN_CHUNK, SETTLED_CHUNK, type ChunkKind, type TableRef } from './chunk-format.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { isSettled, type EntityState, type StoredChunk } from './entity-state.ts'
import { GrowableBytes } from './growable-bytes.ts'
import { nextKeepFromChangeMs, openFromMs } from './ladder.ts'
import { hasRows, limitOf, RowMerger, tableStays, takeLeaving } from './roll-up.ts'
import { RowCursor } from './row-cursor.ts'
import { SectionCursor } from './section-cursor.ts'
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
  /** Where it is read. */
  readonly before: SectionCursor
  readonly writer: ChunkWriter
  isChanged = false
  private readonly kind: ChunkKind
  private spare = GrowableBytes.empty()

  constructor(plan: ViewPlan, kind: ChunkKind) {
    this.before = new SectionCursor(plan)
    this.writer = new ChunkWriter(plan)
    this.kind = kind
  }

  /** Leaves a section out, if it is at hand. */
  leaveOut(group: number, epoch: number): void {
    if (!this.before.isAt(group, epoch)) return
    this.before.addKept(this.writer)
    this.before.leaveOut()
    this.isChanged = true
  }

  /** The rebuilt chunk; null: it is as it was. It takes a spare buffer, and leaves the one of `before` as the next. Starts again. */
  finish({ logTimeMs, droppedThroughEpoch }: EntityState, before: GrowableBytes | null): GrowableBytes | null {
    const { spare, isChanged } = this
    if (isChanged) {
      this.before.addKept(this.writer)
      this.writer.finishInto(spare, this.kind, logTimeMs, droppedThroughEpoch)
      this.spare = before ?? GrowableBytes.empty()
    }
    this.writer.clear()
    this.isChanged = false
    return isChanged ? spare : null
  }
}

class Reshaper {
  private readonly plan: ViewPlan
  private readonly open: ChunkDraft
  private readonly closed: ChunkDraft
  private readonly settled: ChunkDraft
  private readonly mergers: readonly RowMerger[]

  constructor(plan: ViewPlan) {
    this.plan = plan
    this.open = new ChunkDraft(plan, OPEN_CHUNK)
    this.closed = new ChunkDraft(plan, CLOSED_CHUNK)
    this.settled = new ChunkDraft(plan, SETTLED_CHUNK)
    this.mergers = plan.groups.map((group) => new RowMerger(group))
  }

  reshape(state: EntityState): void {
    const { open, closed, settled } = this
    open.before.start(state.open.bytes, state.logTimeMs)
    closed.before.start(bytesOf(state.closed), state.logTimeMs)
    settled.before.start(bytesOf(state.settled), state.logTimeMs)
    for (let section = this.nextSection(); section.group !== Infinity; section = this.nextSection()) {
      const { group, epoch } = section
      if (epoch <= state.droppedThroughEpoch) {
        for (const draft of [open, closed, settled]) draft.leaveOut(group, epoch)
      } else if (!open.before.isAt(group, epoch) && closed.before.staysAt(group, epoch) && settled.before.staysAt(group, epoch)) {
        closed.before.keep(group, epoch)
        settled.before.keep(group, epoch)
      } else {
        const [opened = null] = open.before.take(group, epoch, open.writer)
        const stored = [...closed.before.take(group, epoch, closed.writer), ...settled.before.take(group, epoch, settled.writer)]
        this.reshapeSection(state.logTimeMs, this.plan.groups[group]!, epoch, opened, stored)
      }
    }
    const rebuilt = open.finish(state, state.open)
    replaceStored(state.closed, closed.finish(state, state.closed.edit))
    replaceStored(state.settled, settled.finish(state, state.settled.edit))
    if (rebuilt === null) return
    state.isOpenChanged = true
    state.open = rebuilt
  }

  /** The next one that any chunk has. */
  private nextSection(): SectionCursor {
    const { open: { before: open }, closed: { before: closed }, settled: { before: settled } } = this
    const stored = settled.isBefore(closed) ? settled : closed
    return open.isBefore(stored) ? open : stored
  }

  /** `opened`: its table in the open chunk; `stored`: those of the other chunks, by rung. */
  private reshapeSection(logTimeMs: number, group: LadderGroup, epoch: number, opened: TableRef | null, stored: readonly TableRef[]): void {
    const merger = this.mergers[group.index]!
    let carried: RowCursor | null = null
    for (const [index, rung] of group.rungs.entries()) {
      const draft = isSettled(index) ? this.settled : this.closed
      const kept = stored.find((table) => table.rung === index) ?? null
      const openTable = index === 0 ? opened : null
      if (openTable === null && carried === null && (kept === null || tableStays(group, kept, logTimeMs))) {
        if (kept !== null) draft.writer.copyTable(kept)
        continue
      }
      const keptRows = kept && new RowCursor(group, kept)
      const openRows = openTable && new RowCursor(group, openTable)
      const { limitMs, truncatedAtMs } = limitOf(group, index, logTimeMs, [keptRows, openRows].filter(hasRows), kept?.truncatedAtMs ?? NONE)
      const leaving = takeLeaving([keptRows, openRows, carried].filter(hasRows), limitMs)
      const added = [openRows?.takeBefore(openFromMs(group.openSpanMs, logTimeMs)), carried].filter(hasRows)
      const isSame = added.length === 0 && (keptRows?.row ?? 0) === 0 && (kept?.truncatedAtMs ?? NONE) === truncatedAtMs
      if (!isSame) draft.writer.addRows({ group: group.index, rung: index, epoch, truncatedAtMs }, merger.weave(rung, [keptRows, ...added].filter(hasRows)))
      else if (kept !== null) draft.writer.copyTable(kept)
      draft.isChanged ||= !isSame
      if (openRows?.row === 0) this.open.writer.copyTable(openRows.table)
      else if (openRows !== null) this.open.writer.addRows(openRows.table, [openRows])
      this.open.isChanged ||= openRows !== null && openRows.row > 0
      const next = group.rungs[index + 1]
      // What leaves the last rung, no window needs.
      carried = next === undefined || leaving.length === 0 ? null : merger.merge(next, leaving)
    }
  }
}

function bytesOf({ bytes, edit }: StoredChunk): Uint8Array | null {
  return edit?.bytes ?? bytes
}

function replaceStored(chunk: StoredChunk, rebuilt: GrowableBytes | null): void {
  if (rebuilt === null) return
  chunk.edit = rebuilt
  chunk.bytes = null
  chunk.isChanged = true
}
