// The fold: one event at a time into an entity's speed state. What results is a pure function of the events of each epoch and
// of the log time, whatever the order of arrival (laws 2, 3, 9). The state is two chunks: `open` has the panes of the finest
// rungs that events touch now and is changed in place; `closed` has the rest, and changes when a span closes, when panes roll
// up, and for late events.

import type { Row } from '@tidemark/feature-schema/value'
import { AT_BYTES, AT_DROPPED, AT_LOG_TIME, CLOSED_CHUNK, NONE, OPEN_CHUNK, viewOf, writeHeader, HEADER_BYTES, type ChunkKind } from './chunk-format.ts'
import { sealChunk, verifyChunk } from './chunk-verify.ts'
import { GrowableBytes } from './growable-bytes.ts'
import { EXACT_PANES_MAX, keepFromMs, openFromMs, paneStartMs } from './ladder.ts'
import type { EventOrder } from './partial.ts'
import { nextReshapeMs, reshape } from './reshape.ts'
import { isExact } from './roll-up.ts'
import { counts, foldIntoTable, rowCountOf, truncatedAtMs } from './table-edit.ts'
import type { LadderGroup, ViewPlan } from './view-plan.ts'

/** An event of the entity that the view's filter accepts (`prepareRow`). */
export interface FoldEvent extends EventOrder {
  readonly epoch: number
  readonly appendTimeMs: number
  /** The source's fields, then the derived columns. */
  readonly row: Row
}

/** An entity's speed state while events are folded into it. */
export interface EntityState {
  readonly open: GrowableBytes
  /** As it is stored; null: there is none. */
  closed: Uint8Array | null
  /** `closed` with changes that are not encoded yet. */
  closedEdit: GrowableBytes | null
  isOpenChanged: boolean
  /** -Infinity: no event yet. */
  logTimeMs: number
  /** -Infinity: none. */
  droppedThroughEpoch: number
  /** The log time at which a span closes or panes roll up next. */
  reshapeAtMs: number
}

/** The chunks that changed, in buffers that nothing else writes to. */
export interface EncodedState {
  readonly open?: Uint8Array
  readonly closed?: Uint8Array
}

/**
 * Appends the derived columns to a row of the source's fields. Returns whether the view's filter accepts the row; where a key is
 * NULL, the event counts for nobody.
 */
export function prepareRow(plan: ViewPlan, row: Row): boolean {
  row.length = plan.source.fields.length
  for (const { evaluate } of plan.derived) row.push(evaluate(row))
  return plan.where === null || plan.where.evaluate(row) === true
}

/** Opens the stored state of an entity. Throws BLOB_DAMAGED, BLOB_TOO_NEW or BLOB_OTHER_LAYOUT. */
export function openState(plan: ViewPlan, openBytes: Uint8Array | null, closedBytes: Uint8Array | null): EntityState {
  const state: EntityState = {
    open: new GrowableBytes(openBytes), closed: closedBytes, closedEdit: null, isOpenChanged: false, logTimeMs: NONE, droppedThroughEpoch: NONE, reshapeAtMs: NONE,
  }
  if (openBytes === null) startChunk(plan, state.open, OPEN_CHUNK)
  else readHeader(plan, state, openBytes, OPEN_CHUNK)
  if (closedBytes !== null) readHeader(plan, state, closedBytes, CLOSED_CHUNK)
  if (state.logTimeMs !== NONE) state.reshapeAtMs = nextReshapeMs(plan, state.logTimeMs)
  return state
}

function readHeader(plan: ViewPlan, state: EntityState, bytes: Uint8Array, kind: ChunkKind): void {
  verifyChunk(plan, bytes, kind)
  const view = viewOf(bytes)
  state.logTimeMs = Math.max(state.logTimeMs, view.getFloat64(AT_LOG_TIME, true))
  state.droppedThroughEpoch = Math.max(state.droppedThroughEpoch, view.getFloat64(AT_DROPPED, true))
}

/** Folds an event, once: who calls knows by the fence that it was not folded before (law 6). */
export function foldEvent(plan: ViewPlan, state: EntityState, event: FoldEvent): void {
  const { epoch, appendTimeMs } = event
  if (appendTimeMs > state.logTimeMs) advance(plan, state, appendTimeMs)
  if (epoch <= state.droppedThroughEpoch) return
  const order = event.eventTimeMs <= appendTimeMs ? event : { ...event, eventTimeMs: appendTimeMs }
  const { inputs, inputValues, groups } = plan
  for (let i = 0; i < inputs.length; i++) inputValues[i] = inputs[i]!(event.row)
  for (const group of groups) foldIntoGroup(plan, state, group, epoch, order)
}

