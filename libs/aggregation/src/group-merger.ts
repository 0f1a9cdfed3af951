// Merges the tables of one ladder group over its nested windows, newest band first. Its working memory is reused from one
// merge to the next, so that a merge allocates little but its values.

import { EXACT_RESOLUTION_MS } from '@tidemark/feature-schema/window'
import { NONE } from './chunk-format.ts'
import { featureValueOf, NOT_FOUND, OUTSIDE_MAX_AGE, ratioOf, type FeatureValue } from './feature-value.ts'
import { tailMs } from './ladder.ts'
import type { Accumulator, Finalisation, FinalValue, RowRange, Unavailable } from './partial.ts'
import type { LadderGroup, PlannedFeature, PlannedWindow, Slot, ViewPlan } from './view-plan.ts'

/** A table while it is merged: rows [0, upper) and heap bytes up to `heapEnd` are still to come. */
interface OpenTable {
  view: DataView
  bytes: Uint8Array
  rowsAt: number
  upper: number
  heapEnd: number
}

/** A feature and how its slots are finalised. */
interface Finisher {
  readonly feature: PlannedFeature
  readonly as: { -readonly [K in keyof Finalisation]: Finalisation[K] }
}

interface MergeWindow {
  readonly window: PlannedWindow
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
  /** The fixed slots' running merge: a row. */
  private readonly merged: DataView
  /** The variable slots'. */
  private readonly accumulators: ReadonlyMap<Slot, Accumulator>
  private readonly tables: OpenTable[] = []
  private tableCount = 0
  /** The band's rows, and the tables that they are of. */
  private readonly ranges: RowRange[] = []
  private readonly rangeTables: OpenTable[] = []
  private rangeCount = 0
  private truncatedAtMs = NONE
  private atMs = 0

  constructor(plan: ViewPlan, group: LadderGroup) {
    this.plan = plan
    this.group = group
    this.rowBytes = group.rowBytes
    this.merged = new DataView(new ArrayBuffer(group.rowBytes))
    this.accumulators = new Map(group.variableSlots.map((slot) => [slot, slot.kernel.newAccumulator()]))
    this.windows = group.windows.map((window) => ({
      window,
      finishers: window.features.map((feature) => ({
        feature, as: { op: feature.aggregation.op, quantile: feature.aggregation.quantile ?? 0, atMs: 0 },
      })),
      isLongest:
        group.index === plan.presenceGroup && window.lengthMs === plan.longestWindow.lengthMs && window.resolutionMs === plan.longestWindow.resolutionMs,
      tailMs: 0,
    }))
  }

  /** Starts a merge at time t. */
  start(atMs: number): void {
    this.atMs = atMs
    this.tableCount = 0
    this.truncatedAtMs = NONE
    for (const { kernel, offset } of this.group.fixedSlots) kernel.clear(this.merged, offset)
    for (const accumulator of this.accumulators.values()) accumulator.clear()
    const { windows } = this
    for (const window of windows) window.tailMs = tailMs(window.window, atMs)
    // They mostly lie in order; a longer window of finer resolution may begin later.
    for (let i = 1; i < windows.length; i++) {
      for (let j = i; j > 0 && windows[j]!.tailMs > windows[j - 1]!.tailMs; j--) [windows[j - 1], windows[j]] = [windows[j]!, windows[j - 1]!]
    }
  }

  /** A table whose rows are at `rowsAt` and whose heap ends at `heapEnd`. */
  add(view: DataView, bytes: Uint8Array, rowsAt: number, rowCount: number, heapEnd: number, truncatedAtMs: number): void {
    if (this.tableCount === this.tables.length) {
      this.tables.push({ view: NO_VIEW, bytes: NO_BYTES, rowsAt: 0, upper: 0, heapEnd: 0 })
      this.ranges.push({ view: NO_VIEW, at: 0, count: 0, stride: this.rowBytes })
      this.rangeTables.push(this.tables[0]!)
    }
    const table = this.tables[this.tableCount++]!
    table.view = view
    table.bytes = bytes
    table.rowsAt = rowsAt
    table.upper = rowCount
    table.heapEnd = heapEnd
    if (truncatedAtMs > this.truncatedAtMs) this.truncatedAtMs = truncatedAtMs
  }

