// The features of one training row from its partials: the kernels' finalisers, and the status rules of a merge. No row is
// UNAVAILABLE for a truncated `exact` window: all its events are at hand.
import type { FeatureValue } from '@tidemark/aggregation/merge'
import { finalisePartials } from '@tidemark/aggregation/finalise'
import type { Partial } from '@tidemark/aggregation/partial'
import { identityPartial } from '@tidemark/aggregation/slot-partials'
import type { Slot } from '@tidemark/aggregation/view-plan'
import type { GroupPartials } from '../partial-stream.ts'
import type { AsOfPlan } from './as-of-plan.ts'

const NOT_FOUND: FeatureValue = { status: 'NOT_FOUND', value: null }
const OUTSIDE_MAX_AGE: FeatureValue = { status: 'OUTSIDE_MAX_AGE', value: null }

/** The features in the plan's order; `windows`: the partials of the row by window, as its streams gave them. */
export function finaliseRow({ plan, asked, features, longestWindow }: AsOfPlan, windows: readonly GroupPartials[], timeMs: number): FeatureValue[] {
  const partialOf = (window: number, slot: Slot): Partial => {
    const index = asked[window]!.slots.indexOf(slot)
    return windows[window]![index] ?? identityPartial(slot)
  }
  const eventCount = windows[longestWindow]![asked[longestWindow]!.slots.length] ?? 0
  if (eventCount === 0) return features.map(() => NOT_FOUND)
  if (plan.newestSlot !== null) {
    const newestMs = partialOf(longestWindow, plan.newestSlot) as number
    if (timeMs - newestMs > plan.view.maxAgeMs!) return features.map(() => OUTSIDE_MAX_AGE)
  }
  return features.map(({ feature, window }) => finalisePartials(feature, partialOf(window, feature.slot), feature.perSlot && partialOf(window, feature.perSlot), timeMs))
}
