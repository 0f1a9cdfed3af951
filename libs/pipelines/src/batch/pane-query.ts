// A view's plan as a question to the batch engine.
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { EventInput, EventSelection, PaneQuery } from '@tidemark/ports/batch-engine'
import { measureSlots, type MeasuredSlots } from '../partial-stream.ts'

export type EventBounds = Pick<EventSelection, 'afterEpoch' | 'throughEpoch' | 'untilMs' | 'entity'>

/** The events of a view. */
export function selectEvents(plan: ViewPlan, input: EventInput, bounds: EventBounds): EventSelection {
  return {
    input,
    derive: plan.derived.map(({ definition, expression }) => ({ definition, expression })),
    where: plan.where?.expression ?? null,
    keys: plan.keys.map(({ key, column, type }) => ({ key, column, type })),
    ...bounds,
  }
}

/** What to ask for, and by ladder what the answer's measures are. */
export function paneQuery(plan: ViewPlan, input: EventInput, bounds: EventBounds): { query: PaneQuery; asked: readonly MeasuredSlots[] } {
  const asked = plan.groups.map((group) => measureSlots(group.slots))
  const ladders = plan.groups.map(({ rungs }, i) => ({ rungs, measures: asked[i]!.measures }))
  return { query: { ...selectEvents(plan, input, bounds), ladders }, asked }
}
