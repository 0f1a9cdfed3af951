// The features of one training row from its partials: the kernels' finalisers and the status rules of a merge. All events of an `exact`
// window are at hand, but it is UNAVAILABLE where serving could not have said its value.
import { featureValueOf, NOT_FOUND, OUTSIDE_MAX_AGE, ratioOf, type FeatureValue } from '@tidemark/aggregation/feature-value'
import type { Finalisation, FinalValue, Partial, Unavailable } from '@tidemark/aggregation/partial'
import { identityPartial } from '@tidemark/aggregation/slot-partials'
import type { Slot } from '@tidemark/aggregation/view-plan'
import type { GroupPartials } from '../partial-stream.ts'
import type { AsOfPlan } from './as-of-plan.ts'

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
  return features.map(({ feature, window, instants }) => {
    const { slot, perSlot } = feature
    const as = { op: feature.aggregation.op, quantile: feature.aggregation.quantile ?? 0, atMs: timeMs }
    const isCrowded = instants !== null && windows[window]![instants] !== undefined
    const value = finalisePartial(slot, partialOf(window, slot), as)
    return featureValueOf(perSlot === null ? value : ratioOf(value, finalisePartial(perSlot, partialOf(window, perSlot), as)), isCrowded)
  })
}

/** No slot of constant width is wider. */
const scratch = new DataView(new ArrayBuffer(64))

function finalisePartial(slot: Slot, partial: Partial, as: Finalisation): FinalValue | Unavailable {
  if (!slot.isFixed) return slot.kernel.finalise(partial, as)
  slot.kernel.fromPartial(scratch, 0, partial)
  return slot.kernel.finalise(scratch, 0, as)
}
