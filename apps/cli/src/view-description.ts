// A view's plan as people and programs read it: entity, ladders of panes, slots, features, and how much state an entity can come to.
import type { LadderGroup, PlannedFeature, Slot, ViewPlan } from '@tidemark/aggregation/view-plan'
import { AGGREGATION_RULES, finalType } from '@tidemark/feature-schema/aggregation-rules'
import { viewContentHash } from '@tidemark/feature-schema/content-hash'
import { formatDuration } from '@tidemark/feature-schema/duration'
import { formatBytes, formatNumber, type Output, tableText } from './output.ts'
import { boundGroup, boundView, STRING_BYTES_ASSUMED } from './state-bound.ts'

export interface ViewDescription {
  readonly name: string
  readonly version: number
  readonly source: string
  readonly contentHash: string
  readonly entity: readonly { readonly key: string; readonly column: string; readonly type: string }[]
  readonly where: string | null
  readonly ladders: readonly LadderDescription[]
  readonly features: readonly FeatureDescription[]
  /** Of one entity: every pane there, without and with every sketch, list and map full. */
  readonly rowBytesMax: number
  readonly fullBytesMax: number
}

interface LadderDescription {
  readonly rungs: readonly { readonly length: string; readonly panesMax: number }[]
  /** Each with the features that read it. */
  readonly slots: readonly { readonly slot: string; readonly features: readonly string[] }[]
  readonly rowBytes: number
  readonly variableBytesMax: number
}

interface FeatureDescription {
  readonly name: string
  readonly type: string
  readonly window: string
  readonly resolution: string
  /** Of quantiles: of the value; of approximate counts: the standard error. null: exact. */
  readonly relativeError: number | null
}

export function describeView(plan: ViewPlan): ViewDescription {
  const { view, source, keys } = plan
  return {
    name: view.name, version: view.version, source: source.name, contentHash: viewContentHash(view, source),
    entity: keys.map(({ key, column, type }) => ({ key, column, type })),
    where: view.where ?? null,
    ladders: plan.groups.map((group) => describeLadder(plan, group)),
    features: plan.features.map(describeFeature),
    ...boundView(plan),
  }
}

function describeLadder({ features }: ViewPlan, group: LadderGroup): LadderDescription {
  const { panesMax, rowBytes, variableBytesMax } = boundGroup(group)
  return {
    rungs: group.rungs.map(({ lengthMs }, i) => ({ length: lengthMs === null ? 'lifetime' : formatDuration(lengthMs), panesMax: panesMax[i]! })),
    slots: group.slots.map((slot) => ({
      slot: slotText(slot),
      features: [...new Set(features.filter((feature) => feature.slot === slot || feature.perSlot === slot).map(({ aggregation }) => aggregation.name))],
    })),
    rowBytes, variableBytesMax,
  }
}

function slotText({ kind, inputType, groupType }: Slot): string {
  const of = kind === 'count' || kind === 'newest' ? kind : `${kind} of ${inputType}`
  return groupType === null ? of : `${of} by ${groupType}`
}

function describeFeature({ name, aggregation, slot, window }: PlannedFeature): FeatureDescription {
  const declared = aggregation.error ?? AGGREGATION_RULES[aggregation.op].defaults.error
  return {
    name,
    type: finalType(aggregation, slot.inputType),
    window: window.lengthMs === null ? 'lifetime' : formatDuration(window.lengthMs),
    resolution: window.resolutionMs === null ? '' : window.resolutionMs === 1 ? 'exact' : formatDuration(window.resolutionMs),
    relativeError: declared ?? null,
  }
}

export function viewText({ colors }: Output, view: ViewDescription): string {
  const entity = view.entity.map(({ key, column, type }) => `${key} (${type}${column === key ? '' : `, column ${column}`})`).join(', ')
  const rows = view.features.map(({ name, type, window, resolution, relativeError }) => [name, type, window, resolution, relativeError === null ? 'exact' : `±${Number((relativeError * 100).toPrecision(3))}%`])
  const state = view.fullBytesMax === view.rowBytesMax
    ? `at most ${formatBytes(view.rowBytesMax)}`
    : `at most ${formatBytes(view.rowBytesMax)}, and ${formatBytes(view.fullBytesMax)} with every sketch, list and map full (a string taken as ${STRING_BYTES_ASSUMED} bytes)`
  return [
    `${colors.bold(`view ${view.name}`)} version ${view.version}, of source ${view.source}`,
    `  entity  ${entity}`,
    ...(view.where === null ? [] : [`  where   ${view.where}`]),
    `  hash    ${view.contentHash}`,
    `  state   of an entity: ${state}`,
    ...view.ladders.map(ladderText),
    '',
    tableText(colors, ['feature', 'type', 'window', 'resolution', 'error'], rows),
  ].join('\n')
}

function ladderText({ rungs, slots, rowBytes, variableBytesMax }: LadderDescription): string {
  const panes = rungs.map(({ length, panesMax }) => `${length} × ${formatNumber(panesMax)}`).join(', ')
  const shared = slots.map(({ slot, features }) => `${slot} (${features.length === 0 ? 'max age' : features.join(', ')})`).join(', ')
  const variable = variableBytesMax === 0 ? '' : ` + up to ${formatBytes(variableBytesMax)}`
  return `  panes   ${panes}; a pane ${formatBytes(rowBytes)}${variable}: ${shared}`
}
