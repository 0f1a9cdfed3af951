// Merges the tables of one ladder group over its nested windows, newest band first. Its working memory is reused from one
// merge to the next, so that a merge allocates little but its values.

import { EXACT_RESOLUTION_MS } from '@tidemark/feature-schema/window'
import { NONE } from './chunk-format.ts'
import { ExactInstants } from './exact-instants.ts'
import { featureValueOf, NOT_FOUND, OUTSIDE_MAX_AGE, ratioOf, type FeatureValue } from './feature-value.ts'
import { isExact, tailMs } from './ladder.ts'
import type { Accumulator, Finalisation, FinalValue, FixedKernel, RowRange, Unavailable } from './partial.ts'
import type { FixedSlot, LadderGroup, Slot, ViewPlan } from './view-plan.ts'

/** A table while it is merged: rows [0, upper) and heap bytes up to `heapEnd` are still to come. */
interface OpenTable {
  view: DataView
  bytes: Uint8Array
  rowsAt: number
  upper: number
  heapEnd: number
}

/** The merge of a slot over the bands so far. */
type Running = Pick<Accumulator, 'clear' | 'finalise'>

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
  /** The fixed slots' running merge: a row. */
  private readonly merged: DataView
  private readonly running: readonly Running[]
  /** Of the variable slots, in their order; they are among `running`. */
  private readonly accumulators: readonly Accumulator[]
  private readonly newest: Running | null
  /** How time-since-last is finalised, which depends on t. */
  private readonly sinceLast = { op: 'timeSinceLast' as const, quantile: 0, atMs: 0 }
  private readonly tables: OpenTable[] = []
  private tableCount = 0
  /** The band's rows, and the tables that they are of. */
  private readonly ranges: RowRange[] = []
  private readonly rangeTables: OpenTable[] = []
  private rangeCount = 0
  private truncatedAtMs = NONE
  /** null: the group has no `exact` window. */
  private readonly instants: ExactInstants | null

  constructor(plan: ViewPlan, group: LadderGroup) {
    this.plan = plan
    this.group = group
    this.rowBytes = group.rowBytes
    this.instants = isExact(group.rungs) ? new ExactInstants(group.rowBytes) : null
    this.merged = new DataView(new ArrayBuffer(group.rowBytes))
    this.accumulators = group.variableSlots.map(({ kernel }) => kernel.newAccumulator())
    const fixed = group.fixedSlots.map((slot) => new RunningRow(slot, this.merged))
    this.running = [...fixed, ...this.accumulators]
    const slots: readonly Slot[] = [...group.fixedSlots, ...group.variableSlots]
    const runningOf = (slot: Slot | null): Running | null => (slot?.group === group.index ? this.running[slots.indexOf(slot)]! : null)
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
    for (const running of this.running) running.clear()
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
      if (this.rangeCount > 0) {
        isFound = true
        for (const { kernel, offset } of this.group.fixedSlots) kernel.accumulate(this.merged, offset, this.ranges, this.rangeCount, offset)
        if (this.accumulators.length > 0) this.mergeHeaps()
      }
      if (isLongest) verdict = isFound ? this.judgeAge() : NOT_FOUND
      const isTruncated = resolutionMs === EXACT_RESOLUTION_MS && (this.truncatedAtMs >= fromMs || this.instants!.areCrowdedFrom(fromMs))
      for (const { index, running, per, as } of finishers) {
        const value = per === null ? running.finalise(as) : ratioOf(running.finalise(as), per.finalise(as))
        values[index] = featureValueOf(value, isTruncated)
      }
    }
    return verdict
  }

  /** Collects the rows, not yet taken, that start at or after `fromMs`. */
  private takeBand(fromMs: number): void {
    const { tables, tableCount, ranges, rangeTables, rowBytes } = this
    let rangeCount = 0
    for (let i = 0; i < tableCount; i++) {
      const table = tables[i]!
      const { view, rowsAt, upper } = table
      if (upper === 0 || view.getFloat64(rowsAt + (upper - 1) * rowBytes, true) < fromMs) continue
      const lower = view.getFloat64(rowsAt, true) >= fromMs ? 0 : firstRowFrom(view, rowsAt, rowBytes, upper, fromMs)
      const range = ranges[rangeCount]!
      range.view = view
      range.at = rowsAt + lower * rowBytes
      range.count = upper - lower
      rangeTables[rangeCount++] = table
      table.upper = lower
    }
    this.rangeCount = rangeCount
  }

  private mergeHeaps(): void {
    const { variableSlots } = this.group
    for (let i = 0; i < this.rangeCount; i++) {
      const { view, at: rowsAt, count, stride } = this.ranges[i]!
      const table = this.rangeTables[i]!
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

  private judgeAge(): FeatureValue | null {
    const { maxAgeMs } = this.plan.view
    if (this.newest === null || maxAgeMs === undefined) return null
    return (this.newest.finalise(this.sinceLast) as number) > maxAgeMs ? OUTSIDE_MAX_AGE : null
  }
}

/** The running merge of a fixed slot: its bytes in a row. */
class RunningRow implements Running {
  private readonly kernel: FixedKernel
  private readonly offset: number
  private readonly row: DataView

  constructor({ kernel, offset }: FixedSlot, row: DataView) {
    this.kernel = kernel
    this.offset = offset
    this.row = row
  }

  clear(): void {
    this.kernel.clear(this.row, this.offset)
  }

  finalise(as: Finalisation): FinalValue | Unavailable {
    return this.kernel.finalise(this.row, this.offset, as)
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
