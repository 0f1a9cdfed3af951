// How much state an entity can come to (law 9), from the plan alone: panes of each rung, bytes of each slot. Bounds, not estimates of
// what some data needs: an entity with few events has few panes, and sketches and maps of few values are small.
import { EXACT_PANES_MAX, type Rung } from '@tidemark/aggregation/ladder'
import type { LadderGroup, Slot, ViewPlan } from '@tidemark/aggregation/view-plan'
import type { ValueType } from '@tidemark/feature-schema/value'

/** What a string is taken to need, where strings are kept. */
export const STRING_BYTES_ASSUMED = 16

export interface GroupBound {
  /** Most panes of each rung, finest first. */
  readonly panesMax: readonly number[]
  /** Of one pane: its row, and what variable parts need when they are full. */
  readonly rowBytes: number
  readonly variableBytesMax: number
}

export function boundGroup({ rungs, rowBytes, variableSlots }: LadderGroup): GroupBound {
  return { panesMax: rungs.map((_, i) => panesMaxOf(rungs, i)), rowBytes, variableBytesMax: variableSlots.reduce((sum, slot) => sum + slotBytesMax(slot), 0) }
}

/** Bytes of an entity's panes: rows of every pane, and on top every variable part full. */
export function boundView({ groups }: ViewPlan): { readonly rowBytesMax: number; readonly fullBytesMax: number } {
  let [rowBytesMax, fullBytesMax] = [0, 0]
  for (const { panesMax, rowBytes, variableBytesMax } of groups.map(boundGroup)) {
    const panes = panesMax.reduce((sum, count) => sum + count, 0)
    rowBytesMax += panes * rowBytes
    fullBytesMax += panes * (rowBytes + variableBytesMax)
  }
  return { rowBytesMax, fullBytesMax }
}

/**
 * Most panes that a rung has at any log time. A pane of a rung of length r, horizon H and align a starts at keepFrom > L + 1 - H - a
 * or later, and before the keepFrom of each finer rung, which is at most L + 1 minus that rung's horizon; both are multiples of r.
 */
export function panesMaxOf(rungs: readonly Rung[], index: number): number {
  const { lengthMs, horizonMs, alignMs } = rungs[index]!
  if (lengthMs === null || horizonMs === null || alignMs === null) return 1
  // The oldest of too many exact panes move to the next rung early, so an exact rung says nothing about where that one ends.
  const finerHorizonMs = Math.max(0, ...rungs.slice(0, index).map((finer) => (finer.lengthMs === 1 ? 0 : finer.horizonMs!)))
  const span = Math.ceil((horizonMs + alignMs - finerHorizonMs - 1) / lengthMs)
  return Math.max(0, lengthMs === 1 ? Math.min(span, EXACT_PANES_MAX) : span)
}

function slotBytesMax(slot: Slot): number {
  const { groupType, groupsMax } = slot
  return groupType === null ? plainBytesMax(slot) : groupsMax * (valueBytes(groupType) + plainBytesMax(slot))
}

const ORDER_BYTES = 20
const COUNT_BYTES = 4
const SCALAR_BYTES = 24

function plainBytesMax({ kind, inputType, k, valuesMax, precision, relativeError }: Slot): number {
  const value = valueBytes(inputType)
  switch (kind) {
    case 'count': case 'newest': return 8
    case 'sum': case 'moments': return SCALAR_BYTES
    case 'min': case 'max': return value
    case 'first': case 'last': return value + ORDER_BYTES
    case 'firstK': case 'lastK': return k * (value + ORDER_BYTES)
    case 'topK': case 'bottomK': return k * value
    case 'values': return valuesMax * (value + COUNT_BYTES)
    case 'registers': return 2 ** precision
    case 'bins': return binBytesMax(relativeError)
  }
}

/** A pane whose values spread over nine orders of magnitude, with a byte or two for each bin. */
function binBytesMax(relativeError: number): number {
  const gamma = (1 + relativeError) / (1 - relativeError)
  return Math.ceil((2 * Math.log(1e9)) / Math.log(gamma))
}

function valueBytes(type: ValueType): number {
  if (type === 'boolean') return 1
  return type === 'string' ? STRING_BYTES_ASSUMED : 8
}
