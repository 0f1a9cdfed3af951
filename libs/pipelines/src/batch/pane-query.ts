// A view's plan as a question to the batch engine.
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import type { Value } from '@tidemark/feature-schema/value'
import type { EventInput, EventSelection, PaneQuery } from '@tidemark/ports/batch-engine'
import { measureSlots, type MeasuredSlots } from '../partial-stream.ts'

export interface EventBounds extends Pick<EventSelection, 'afterEpoch' | 'throughEpoch' | 'untilMs'> {
  /** Only events of the entity with these join-key values, in their canonical form. */
  readonly entity?: readonly Value[]
}

/** The events of a view. */
export function selectEvents(plan: ViewPlan, input: EventInput, { entity, ...bounds }: EventBounds): EventSelection {
  return {
    input,
    derive: plan.derived.map(({ definition, expression }) => ({ definition, expression })),
    where: allOf([...(plan.where === null ? [] : [plan.where.expression]), ...(entity?.map((value, i) => keyIs(plan, i, value)) ?? [])]),
    keys: plan.keys.map(({ key, column, type }) => ({ key, column, type })),
    ...bounds,
  }
}

function keyIs(plan: ViewPlan, index: number, value: Value): Expression {
  const { column, type } = plan.keys[index]!
  return {
    node: 'comparison', op: '==', type: 'boolean', nullable: true,
    left: { node: 'column', name: column, type, nullable: true },
    right: { node: 'literal', value, type, nullable: false },
  }
}

function allOf(conditions: readonly Expression[]): Expression | null {
  const [first = null, ...others] = conditions
  return others.reduce<Expression | null>((left, right) => ({ node: 'and', type: 'boolean', nullable: true, left: left!, right }), first)
}

/** What to ask for, and by ladder what the answer's measures are. */
export function paneQuery(plan: ViewPlan, input: EventInput, bounds: EventBounds): { query: PaneQuery; asked: readonly MeasuredSlots[] } {
  const asked = plan.groups.map((group) => measureSlots(group.slots))
  const ladders = plan.groups.map(({ rungs }, i) => ({ rungs, measures: asked[i]!.measures }))
  return { query: { ...selectEvents(plan, input, bounds), ladders }, asked }
}
