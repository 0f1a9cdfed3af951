// What the cap of `exact` windows makes of the oracle's features: a window with more different instants than are kept is unavailable,
// however its events came to be in batch and stream. Which slots share panes is the plan's; the counting is brute force.

import { EXACT_RESOLUTION_MS } from '@tidemark/feature-schema/window'
import { EXACT_PANES_MAX } from '../ladder.ts'
import type { PlannedFeature, ViewPlan } from '../view-plan.ts'
import { contributionOf, orderOf, rowOf } from './event-panes.ts'
import type { OracleEvent, OracleFeature } from './oracle.ts'

/** `events`: the entity's, of those that the answer is made of. */
export function capExactWindows(plan: ViewPlan, expected: readonly OracleFeature[], events: readonly OracleEvent[], atMs: number): OracleFeature[] {
  return expected.map((feature, i) => {
    if (feature.status === 'NOT_FOUND' || feature.status === 'OUTSIDE_MAX_AGE' || !isCrowded(plan, plan.features[i]!, events, atMs)) return feature
    return { name: feature.name, status: 'UNAVAILABLE', isTruncated: true }
  })
}

/** Counted are the instants of the events that make a pane of the feature's ladder group. */
function isCrowded(plan: ViewPlan, { window, group }: PlannedFeature, events: readonly OracleEvent[], atMs: number): boolean {
  const { lengthMs, resolutionMs } = window
  if (resolutionMs !== EXACT_RESOLUTION_MS || lengthMs === null) return false
  const counts = (event: OracleEvent): boolean =>
    group === plan.presenceGroup || plan.groups[group]!.slots.some((slot) => contributionOf(plan, slot, rowOf(plan, event)) !== null)
  const instants = events.filter(counts).map((event) => orderOf(event).eventTimeMs)
  return new Set(instants.filter((timeMs) => timeMs >= atMs - lengthMs && timeMs < atMs)).size > EXACT_PANES_MAX
}
