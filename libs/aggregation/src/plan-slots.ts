// From aggregations to slots: what is kept for each. Aggregations that need the same partial of the same values share a slot
// (mean and sum, variance and stddev, p50 and p95 of one error), which then has the windows of all of them.

import type { AggregationDefinition, AggregationOp, FeatureViewDefinition, WindowDefinition } from '@tidemark/feature-schema/definition'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import {
  GROUPS_MAX_DEFAULT, QUANTILE_ERROR_DEFAULT, UNIQUE_ERROR_DEFAULT, VALUES_MAX_DEFAULT,
} from '@tidemark/feature-schema/limits'
import type { ValueType } from '@tidemark/feature-schema/value'
import { precisionForError } from './hyperloglog.ts'
import type { SlotKind, SlotSpec } from './partial.ts'

/** A slot before it has a place: its spec, its expressions, and every window that reads it. */
export interface SlotDraft extends SlotSpec {
  /** null: every event counts. */
  readonly of: Expression | null
  readonly where: Expression | null
  readonly groupBy: Expression | null
  readonly windows: Set<WindowDefinition>
}

/** Reads an expression's text; `asBoolean` where it is a filter. */
export type ReadExpression = (text: string, asBoolean: boolean) => Expression

const SLOT_KINDS: Readonly<Record<AggregationOp, SlotKind>> = {
  count: 'count', sum: 'sum', mean: 'sum', ratio: 'sum', variance: 'moments', stddev: 'moments', min: 'min', max: 'max',
  first: 'first', last: 'last', firstK: 'firstK', lastK: 'lastK', topK: 'topK', bottomK: 'bottomK',
  uniqueCount: 'values', histogram: 'values', approxUniqueCount: 'registers', quantile: 'bins', timeSinceLast: 'newest',
}

/** The slots of a view, and which of them each aggregation reads: two for ratio, the numerator first. */
export interface SlotDrafts {
  readonly slots: readonly SlotDraft[]
  readonly slotsOf: ReadonlyMap<AggregationDefinition, readonly SlotDraft[]>
  /** The newest event time of all events, where the view has a max age; on the rungs of a slot that has the longest window. */
  readonly newest: SlotDraft | null
}

export function draftSlots(view: FeatureViewDefinition, longest: WindowDefinition, read: ReadExpression): SlotDrafts {
  const slots = new Map<string, SlotDraft>()
  const share = (draft: SlotDraft): SlotDraft => {
    const { windows, ...identity } = draft
    const key = canonicalText(identity)
    const shared = slots.get(key) ?? { ...identity, windows: new Set() }
    for (const window of windows) shared.windows.add(window)
    slots.set(key, shared)
    return shared
  }
  const slotsOf = new Map(
    view.aggregations.map((aggregation) => [
      aggregation,
      [aggregation.of, ...(aggregation.per === undefined ? [] : [aggregation.per])].map((of) => share(draftSlot(aggregation, aggregation.windows, of, read))),
    ]),
  )
  levelWindows([...slotsOf.values()])
  const { windows } = [...slots.values()].find((slot) => slot.windows.has(longest))!
  const newest = view.maxAgeMs === undefined ? null : share(draftSlot({ name: 'newest', op: 'timeSinceLast', of: null }, windows, null, read))
  return { slots: [...slots.values()], slotsOf, newest }
}

/** The two slots of a ratio are read together, so they must lie in the same panes: each gets the other's windows. */
function levelWindows(slotsTogether: readonly (readonly SlotDraft[])[]): void {
  let isLevel = true
  for (const slots of slotsTogether) {
    const union = new Set(slots.flatMap(({ windows }) => [...windows]))
    for (const { windows } of slots) {
      if (windows.size === union.size) continue
      isLevel = false
      for (const window of union) windows.add(window)
    }
  }
  if (!isLevel) levelWindows(slotsTogether)
}

function draftSlot(aggregation: Omit<AggregationDefinition, 'windows'>, windows: Iterable<WindowDefinition>, ofText: string | null, read: ReadExpression): SlotDraft {
  const kind = SLOT_KINDS[aggregation.op]
  const of = ofText === null ? null : read(ofText, false)
  const groupBy = aggregation.groupBy === undefined ? null : read(aggregation.groupBy, false)
  const isCounted = kind === 'count' || kind === 'newest'
  return {
    kind,
    inputType: of === null || isCounted ? 'boolean' : typeOf(of),
    groupType: groupBy === null ? null : typeOf(groupBy),
    groupsMax: groupBy === null ? 0 : (aggregation.groupsMax ?? GROUPS_MAX_DEFAULT),
    k: aggregation.k ?? 0,
    valuesMax: kind === 'values' ? (aggregation.valuesMax ?? VALUES_MAX_DEFAULT) : 0,
    precision: kind === 'registers' ? precisionForError(aggregation.error ?? UNIQUE_ERROR_DEFAULT) : 0,
    relativeError: kind === 'bins' ? (aggregation.error ?? QUANTILE_ERROR_DEFAULT) : 0,
    of,
    where: aggregation.where === undefined ? null : read(aggregation.where, true),
    groupBy,
    windows: new Set(windows),
  }
}

/** An expression that is always NULL never reaches a kernel, so that its type does not matter. */
function typeOf({ type }: Expression): ValueType {
  return type === 'null' ? 'boolean' : type
}

/** JSON with bigints, equal for equal plans: what slots are shared by and layouts are named after. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}
