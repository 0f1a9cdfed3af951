// Panes as plain data, and the rows of a table as such.

import { damagedChunk, type TableRef } from './chunk-format.ts'
import type { Partial } from './partial.ts'
import type { ViewPlan } from './view-plan.ts'

/** The partials of one entity for one interval of event time, in one epoch's section. */
export interface Pane {
  readonly epoch: number
  readonly group: number
  readonly rung: number
  /** -Infinity for lifetime. */
  readonly startMs: number
  /** One for each slot of the ladder group, in its order. */
  readonly partials: readonly Partial[]
}

/** The newest pane start of `exact` tables that had to move up early; absent: none. */
export interface Truncation {
  readonly epoch: number
  readonly group: number
  readonly startMs: number
}

/** Throws BLOB_DAMAGED where lengths or partials are none that a writer makes. */
export function panesOf(plan: ViewPlan, { view, bytes, epoch, group, rung, rowCount, rowBytes, rowsAt, heapAt, heapBytes }: TableRef): Pane[] {
  const heapEnd = heapAt + heapBytes
  let at = heapAt
  const panes = Array.from({ length: rowCount }, (_, row) => {
    const rowAt = rowsAt + row * rowBytes
    const partials = plan.groups[group]!.slots.map(({ isFixed, kernel, offset }): Partial => {
      if (isFixed) return kernel.toPartial(view, rowAt + offset)
      const from = at
      at += view.getUint32(rowAt + offset, true)
      if (at > heapEnd) throw damagedChunk(`Row ${row} of group ${group}, rung ${rung} reaches ${at - heapEnd} bytes past its heap.`)
      return kernel.decode(bytes.subarray(from, at))
    })
    return { epoch, group, rung, startMs: view.getFloat64(rowAt, true), partials }
  })
  if (at !== heapEnd) throw damagedChunk(`The heap of group ${group}, rung ${rung} has ${heapEnd - at} bytes too many.`)
  return panes
}
