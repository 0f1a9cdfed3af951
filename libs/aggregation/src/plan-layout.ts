// Where slots lie: which ladder group they belong to, and their offsets in that group's rows.
// A row is f64 start | the fixed slots, each a multiple of 8 bytes | a u32 length for each variable slot | padding to 8.

import { createHash } from 'node:crypto'
import type { FeatureViewDefinition, SourceDefinition, WindowDefinition } from '@tidemark/feature-schema/definition'
import type { Expression } from '@tidemark/feature-schema/expression/ast'
import { fixedKernelFor } from './fixed-kernels.ts'
import { openSpanMs, planRungs } from './ladder.ts'
import { canonicalText, type SlotDraft } from './plan-slots.ts'
import { variableKernelFor } from './variable-kernels.ts'
import type { FixedSlot, LadderGroup, PlannedFeature, PlannedWindow, Slot, VariableSlot } from './view-plan.ts'

const START_BYTES = 8
const LENGTH_BYTES = 4
const ROW_ALIGN_BYTES = 8

export interface Placement {
  readonly slots: readonly Slot[]
  readonly slotOf: ReadonlyMap<SlotDraft, Slot>
  /** The slots' expressions, each once. */
  readonly inputs: readonly Expression[]
  readonly groups: readonly Omit<LadderGroup, 'windows'>[]
}

/** Slots with equal rungs share a group; groups and slots keep the order of the definition. */
export function placeSlots(drafts: readonly SlotDraft[]): Placement {
  const inputs = new Map<string, { readonly index: number; readonly expression: Expression }>()
  const inputOf = (expression: Expression | null): number => {
    if (expression === null) return -1
    const text = canonicalText(expression)
    if (!inputs.has(text)) inputs.set(text, { index: inputs.size, expression })
    return inputs.get(text)!.index
  }
  const slotOf = new Map<SlotDraft, Slot>()
  const byRungs = Map.groupBy(drafts, (draft) => canonicalText(planRungs([...draft.windows])))
  const groups = [...byRungs.values()].map((members, group) => {
    const rungs = planRungs([...members[0]!.windows])
    const fixedSlots: FixedSlot[] = []
    const variableSlots: VariableSlot[] = []
    const kernels = new Map(members.map((draft) => [draft, fixedKernelFor(draft)]))
    let offset = START_BYTES
    for (const draft of members.toSorted((a, b) => Number(kernels.get(a) === null) - Number(kernels.get(b) === null))) {
      const { windows: _, ...spec } = draft
      const inputs = { ofInput: inputOf(draft.of), whereInput: inputOf(draft.where), groupInput: inputOf(draft.groupBy) }
      const place = { ...spec, ...inputs, index: drafts.indexOf(draft), group, offset }
      const kernel = kernels.get(draft) ?? null
      const slot: Slot = kernel === null ? { ...place, isFixed: false, kernel: variableKernelFor(draft) } : { ...place, isFixed: true, kernel }
      if (slot.isFixed) fixedSlots.push(slot)
      else variableSlots.push(slot)
      offset += slot.isFixed ? slot.kernel.width : LENGTH_BYTES
      slotOf.set(draft, slot)
    }
    const rowBytes = Math.ceil(offset / ROW_ALIGN_BYTES) * ROW_ALIGN_BYTES
    return { index: group, rungs, openSpanMs: openSpanMs(rungs), fixedSlots, variableSlots, rowBytes, slots: members.map((draft) => slotOf.get(draft)!) }
  })
  return { slots: drafts.map((draft) => slotOf.get(draft)!), slotOf, groups, inputs: [...inputs.values()].map(({ expression }) => expression) }
}

/** The distinct windows of a group's features, and `longest` where it has to answer who is there; shortest first and lifetime last. */
export function windowsOf(group: number, features: readonly PlannedFeature[], longest: WindowDefinition | null): PlannedWindow[] {
  const keyOf = ({ lengthMs, resolutionMs }: WindowDefinition): string => canonicalText([lengthMs, resolutionMs])
  const members = features.filter((feature) => feature.group === group)
  const windows = new Map([...members.map(({ window }) => window), ...(longest === null ? [] : [longest])].map((window) => [keyOf(window), window]))
  return [...windows].sort(([, a], [, b]) => compareWindows(a, b)).map(([key, { lengthMs, resolutionMs }]) => ({
    lengthMs, resolutionMs, features: members.filter(({ window }) => keyOf(window) === key),
  }))
}

/** Lifetime, else the longest; of equal ones the coarsest, which reaches back furthest. */
export function longestOf(windows: readonly WindowDefinition[]): WindowDefinition {
  return windows.reduce((longest, window) => (compareWindows(window, longest) > 0 ? window : longest))
}

function compareWindows(a: Pick<WindowDefinition, 'lengthMs' | 'resolutionMs'>, b: typeof a): number {
  if (a.lengthMs === null || b.lengthMs === null) return (a.lengthMs === null ? 1 : 0) - (b.lengthMs === null ? 1 : 0)
  return a.lengthMs - b.lengthMs || a.resolutionMs! - b.resolutionMs!
}

/** 32 bits that name what a view's bytes mean: its source's columns, its filter, and its slots with their ladders. */
export function layoutIdOf(view: FeatureViewDefinition, source: SourceDefinition, where: Expression | null, groups: Placement['groups']): number {
  const meaning = canonicalText([
    source.name, source.version, source.eventTime, source.fields.map(({ name, type, nullable }) => [name, type, nullable]),
    view.entity, view.derive, where,
    groups.map(({ rungs, slots }) => [rungs, slots.map(({ kernel: _, ...slot }) => slot)]),
  ])
  return createHash('md5').update(meaning).digest().readUInt32LE(0)
}