  /**
   * Merges what was added and writes the group's features into `values`. In the presence group, returns what all features are
   * instead where the entity has no event in the longest window, or its newest is too old; else null.
   */
  finish(values: FeatureValue[]): FeatureValue | null {
    let isFound = false
    let verdict: FeatureValue | null = null
    for (const { finishers, isLongest, tailMs: fromMs, window } of this.windows) {
      this.takeBand(fromMs)
      if (this.rangeCount > 0) {
        isFound = true
        for (const { kernel, offset } of this.group.fixedSlots) kernel.accumulate(this.merged, offset, this.ranges, this.rangeCount, offset)
        if (this.group.variableSlots.length > 0) this.mergeHeaps()
      }
      if (isLongest) verdict = isFound ? this.judgeAge() : NOT_FOUND
      const isTruncated = window.resolutionMs === EXACT_RESOLUTION_MS && this.truncatedAtMs >= fromMs
      for (const { feature, as } of finishers) {
        as.atMs = this.atMs
        const value = feature.perSlot === null
          ? this.finalise(feature.slot, as)
          : ratioOf(this.finalise(feature.slot, as), this.finalise(feature.perSlot, as))
        values[feature.index] = featureValueOf(value, isTruncated)
      }
    }
    return verdict
  }

  /** Collects the rows, not yet taken, that start at or after `fromMs`. */
  private takeBand(fromMs: number): void {
    this.rangeCount = 0
    for (let i = 0; i < this.tableCount; i++) {
      const table = this.tables[i]!
      const lower = firstRowFrom(table, this.rowBytes, fromMs)
      if (lower === table.upper) continue
      const range = this.ranges[this.rangeCount]!
      range.view = table.view
      range.at = table.rowsAt + lower * this.rowBytes
      range.count = table.upper - lower
      this.rangeTables[this.rangeCount++] = table
      table.upper = lower
    }
  }

  private mergeHeaps(): void {
    const { variableSlots } = this.group
    for (let i = 0; i < this.rangeCount; i++) {
      const { view, at: rowsAt, count, stride } = this.ranges[i]!
      const table = this.rangeTables[i]!
      let at = table.heapEnd
      for (let rowAt = rowsAt + (count - 1) * stride; rowAt >= rowsAt; rowAt -= stride) {
        for (let s = variableSlots.length - 1; s >= 0; s--) {
          const slot = variableSlots[s]!
          const length = view.getUint32(rowAt + slot.offset, true)
          at -= length
          if (length > 0) this.accumulators.get(slot)!.add(table.bytes, at, length)
        }
      }
      table.heapEnd = at
    }
  }

  private finalise(slot: Slot, as: Finalisation): FinalValue | Unavailable {
    return slot.isFixed ? slot.kernel.finalise(this.merged, slot.offset, as) : this.accumulators.get(slot)!.finalise(as)
  }

  private judgeAge(): FeatureValue | null {
    const { newestSlot, view } = this.plan
    if (newestSlot === null || view.maxAgeMs === undefined) return null
    const ageMs = this.finalise(newestSlot, { op: 'timeSinceLast', quantile: 0, atMs: this.atMs }) as number
    return ageMs > view.maxAgeMs ? OUTSIDE_MAX_AGE : null
  }
}

/** The first row, of those still to come, that starts at or after `fromMs`; their number where there is none. */
function firstRowFrom({ view, rowsAt, upper }: OpenTable, rowBytes: number, fromMs: number): number {
  let low = 0
  let high = upper
  while (low < high) {
    const middle = (low + high) >>> 1
    if (view.getFloat64(rowsAt + middle * rowBytes, true) < fromMs) low = middle + 1
    else high = middle
  }
  return low
}
