// A view's share of a training set as a question to the batch engine: of the features that are asked for, each window once, with
// the slots that it needs; and in the longest window what tells whether the entity is found, and how old it is. An `exact` window is asked
// besides whether it has more instants than serving keeps, by ladder group: there it is unavailable, in training as in serving.
import { EXACT_PANES_MAX } from '@tidemark/aggregation/ladder'
import type { PlannedFeature, Slot, ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import { EXACT_RESOLUTION_MS } from '@tidemark/feature-schema/window'
import type { AsOfQuery, AsOfWindow, EventInput, RowsInput } from '@tidemark/ports/batch-engine'
import { selectEvents } from '../batch/pane-query.ts'
import { measureSlots, type MeasuredSlots } from '../partial-stream.ts'

export interface AsOfPlan {
  readonly plan: ViewPlan
  readonly query: AsOfQuery
  /** By window of the query. */
  readonly asked: readonly MeasuredSlots[]
  /** Where each feature's window is, and the place of the instants of an `exact` one among its partials; in the order of the features. */
  readonly features: readonly { readonly feature: PlannedFeature; readonly window: number; readonly instants: number | null }[]
  /** The window that has the view's longest length. */
  readonly longestWindow: number
}

export interface AsOfQuestion {
  readonly input: EventInput
  readonly rows: RowsInput
  /** Join key -> column of the rows; a key that is missing here is a column of its own name. */
  readonly rowKeys: Readonly<Record<string, string>>
  readonly knownAt: AsOfQuery['knownAt']
}

export function planAsOf(plan: ViewPlan, features: readonly PlannedFeature[], question: AsOfQuestion): AsOfPlan {
  const windows: { readonly lengthMs: number | null; readonly resolutionMs: number | null; readonly slots: Set<Slot>; readonly crowded: Set<number> }[] = []
  const windowOf = ({ lengthMs, resolutionMs }: Pick<AsOfWindow, 'lengthMs' | 'resolutionMs'>): number => {
    const found = windows.findIndex((window) => window.lengthMs === lengthMs && window.resolutionMs === resolutionMs)
    return found >= 0 ? found : windows.push({ lengthMs, resolutionMs, slots: new Set(), crowded: new Set() }) - 1
  }
  const longestWindow = windowOf(plan.longestWindow)
  if (plan.newestSlot !== null) windows[longestWindow]!.slots.add(plan.newestSlot)
  const placed = features.map((feature) => {
    const window = windowOf(feature.window)
    windows[window]!.slots.add(feature.slot)
    if (feature.perSlot !== null) windows[window]!.slots.add(feature.perSlot)
    if (feature.window.resolutionMs === EXACT_RESOLUTION_MS) windows[window]!.crowded.add(feature.group)
    return { feature, window }
  })
  const asked = windows.map(({ slots }) => measureSlots([...slots]))
  const instantsOf = ({ group }: PlannedFeature, window: number): number | null => {
    const place = [...windows[window]!.crowded].indexOf(group)
    return place < 0 ? null : asked[window]!.measures.length + place
  }
  const { input, rows, rowKeys, knownAt } = question
  const query: AsOfQuery = {
    ...selectEvents(plan, input, { afterEpoch: null, throughEpoch: null, untilMs: null }),
    rows,
    rowKeys: Object.fromEntries(plan.keys.map(({ key }) => [key, rowKeys[key] ?? key])),
    knownAt,
    windows: windows.map(({ lengthMs, resolutionMs, crowded }, i) => ({
      lengthMs, resolutionMs, measures: asked[i]!.measures, instants: [...crowded].map((group) => ({ where: paneCondition(plan, group), countMax: EXACT_PANES_MAX })),
    })),
  }
  const located = placed.map(({ feature, window }) => ({ feature, window, instants: instantsOf(feature, window) }))
  return { plan, query, asked, features: located, longestWindow }
}

/** Which events make a pane in a ladder group: in the presence group all (null), elsewhere those that one of its slots counts. */
function paneCondition(plan: ViewPlan, group: number): Expression | null {
  if (group === plan.presenceGroup) return null
  const conditions = plan.groups[group]!.slots.map(({ where, of, groupBy }) => (
    [...(where === null ? [] : [where]), ...[of, groupBy].flatMap((input) => (input === null ? [] : [isPresent(input)]))]
  ))
  return conditions.some((all) => all.length === 0) ? null : joined('or', conditions.map((all) => joined('and', all)))
}

function joined(node: 'and' | 'or', [first, ...others]: readonly Expression[]): Expression {
  return others.reduce((left, right): Expression => ({ node, type: 'boolean', nullable: true, left, right }), first!)
}

function isPresent(operand: Expression): Expression {
  return { node: 'not', type: 'boolean', nullable: false, operand: { node: 'isNull', type: 'boolean', nullable: false, operand } }
}
