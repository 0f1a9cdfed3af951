// Events as panes of plain data, one event at a time through the kernels: the batch side of a case, without a batch engine.

import type { Row, Value } from '@tidemark/feature-schema/value'
import { paneStartMs, rungFor } from '../ladder.ts'
import type { EventOrder, NonNull, Partial } from '../partial.ts'
import type { Pane } from '../chunk-panes.ts'
import { identityPartial, updatePartial } from '../slot-partials.ts'
import type { LadderGroup, Slot, ViewPlan } from '../view-plan.ts'
import type { OracleEvent } from './oracle.ts'

/** What an event adds to a slot; null: nothing. */
export interface Contribution {
  readonly value: NonNull
  readonly group: NonNull | null
}

/** A source's fields with the view's derived columns. */
export function rowOf(plan: ViewPlan, { fields }: OracleEvent): Row {
  const row = [...fields]
  for (const { evaluate } of plan.derived) row.push(evaluate(row))
  return row
}

export function orderOf({ eventTimeMs, appendTimeMs, partition, offset }: OracleEvent): EventOrder {
  return { eventTimeMs: Math.min(eventTimeMs, appendTimeMs), partition, offset }
}

/** The events of an entity; those that the view's filter leaves out are not among them. */
export function eventsOfEntity(plan: ViewPlan, events: readonly OracleEvent[], entity: readonly Value[]): OracleEvent[] {
  return events.filter((event) => {
    const row = rowOf(plan, event)
    return plan.keys.every(({ index }, i) => row[index] !== null && row[index] === entity[i]) && (plan.where === null || plan.where.evaluate(row) === true)
  })
}

export function newestAppendTime(events: readonly OracleEvent[]): number {
  return Math.max(-Infinity, ...events.map(({ appendTimeMs }) => appendTimeMs))
}

export function contributionOf(plan: ViewPlan, slot: Slot, row: Row): Contribution | null {
  const read = (input: number): Value => plan.inputs[input]!(row)
  if (slot.whereInput >= 0 && read(slot.whereInput) !== true) return null
  const value = slot.ofInput < 0 ? true : read(slot.ofInput)
  const group = slot.groupInput < 0 ? null : read(slot.groupInput)
  return value === null || (slot.groupInput >= 0 && group === null) ? null : { value, group }
}

/** Panes of an entity's events, as they lie at `logTimeMs(event)`: any log time up to the newest may be rolled up from. */
export function panesOfEvents(plan: ViewPlan, events: readonly OracleEvent[], logTimeMs: (event: OracleEvent) => number): Pane[] {
  const panes = new Map<string, Pane & { partials: Partial[] }>()
  for (const event of events) {
    const [row, order] = [rowOf(plan, event), orderOf(event)]
    for (const group of plan.groups) {
      const rung = rungFor(group.rungs, order.eventTimeMs, logTimeMs(event))
      const isCounted = group.index === plan.presenceGroup || group.slots.some((slot) => contributionOf(plan, slot, row) !== null)
      if (rung < 0 || !isCounted) continue
      const startMs = paneStartMs(group.rungs[rung]!, order.eventTimeMs)
      const name = `${event.epoch} ${group.index} ${rung} ${startMs}`
      const pane = panes.get(name) ?? { epoch: event.epoch, group: group.index, rung, startMs, partials: group.slots.map(identityPartial) }
      panes.set(name, pane)
      foldIntoPane(plan, group, pane.partials, row, order)
    }
  }
  return [...panes.values()]
}

function foldIntoPane(plan: ViewPlan, group: LadderGroup, partials: Partial[], row: Row, order: EventOrder): void {
  for (const [i, slot] of group.slots.entries()) {
    const contribution = contributionOf(plan, slot, row)
    if (contribution !== null) partials[i] = updatePartial(slot, partials[i]!, contribution.value, order, contribution.group)
  }
}
