// A view's share of a training set as a question to the batch engine: of the features that are asked for, each window once, with
// the slots that it needs; and in the longest window what tells whether the entity is found, and how old it is.
import type { PlannedFeature, Slot, ViewPlan } from '@tidemark/aggregation/view-plan'
import type { AsOfQuery, AsOfWindow, EventInput, RowsInput } from '@tidemark/ports/batch-engine'
import { selectEvents } from '../batch/pane-query.ts'
import { measureSlots, type MeasuredSlots } from '../partial-stream.ts'

export interface AsOfPlan {
  readonly plan: ViewPlan
  readonly query: AsOfQuery
  /** By window of the query. */
  readonly asked: readonly MeasuredSlots[]
  /** Where each feature's window is; in the order of the features. */
  readonly features: readonly { readonly feature: PlannedFeature; readonly window: number }[]
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
  const windows: { readonly lengthMs: number | null; readonly resolutionMs: number | null; readonly slots: Set<Slot> }[] = []
  const windowOf = ({ lengthMs, resolutionMs }: Pick<AsOfWindow, 'lengthMs' | 'resolutionMs'>): number => {
    const found = windows.findIndex((window) => window.lengthMs === lengthMs && window.resolutionMs === resolutionMs)
    return found >= 0 ? found : windows.push({ lengthMs, resolutionMs, slots: new Set() }) - 1
  }
  const longestWindow = windowOf(plan.longestWindow)
  if (plan.newestSlot !== null) windows[longestWindow]!.slots.add(plan.newestSlot)
  const placed = features.map((feature) => {
    const window = windowOf(feature.window)
    windows[window]!.slots.add(feature.slot)
    if (feature.perSlot !== null) windows[window]!.slots.add(feature.perSlot)
    return { feature, window }
  })
  const asked = windows.map(({ slots }) => measureSlots([...slots]))
  const { input, rows, rowKeys, knownAt } = question
  const query: AsOfQuery = {
    ...selectEvents(plan, input, { afterEpoch: null, throughEpoch: null, untilMs: null }),
    rows,
    rowKeys: Object.fromEntries(plan.keys.map(({ key }) => [key, rowKeys[key] ?? key])),
    knownAt,
    windows: windows.map(({ lengthMs, resolutionMs }, i) => ({ lengthMs, resolutionMs, measures: asked[i]!.measures })),
  }
  return { plan, query, asked, features: placed, longestWindow }
}
