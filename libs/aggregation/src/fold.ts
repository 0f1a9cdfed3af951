// The fold: one event at a time into an entity's speed state. What results is a pure function of the events of each epoch and
// of the log time, whatever the order of arrival (laws 2, 3, 9).

import type { Row } from '@tidemark/feature-schema/value'
import { NONE } from './chunk-format.ts'
import { editStored, isSettled, storedView, type EntityState } from './entity-state.ts'
import { EXACT_PANES_MAX, isExact, keepFromMs, openFromMs, paneStartMs } from './ladder.ts'
import type { EventOrder } from './partial.ts'
import { nextReshapeMs, reshape } from './reshape.ts'
import { counts, foldIntoTable, rowCountOf, truncatedAtMs } from './table-edit.ts'
import type { LadderGroup, ViewPlan } from './view-plan.ts'

/** An event of the entity that the view's filter accepts (`prepareRow`). */
export interface FoldEvent extends EventOrder {
  readonly epoch: number
  readonly appendTimeMs: number
  /** The source's fields, then the derived columns. */
  readonly row: Row
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

/** Folds an event, once: who calls knows by the fence that it was not folded before (law 6). */
export function foldEvent(plan: ViewPlan, state: EntityState, event: FoldEvent): void {
  const { epoch, appendTimeMs } = event
  advanceState(plan, state, appendTimeMs)
  if (epoch <= state.droppedThroughEpoch) return
  const order = event.eventTimeMs <= appendTimeMs ? event : { ...event, eventTimeMs: appendTimeMs }
  const { inputs, inputValues, groups } = plan
  for (let i = 0; i < inputs.length; i++) inputValues[i] = inputs[i]!(event.row)
  for (const group of groups) foldIntoGroup(plan, state, group, epoch, order)
}

/**
 * Brings a state to a log time, where it is older. Who folds many events brings it to the newest of them first: the state is the same, since the
 * order of arrival never shows, and it is reshaped once instead of with each event.
 */
export function advanceState(plan: ViewPlan, state: EntityState, logTimeMs: number): void {
  if (logTimeMs <= state.logTimeMs) return
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
  const truncatedMs = isExact(rungs) ? truncatedIn(plan, state, group, epoch) : NONE
  for (let rung = 0; rung < rungs.length; rung++) {
    const startMs = paneStartMs(rungs[rung]!, order.eventTimeMs)
    if (startMs < keepFromMs(rungs[rung]!, logTimeMs) || (rung === 0 && startMs <= truncatedMs && isExact(rungs))) continue
    if (rung === 0 && startMs >= openFromMs(group.openSpanMs, logTimeMs)) {
      foldIntoTable(plan, state.open, group, epoch, rung, startMs, order)
      state.isOpenChanged = true
    } else {
      foldIntoTable(plan, editStored(plan, state, isSettled(rung) ? 'settled' : 'closed'), group, epoch, rung, startMs, order)
    }
    if (rung === 0 && isExact(rungs) && isCrowded(plan, state, group, epoch)) reshape(plan, state)
    return
  }
}

function truncatedIn(plan: ViewPlan, state: EntityState, group: LadderGroup, epoch: number): number {
  const view = storedView(state.closed)
  return view === null ? NONE : truncatedAtMs(plan, view, group.index, epoch)
}

function isCrowded(plan: ViewPlan, state: EntityState, { index }: LadderGroup, epoch: number): boolean {
  const closed = storedView(state.closed)
  return rowCountOf(plan, state.open.view, index, epoch, 0) + (closed === null ? 0 : rowCountOf(plan, closed, index, epoch, 0)) > EXACT_PANES_MAX
}

/** Drops the sections of every epoch up to this one: no pointer needs them any more (law 5). */
export function dropSections(plan: ViewPlan, state: EntityState, throughEpoch: number): void {
  if (throughEpoch <= state.droppedThroughEpoch) return
  state.droppedThroughEpoch = throughEpoch
  state.isOpenChanged = true
  reshape(plan, state)
}
