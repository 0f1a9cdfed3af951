// Folds one event into a chunk's table, in place: the row is looked for from the end, where events mostly belong, and rows,
// heap bytes and tables are inserted where they are missing. What changed gets its checksum when the chunk is sealed.

import {
  AT_TABLES, ENTRY_BYTES, ENTRY_CHECKSUM, ENTRY_EPOCH, ENTRY_GROUP, ENTRY_HEAP, ENTRY_ROWS, ENTRY_RUNG, ENTRY_TRUNCATED, entryAt, NONE,
} from './chunk-format.ts'
import type { GrowableBytes } from './growable-bytes.ts'
import type { EventOrder, NonNull } from './partial.ts'
import type { LadderGroup, Slot, ViewPlan } from './view-plan.ts'

/** Where `findTable` stopped: at the table, or where it belongs. */
const found = { index: 0, dataAt: 0, isThere: false }

/** Whether the event whose input values are in the plan counts for a slot. */
export function counts(plan: ViewPlan, { whereInput, ofInput, groupInput }: Slot): boolean {
  const values = plan.inputValues
  return (whereInput < 0 || values[whereInput] === true) && (ofInput < 0 || values[ofInput] !== null) && (groupInput < 0 || values[groupInput] !== null)
}

/** Folds the event whose input values are in the plan into the pane of `rung` that starts at `startMs`. Returns the table's row count. */
export function foldIntoTable(plan: ViewPlan, chunk: GrowableBytes, group: LadderGroup, epoch: number, rung: number, startMs: number, order: EventOrder): number {
  findTable(plan, chunk.view, group.index, epoch, rung)
  if (!found.isThere) insertTable(chunk, group.index, epoch, rung)
  const entry = entryAt(found.index)
  const rowsAt = found.dataAt
  let rowCount = chunk.view.getUint32(entry + ENTRY_ROWS, true)
  let row = rowCount - 1
  while (row >= 0 && chunk.view.getFloat64(rowsAt + row * group.rowBytes, true) > startMs) row--
  if (row < 0 || chunk.view.getFloat64(rowsAt + row * group.rowBytes, true) !== startMs) {
    row++
    insertRow(chunk, group, rowsAt + row * group.rowBytes, startMs)
    rowCount++
    chunk.view.setUint32(entry + ENTRY_ROWS, rowCount, true)
  }
  chunk.view.setUint32(entry + ENTRY_CHECKSUM, 0, true)
  const rowAt = rowsAt + row * group.rowBytes
  const values = plan.inputValues
  for (const slot of group.fixedSlots) {
    if (counts(plan, slot)) slot.kernel.fold(chunk.view, rowAt + slot.offset, slot.ofInput < 0 ? true : values[slot.ofInput]!, order)
  }
  if (group.variableSlots.length > 0) foldVariable(plan, chunk, group, entry, rowsAt, row, rowCount, order)
  return rowCount
}

function foldVariable(
  plan: ViewPlan, chunk: GrowableBytes, group: LadderGroup, entry: number, rowsAt: number, row: number, rowCount: number, order: EventOrder,
): void {
  const { rowBytes, variableSlots } = group
  const values = plan.inputValues
  const rowAt = rowsAt + row * rowBytes
  const heapBytes = chunk.view.getUint32(entry + ENTRY_HEAP, true)
  let at = rowsAt + rowCount * rowBytes + heapBytes
  for (let later = rowCount - 1; later >= row; later--) {
    for (const { offset } of variableSlots) at -= chunk.view.getUint32(rowsAt + later * rowBytes + offset, true)
  }
  let grownBytes = 0
  for (const slot of variableSlots) {
    const length = chunk.view.getUint32(rowAt + slot.offset, true)
    let newLength = length
    if (counts(plan, slot)) {
      const value: NonNull = slot.ofInput < 0 ? true : values[slot.ofInput]!
      newLength = slot.kernel.foldBytes(chunk, at, length, value, order, slot.groupInput < 0 ? null : values[slot.groupInput]!)
      chunk.view.setUint32(rowAt + slot.offset, newLength, true)
      grownBytes += newLength - length
    }
    at += newLength
  }
  chunk.view.setUint32(entry + ENTRY_HEAP, heapBytes + grownBytes, true)
}

/** The start of the newest pane that had to leave a section's finest rung early; -Infinity: none. */
export function truncatedAtMs(plan: ViewPlan, view: DataView, group: number, epoch: number): number {
  findTable(plan, view, group, epoch, 0)
  return found.isThere ? view.getFloat64(entryAt(found.index) + ENTRY_TRUNCATED, true) : NONE
}

/** How many rows a table has; 0 where there is none. */
export function rowCountOf(plan: ViewPlan, view: DataView, group: number, epoch: number, rung: number): number {
  findTable(plan, view, group, epoch, rung)
  return found.isThere ? view.getUint32(entryAt(found.index) + ENTRY_ROWS, true) : 0
}

function findTable(plan: ViewPlan, view: DataView, group: number, epoch: number, rung: number): void {
  const tableCount = view.getUint32(AT_TABLES, true)
  let dataAt = entryAt(tableCount)
  let index = 0
  let order = 1
  for (; index < tableCount; index++) {
    const entry = entryAt(index)
    const tableGroup = view.getUint16(entry + ENTRY_GROUP, true)
    order = tableGroup - group || view.getFloat64(entry + ENTRY_EPOCH, true) - epoch || view.getUint16(entry + ENTRY_RUNG, true) - rung
    if (order >= 0) break
    dataAt += view.getUint32(entry + ENTRY_ROWS, true) * plan.groups[tableGroup]!.rowBytes + view.getUint32(entry + ENTRY_HEAP, true)
  }
  found.index = index
  found.dataAt = dataAt
  found.isThere = index < tableCount && order === 0
}

function insertTable(chunk: GrowableBytes, group: number, epoch: number, rung: number): void {
  const entry = entryAt(found.index)
  chunk.splice(entry, 0, ENTRY_BYTES)
  const { view } = chunk
  view.setUint32(AT_TABLES, view.getUint32(AT_TABLES, true) + 1, true)
  view.setFloat64(entry + ENTRY_EPOCH, epoch, true)
  view.setFloat64(entry + ENTRY_TRUNCATED, NONE, true)
  view.setUint16(entry + ENTRY_GROUP, group, true)
  view.setUint16(entry + ENTRY_RUNG, rung, true)
  view.setUint32(entry + ENTRY_ROWS, 0, true)
  view.setUint32(entry + ENTRY_HEAP, 0, true)
  found.dataAt += ENTRY_BYTES
}

function insertRow(chunk: GrowableBytes, { rowBytes, fixedSlots }: LadderGroup, at: number, startMs: number): void {
  chunk.splice(at, 0, rowBytes)
  chunk.bytes.fill(0, at, at + rowBytes)
  chunk.view.setFloat64(at, startMs, true)
  for (const { kernel, offset } of fixedSlots) kernel.clear(chunk.view, at + offset)
}