function advance(plan: ViewPlan, state: EntityState, logTimeMs: number): void {
  state.logTimeMs = logTimeMs
  state.isOpenChanged = true
  if (logTimeMs < state.reshapeAtMs) return
  reshape(plan, state)
  state.reshapeAtMs = nextReshapeMs(plan, logTimeMs)
}

function foldIntoGroup(plan: ViewPlan, state: EntityState, group: LadderGroup, epoch: number, order: EventOrder): void {
  if (group.index !== plan.presenceGroup && !group.slots.some((slot) => counts(plan, slot))) return
  const { rungs } = group
  const { logTimeMs } = state
  const truncatedMs = isExact(group) ? truncatedIn(plan, state, group, epoch) : NONE
  for (let rung = 0; rung < rungs.length; rung++) {
    const startMs = paneStartMs(rungs[rung]!, order.eventTimeMs)
    if (startMs < keepFromMs(rungs[rung]!, logTimeMs) || (rung === 0 && startMs <= truncatedMs && isExact(group))) continue
    if (rung === 0 && startMs >= openFromMs(group.openSpanMs, logTimeMs)) {
      foldIntoTable(plan, state.open, group, epoch, rung, startMs, order)
      state.isOpenChanged = true
    } else {
      foldIntoTable(plan, editClosed(plan, state), group, epoch, rung, startMs, order)
    }
    if (rung === 0 && isExact(group) && isCrowded(plan, state, group, epoch)) reshape(plan, state)
    return
  }
}

function truncatedIn(plan: ViewPlan, state: EntityState, group: LadderGroup, epoch: number): number {
  const view = closedView(state)
  return view === null ? NONE : truncatedAtMs(plan, view, group.index, epoch)
}

function isCrowded(plan: ViewPlan, state: EntityState, { index }: LadderGroup, epoch: number): boolean {
  const closed = closedView(state)
  return rowCountOf(plan, state.open.view, index, epoch, 0) + (closed === null ? 0 : rowCountOf(plan, closed, index, epoch, 0)) > EXACT_PANES_MAX
}

function closedView({ closed, closedEdit }: EntityState): DataView | null {
  return closedEdit?.view ?? (closed === null ? null : viewOf(closed))
}

/** The closed chunk, to be changed. */
function editClosed(plan: ViewPlan, state: EntityState): GrowableBytes {
  if (state.closedEdit === null) {
    state.closedEdit = new GrowableBytes(state.closed)
    if (state.closed === null) startChunk(plan, state.closedEdit, CLOSED_CHUNK)
  }
  return state.closedEdit
}

function startChunk(plan: ViewPlan, chunk: GrowableBytes, kind: ChunkKind): void {
  chunk.extend(HEADER_BYTES)
  writeHeader(chunk.view, plan, kind, NONE, NONE)
}

/** Drops the sections of every epoch up to this one: no pointer needs them any more (law 5). */
export function dropSections(plan: ViewPlan, state: EntityState, throughEpoch: number): void {
  if (throughEpoch <= state.droppedThroughEpoch) return
  state.droppedThroughEpoch = throughEpoch
  state.isOpenChanged = true
  reshape(plan, state)
}

/** The chunks that changed since the state was opened or last encoded, sealed. */
export function encodeState(plan: ViewPlan, state: EntityState): EncodedState {
  const { open, closedEdit } = state
  const encoded: { open?: Uint8Array; closed?: Uint8Array } = {}
  if (closedEdit !== null) {
    state.closed = encodeChunk(plan, state, closedEdit)
    state.closedEdit = null
    encoded.closed = state.closed
    state.isOpenChanged = true
  }
  if (state.isOpenChanged) encoded.open = encodeChunk(plan, state, open)
  state.isOpenChanged = false
  return encoded
}

function encodeChunk(plan: ViewPlan, { logTimeMs, droppedThroughEpoch }: EntityState, chunk: GrowableBytes): Uint8Array {
  const { view, length } = chunk
  view.setUint32(AT_BYTES, length, true)
  view.setFloat64(AT_LOG_TIME, logTimeMs, true)
  view.setFloat64(AT_DROPPED, droppedThroughEpoch, true)
  sealChunk(plan, view)
  if (length === chunk.bytes.length) return chunk.bytes
  const bytes = Buffer.allocUnsafe(length)
  bytes.set(chunk.bytes.subarray(0, length))
  return bytes
}
