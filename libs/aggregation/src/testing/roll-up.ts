// Rolls panes up to where a log time wants them, as plain data: panes that no window of their rung needs any more move to the
// next rung as a whole, equal panes merge, and what no window needs is dropped. The core does the same on bytes.

import { EXACT_PANES_MAX, isExact, keepFromMs, paneStartMs } from '../ladder.ts'
import { NONE } from '../chunk-format.ts'
import type { Pane, Truncation } from '../chunk-panes.ts'
import type { Partial } from '../partial.ts'
import { mergePartials } from '../slot-partials.ts'
import type { LadderGroup, ViewPlan } from '../view-plan.ts'

export interface RolledPanes {
  /** By (group, epoch, rung, start), each once. */
  readonly panes: readonly Pane[]
  readonly truncations: readonly Truncation[]
}

/** Rolls up panes of any order, equal ones among them. `truncations`: of the state that they come from. */
export function rollUp(plan: ViewPlan, panes: readonly Pane[], logTimeMs: number, truncations: readonly Truncation[] = []): RolledPanes {
  const rolled: Pane[] = []
  const kept: Truncation[] = []
  for (const group of plan.groups) {
    const own = panes.filter((pane) => pane.group === group.index)
    for (const epoch of [...new Set(own.map((pane) => pane.epoch))].sort((a, b) => a - b)) {
      const before = truncations.filter((truncation) => truncation.group === group.index && truncation.epoch === epoch).map(({ startMs }) => startMs)
      const truncatedAtMs = rollSection(plan, group, epoch, own.filter((pane) => pane.epoch === epoch), logTimeMs, Math.max(NONE, ...before), rolled)
      if (truncatedAtMs !== NONE) kept.push({ epoch, group: group.index, startMs: truncatedAtMs })
    }
  }
  return { panes: rolled, truncations: kept }
}

function rollSection(
  plan: ViewPlan, group: LadderGroup, epoch: number, panes: readonly Pane[], logTimeMs: number, truncatedBeforeMs: number, out: Pane[],
): number {
  let carried: { readonly startMs: number; readonly partials: readonly Partial[] }[] = []
  let truncatedAtMs = NONE
  group.rungs.forEach((rung, index) => {
    const byStart = new Map<number, readonly Partial[]>()
    for (const { startMs, partials } of [...panes.filter((pane) => pane.rung === index), ...carried]) {
      const start = paneStartMs(rung, startMs)
      const before = byStart.get(start)
      byStart.set(start, before === undefined ? partials : group.slots.map((slot, i) => mergePartials(slot, before[i]!, partials[i]!)))
    }
    const starts = [...byStart.keys()].sort((a, b) => a - b)
    let keepFrom = keepFromMs(rung, logTimeMs)
    if (isExact(group.rungs) && index === 0) {
      const crowded = starts[starts.length - EXACT_PANES_MAX - 1] ?? NONE
      truncatedAtMs = Math.max(crowded, truncatedBeforeMs)
      if (truncatedAtMs < keepFrom) truncatedAtMs = NONE
      keepFrom = Math.max(keepFrom, truncatedAtMs + 1)
    }
    carried = starts.filter((start) => start < keepFrom).map((startMs) => ({ startMs, partials: byStart.get(startMs)! }))
    for (const startMs of starts) if (startMs >= keepFrom) out.push({ epoch, group: group.index, rung: index, startMs, partials: byStart.get(startMs)! })
  })
  return truncatedAtMs
}
