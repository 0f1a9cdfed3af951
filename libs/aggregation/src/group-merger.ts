// Merges the tables of one ladder group over its nested windows, newest band first. Its working memory is reused from one
// merge to the next, so that a merge allocates little but its values.

import { EXACT_RESOLUTION_MS } from '@tidemark/feature-schema/window'
import { NONE } from './chunk-format.ts'
import { ExactInstants } from './exact-instants.ts'
import { featureValueOf, NOT_FOUND, OUTSIDE_MAX_AGE, ratioOf, type FeatureValue } from './feature-value.ts'
import { isExact, tailMs } from './ladder.ts'
import type { Accumulator, Finalisation, FinalValue, FixedKernel, RowRange, Unavailable } from './partial.ts'
import type { FixedSlot, LadderGroup, Slot, ViewPlan } from './view-plan.ts'
import { compileWordPass, type WordPass } from './word-pass.ts'

/** A table while it is merged, and the range of it that is in the band: rows [0, upper) and heap bytes up to `heapEnd` are still to come. */
interface OpenTable extends RowRange {
  bytes: Uint8Array
  rowsAt: number
  upper: number
  heapEnd: number
}

/** The merge of a slot over the bands so far: bytes in the merged row, or an accumulator. */
type Running = { readonly kernel: FixedKernel; readonly offset: number } | { readonly kernel: null; readonly accumulator: Accumulator }

/** A feature, and what it is finalised from: two slots for ratio. */
interface Finisher {
  readonly index: number
  readonly running: Running
  readonly per: Running | null
  readonly as: Finalisation
}

interface MergeWindow {
  readonly lengthMs: number | null
  readonly resolutionMs: number | null
  readonly finishers: readonly Finisher[]
  readonly isLongest: boolean
  tailMs: number
}

const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(NO_BYTES.buffer)

export class GroupMerger {
  readonly rowBytes: number
  private readonly plan: ViewPlan
  private readonly group: LadderGroup
  /** Latest tail first. */
  private readonly windows: MergeWindow[]
  /** The fixed slots' running merge: a row; `identity` is one without rows. */
  private readonly merged: DataView
  private readonly mergedWords: Float64Array
  private readonly identityWords: Float64Array
  /** Over the slots that merge word by word; the other fixed slots are merged by their kernels. */
  private readonly wordPass: WordPass | null
  private readonly otherSlots: readonly FixedSlot[]
  /** Of the variable slots, in their order. */
  private readonly accumulators: readonly Accumulator[]
  private readonly newest: Running | null
  /** How time-since-last is finalised, which depends on t. */
  private readonly sinceLast = { op: 'timeSinceLast' as const, quantile: 0, atMs: 0 }
  private readonly tables: OpenTable[] = []
  private tableCount = 0
  /** Those that have rows in the band. */
  private readonly band: OpenTable[] = []
  private bandCount = 0
  private truncatedAtMs = NONE
  /** null: the group has no `exact` window. */
  private readonly instants: ExactInstants | null

  constructor(plan: ViewPlan, group: LadderGroup) {
    this.plan = plan
    this.group = group
    this.rowBytes = group.rowBytes
    this.instants = isExact(group.rungs) ? new ExactInstants(group.rowBytes) : null
    this.mergedWords = new Float64Array(group.rowBytes / 8)
    this.merged = new DataView(this.mergedWords.buffer)
    for (const { kernel, offset } of group.fixedSlots) kernel.clear(this.merged, offset)
    this.identityWords = this.mergedWords.slice()
    this.wordPass = compileWordPass(group.fixedSlots)
    this.otherSlots = group.fixedSlots.filter(({ kernel }) => kernel.words === undefined)
    this.accumulators = group.variableSlots.map(({ kernel }) => kernel.newAccumulator())
    const runningOf = (slot: Slot | null): Running | null => {
      if (slot?.group !== group.index) return null
      if (slot.isFixed) return { kernel: slot.kernel, offset: slot.offset }
      return { kernel: null, accumulator: this.accumulators[group.variableSlots.indexOf(slot)]! }
    }
    this.newest = runningOf(plan.newestSlot)
    this.windows = group.windows.map(({ lengthMs, resolutionMs, features }) => ({
      lengthMs,
      resolutionMs,
      isLongest: group.index === plan.presenceGroup && lengthMs === plan.longestWindow.lengthMs && resolutionMs === plan.longestWindow.resolutionMs,
      finishers: features.map(({ index, slot, perSlot, aggregation: { op, quantile = 0 } }) => ({
        index, running: runningOf(slot)!, per: runningOf(perSlot), as: op === 'timeSinceLast' ? this.sinceLast : { op, quantile, atMs: 0 },
      })),
      tailMs: 0,
    }))
  }

