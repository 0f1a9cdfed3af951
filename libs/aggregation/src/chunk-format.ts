// The bytes of a chunk, format version 1. A batch blob is one chunk; an entity's speed state is three (entity-state.ts).
// All numbers are little-endian; nothing but the header is aligned.
//
//   header      0  u8 0x54 | u8 version | u8 kind (0 batch, 1 open, 2 closed, 3 settled) | u8 0
//               4  u32 checksum of bytes 8 to the directory's end, seeded with the first four
//               8  u32 layout id of the view plan
//              12  u32 bytes of the whole chunk
//              16  u32 number of tables | u32 0
//              24  f64 log time: newest append time that the state contains
//              32  f64 epoch through which sections were dropped (-Infinity: none)
//   directory  40  a 32-byte entry for each table, by (group, epoch, rung):
//              +0  f64 epoch
//              +8  f64 start of the newest `exact` pane that had to move up early (-Infinity: none)
//             +16  u16 ladder group | u16 rung
//             +20  u32 rows | u32 bytes of the heap
//             +28  u32 checksum of the table's rows and heap (seed 0)
//   tables         in the directory's order, each:
//              rows   by start: f64 start (-Infinity: lifetime) | slots at the offsets of the plan: a fixed slot's bytes, or the
//                     u32 length of a variable slot's bytes
//              heap   the variable slots' bytes, row by row, slot by slot
//
// Version 0 had no checksums: its checksum fields are zero. It is read; version 1 is written.
// A table's checksum is its own so that a table that did not change is copied with it, and is not read again.

import { damaged } from './byte-stream.ts'
import type { LadderGroup, ViewPlan } from './view-plan.ts'

export const CHUNK_VERSION = 1
export const MAGIC = 0x54
export const HEADER_BYTES = 40
export const ENTRY_BYTES = 32

export const BATCH_CHUNK = 0
export const OPEN_CHUNK = 1
export const CLOSED_CHUNK = 2
export const SETTLED_CHUNK = 3
export type ChunkKind = typeof BATCH_CHUNK | typeof OPEN_CHUNK | typeof CLOSED_CHUNK | typeof SETTLED_CHUNK

/** No epoch was dropped; no pane was moved early. */
export const NONE = -Infinity

export const AT_VERSION = 1
export const AT_KIND = 2
export const AT_CHECKSUM = 4
export const AT_LAYOUT = 8
export const AT_BYTES = 12
export const AT_TABLES = 16
export const AT_LOG_TIME = 24
export const AT_DROPPED = 32

export const ENTRY_EPOCH = 0
export const ENTRY_TRUNCATED = 8
export const ENTRY_GROUP = 16
export const ENTRY_RUNG = 18
export const ENTRY_ROWS = 20
export const ENTRY_HEAP = 24
export const ENTRY_CHECKSUM = 28

/** Where the entry of a table is. */
export function entryAt(index: number): number {
  return HEADER_BYTES + index * ENTRY_BYTES
}

/** A table of a chunk: its directory entry and where its bytes are. Fields are mutable so that hot paths can reuse one. */
export interface TableRef {
  view: DataView
  bytes: Uint8Array
  epoch: number
  truncatedAtMs: number
  group: number
  rung: number
  rowCount: number
  rowBytes: number
  rowsAt: number
  heapAt: number
  heapBytes: number
  checksum: number
}

/** The tables of a chunk that `verifyChunk` has passed. */
export function tablesOf(plan: ViewPlan, bytes: Uint8Array): TableRef[] {
  const view = viewOf(bytes)
  const tableCount = view.getUint32(AT_TABLES, true)
  let at = entryAt(tableCount)
  return Array.from({ length: tableCount }, (_, index) => {
    const table = tableAt(plan, view, bytes, index, at)
    at = table.heapAt + table.heapBytes
    return table
  })
}

/** The table of a directory entry, whose rows are at `rowsAt`. */
export function tableAt(plan: ViewPlan, view: DataView, bytes: Uint8Array, index: number, rowsAt: number): TableRef {
  const entry = entryAt(index)
  const group = view.getUint16(entry + ENTRY_GROUP, true)
  const rowCount = view.getUint32(entry + ENTRY_ROWS, true)
  const { rowBytes } = plan.groups[group]!
  return {
    view, bytes, group, rowCount, rowBytes, rowsAt,
    heapAt: rowsAt + rowCount * rowBytes,
    heapBytes: view.getUint32(entry + ENTRY_HEAP, true),
    epoch: view.getFloat64(entry + ENTRY_EPOCH, true),
    truncatedAtMs: view.getFloat64(entry + ENTRY_TRUNCATED, true),
    rung: view.getUint16(entry + ENTRY_RUNG, true),
    checksum: view.getUint32(entry + ENTRY_CHECKSUM, true),
  }
}

/** Bytes of the rows and the heap of a directory entry's table. */
export function tableBytes(plan: ViewPlan, view: DataView, entry: number): number {
  const { rowBytes } = plan.groups[view.getUint16(entry + ENTRY_GROUP, true)]!
  return view.getUint32(entry + ENTRY_ROWS, true) * rowBytes + view.getUint32(entry + ENTRY_HEAP, true)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function writeHeader(view: DataView, plan: ViewPlan, kind: ChunkKind, logTimeMs: number, droppedThroughEpoch: number): void {
  view.setUint32(0, MAGIC | (CHUNK_VERSION << 8) | (kind << 16), true)
  view.setUint32(AT_CHECKSUM, 0, true)
  view.setUint32(AT_LAYOUT, plan.layoutId, true)
  view.setUint32(AT_BYTES, HEADER_BYTES, true)
  view.setUint32(AT_TABLES, 0, true)
  view.setUint32(AT_TABLES + 4, 0, true)
  view.setFloat64(AT_LOG_TIME, logTimeMs, true)
  view.setFloat64(AT_DROPPED, droppedThroughEpoch, true)
}

/** The error for a chunk that is not what was written. */
export function damagedChunk(message: string): Error {
  return damaged('chunk', message)
}

/** Sum of the lengths of a row's variable slots: its part of the heap. */
export function rowHeapBytes(view: DataView, rowAt: number, { variableSlots }: LadderGroup): number {
  let sum = 0
  for (const { offset } of variableSlots) sum += view.getUint32(rowAt + offset, true)
  return sum
}
