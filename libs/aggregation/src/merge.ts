// The merge: what an entity's features are at time t, from the batch blob of a pinned pointer and the speed state, as one pure
// function. It adds exactly the speed sections of epochs after the cut (law 3). Windows of a ladder group are nested, so that
// one pass serves them all: from the newest pane back, band by band, finalising where a window begins.

import type { FeatureValue } from './feature-value.ts'
import { GroupMerger } from './group-merger.ts'
import type { ViewPlan } from './view-plan.ts'
import {
  AT_DROPPED, AT_LOG_TIME, AT_TABLES, ENTRY_EPOCH, ENTRY_GROUP, ENTRY_HEAP, ENTRY_ROWS, ENTRY_TRUNCATED, entryAt, NONE, viewOf,
} from './chunk-format.ts'

export interface MergeAt {
  /** The pointer's cut K: the batch blob has the epochs up to it. -Infinity: there is no batch. */
  readonly cut: number
  /** After every log time among the chunks. */
  readonly t: number
}

export interface MergedFeatures {
  /** The speed state has dropped sections that this cut needs: pin the pointer again and merge anew (law 5). Then there are no values. */
  readonly needsNewerPin: boolean
  /** In the order of the plan's features. */
  readonly values: readonly FeatureValue[]
}

const NEEDS_NEWER_PIN: MergedFeatures = Object.freeze({ needsNewerPin: true, values: [] })

/**
 * Merges chunks that `verifyChunk` has passed. Throws a plain error where t is not after every log time, or the batch blob has
 * epochs after the cut: both are bugs of who calls.
 */
export function mergeAtCut(plan: ViewPlan, batchBlob: Uint8Array | null, speedChunks: readonly Uint8Array[], { cut, t }: MergeAt): MergedFeatures {
  let mergers = mergersOf.get(plan)
  if (mergers === undefined) mergersOf.set(plan, (mergers = plan.groups.map((group) => new GroupMerger(plan, group))))
  for (const merger of mergers) merger.start(t)
  if (batchBlob !== null) addTables(plan, mergers, batchBlob, NONE, cut, t)
  for (const chunk of speedChunks) if (!addTables(plan, mergers, chunk, cut, Infinity, t)) return NEEDS_NEWER_PIN
  const values = new Array<FeatureValue>(plan.features.length)
  const verdict = mergers[plan.presenceGroup]!.finish(values)
  if (verdict !== null) return { needsNewerPin: false, values: values.fill(verdict) }
  for (let i = 0; i < mergers.length; i++) if (i !== plan.presenceGroup) mergers[i]!.finish(values)
  return { needsNewerPin: false, values }
}

/** Working memory, for each plan. */
const mergersOf = new WeakMap<ViewPlan, readonly GroupMerger[]>()

/** Gives the mergers the tables of epochs after `after`; false where sections after it were dropped. */
function addTables(plan: ViewPlan, mergers: readonly GroupMerger[], bytes: Uint8Array, after: number, through: number, t: number): boolean {
  const view = viewOf(bytes)
  if (view.getFloat64(AT_LOG_TIME, true) >= t) throw new Error(`A chunk's log time is ${view.getFloat64(AT_LOG_TIME, true)}: not before t = ${t}.`)
  if (view.getFloat64(AT_DROPPED, true) > after) return false
  const tableCount = view.getUint32(AT_TABLES, true)
  let at = entryAt(tableCount)
  for (let index = 0; index < tableCount; index++) {
    const entry = entryAt(index)
    const merger = mergers[view.getUint16(entry + ENTRY_GROUP, true)]!
    const epoch = view.getFloat64(entry + ENTRY_EPOCH, true)
    const rowCount = view.getUint32(entry + ENTRY_ROWS, true)
    const heapAt = at + rowCount * merger.rowBytes
    const end = heapAt + view.getUint32(entry + ENTRY_HEAP, true)
    if (epoch > through) throw new Error(`The batch blob has epoch ${epoch}, after the cut ${through}.`)
    if (epoch > after) merger.add(view, bytes, at, rowCount, end, view.getFloat64(entry + ENTRY_TRUNCATED, true))
    at = end
  }
  return true
}