  /** Starts a merge at time t. */
  start(atMs: number): void {
    this.sinceLast.atMs = atMs
    this.tableCount = 0
    this.truncatedAtMs = NONE
    this.instants?.clear()
    for (let i = 0; i < this.mergedWords.length; i++) this.mergedWords[i] = this.identityWords[i]!
    for (const accumulator of this.accumulators) accumulator.clear()
    const { windows } = this
    for (const window of windows) window.tailMs = tailMs(window, atMs)
    // They mostly lie in order; a longer window of finer resolution may begin later.
    for (let i = 1; i < windows.length; i++) {
      for (let j = i; j > 0 && windows[j]!.tailMs > windows[j - 1]!.tailMs; j--) [windows[j - 1], windows[j]] = [windows[j]!, windows[j - 1]!]
    }
  }

  /** A table whose rows are at `rowsAt` and whose heap ends at `heapEnd`. */
  add(view: DataView, bytes: Uint8Array, rowsAt: number, rowCount: number, heapEnd: number, truncatedAtMs: number): void {
    if (this.tableCount === this.tables.length) {
      this.tables.push({ view: NO_VIEW, at: 0, count: 0, stride: this.rowBytes, bytes: NO_BYTES, rowsAt: 0, upper: 0, heapEnd: 0 })
      this.band.push(this.tables[0]!)
    }
    const table = this.tables[this.tableCount++]!
    table.view = view
    table.bytes = bytes
    table.rowsAt = rowsAt
    table.upper = rowCount
    table.heapEnd = heapEnd
    if (truncatedAtMs > this.truncatedAtMs) this.truncatedAtMs = truncatedAtMs
    this.instants?.add(view, rowsAt, rowCount)
  }

  /**
   * Merges what was added and writes the group's features into `values`. In the presence group, returns what all features are
   * instead where the entity has no event in the longest window, or its newest is too old; else null.
   */
  finish(values: FeatureValue[]): FeatureValue | null {
    let isFound = false
    let verdict: FeatureValue | null = null
    for (const { finishers, isLongest, tailMs: fromMs, resolutionMs } of this.windows) {
      this.takeBand(fromMs)
      if (this.bandCount > 0) {
        isFound = true
        this.wordPass?.(this.merged, this.band, this.bandCount)
        for (const { kernel, offset } of this.otherSlots) kernel.accumulate(this.merged, offset, this.band, this.bandCount, offset)
        if (this.accumulators.length > 0) this.mergeHeaps()
      }
      if (isLongest) verdict = isFound ? this.judgeAge() : NOT_FOUND
      const isTruncated = resolutionMs === EXACT_RESOLUTION_MS && (this.truncatedAtMs >= fromMs || this.instants!.areCrowdedFrom(fromMs))
      for (const { index, running, per, as } of finishers) {
        const value = per === null ? this.finalise(running, as) : ratioOf(this.finalise(running, as), this.finalise(per, as))
        values[index] = featureValueOf(value, isTruncated)
      }
    }
    return verdict
  }

  /** Collects the rows, not yet taken, that start at or after `fromMs`. */
  private takeBand(fromMs: number): void {
    const { tables, tableCount, band, rowBytes } = this
    let bandCount = 0
    for (let i = 0; i < tableCount; i++) {
      const table = tables[i]!
      const { view, rowsAt, upper } = table
      if (upper === 0 || view.getFloat64(rowsAt + (upper - 1) * rowBytes, true) < fromMs) continue
      const lower = view.getFloat64(rowsAt, true) >= fromMs ? 0 : firstRowFrom(view, rowsAt, rowBytes, upper, fromMs)
      table.at = rowsAt + lower * rowBytes
      table.count = upper - lower
      table.upper = lower
      band[bandCount++] = table
    }
    this.bandCount = bandCount
  }

  private mergeHeaps(): void {
    const { variableSlots } = this.group
    for (let i = 0; i < this.bandCount; i++) {
      const table = this.band[i]!
      const { view, at: rowsAt, count, stride } = table
      let at = table.heapEnd
      for (let rowAt = rowsAt + (count - 1) * stride; rowAt >= rowsAt; rowAt -= stride) {
        for (let s = variableSlots.length - 1; s >= 0; s--) {
          const length = view.getUint32(rowAt + variableSlots[s]!.offset, true)
          at -= length
          if (length > 0) this.accumulators[s]!.add(table.bytes, at, length)
        }
      }
      table.heapEnd = at
    }
  }

  private finalise(running: Running, as: Finalisation): FinalValue | Unavailable {
    return running.kernel === null ? running.accumulator.finalise(as) : running.kernel.finalise(this.merged, running.offset, as)
  }

  private judgeAge(): FeatureValue | null {
    const { maxAgeMs } = this.plan.view
    if (this.newest === null || maxAgeMs === undefined) return null
    return (this.finalise(this.newest, this.sinceLast) as number) > maxAgeMs ? OUTSIDE_MAX_AGE : null
  }
}

/** The first row that starts at or after `fromMs`, after the first and at most the one before `upper`. */
function firstRowFrom(view: DataView, rowsAt: number, rowBytes: number, upper: number, fromMs: number): number {
  let low = 1
  let high = upper - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (view.getFloat64(rowsAt + middle * rowBytes, true) < fromMs) low = middle + 1
    else high = middle
  }
  return low
}
