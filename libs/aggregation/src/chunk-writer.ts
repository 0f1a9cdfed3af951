// Assembles a chunk from tables, which are given in the directory's order. Their bytes are copied once, when all of
// them are known, and must not change before.

import {
  AT_BYTES, AT_TABLES, ENTRY_BYTES, ENTRY_CHECKSUM, ENTRY_EPOCH, ENTRY_GROUP, ENTRY_HEAP, ENTRY_ROWS, ENTRY_RUNG, ENTRY_TRUNCATED, entryAt, NONE, viewOf, writeHeader,
  type ChunkKind, type TableRef,
} from './chunk-format.ts'
import { GrowableBytes } from './growable-bytes.ts'
import type { RowCursor } from './row-cursor.ts'
import type { ViewPlan } from './view-plan.ts'

/** What names a table, and the newest pane that had to leave it early. */
export type TableName = Pick<TableRef, 'group' | 'rung' | 'epoch' | 'truncatedAtMs'>

export class ChunkWriter {
  private readonly plan: ViewPlan
  private readonly entries = GrowableBytes.empty()
  /** What follows the directory, in order: stretches of other buffers. */
  private readonly pieces: { readonly bytes: Uint8Array; readonly from: number; readonly to: number }[] = []
  private dataBytes = 0

  constructor(plan: ViewPlan) {
    this.plan = plan
  }

  /** Adds a table of the rows that are left in each of these, one after the other, unless there are none. */
  addRows(name: TableName, parts: readonly RowCursor[]): void {
    const spans = parts.filter(({ isAtEnd }) => !isAtEnd).map((part) => part.takeRest())
    const rowCount = spans.reduce((sum, { count }) => sum + count, 0)
    if (rowCount === 0 && name.truncatedAtMs === NONE) return
    this.addEntry(name, rowCount, spans.reduce((sum, { heapFrom, heapTo }) => sum + heapTo - heapFrom, 0), 0)
    for (const { bytes, rowsFrom, rowsTo } of spans) this.addPiece(bytes, rowsFrom, rowsTo)
    for (const { bytes, heapFrom, heapTo } of spans) this.addPiece(bytes, heapFrom, heapTo)
  }

  /** Adds a table as it is, with its checksum; in another epoch where one is given. */
  copyTable(table: TableRef, epoch = table.epoch): void {
    this.addEntry({ ...table, epoch }, table.rowCount, table.heapBytes, table.checksum)
    this.addPiece(table.bytes, table.rowsAt, table.heapAt + table.heapBytes)
  }

  /** Adds the tables of directory entries [first, end) of a chunk, whose bytes are [from, to), as they are, with their checksums. */
  copyTables(bytes: Uint8Array, first: number, end: number, from: number, to: number): void {
    this.entries.append(bytes, entryAt(first), entryAt(end))
    this.addPiece(bytes, from, to)
  }

  /** The chunk in a buffer of its own, not yet sealed. Starts again. */
  finish(kind: ChunkKind, logTimeMs: number, droppedThroughEpoch: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(this.length)
    this.write(bytes, viewOf(bytes), kind, logTimeMs, droppedThroughEpoch)
    return bytes
  }

  /** The same in place of what `target` had; none of the tables may be of its bytes. */
  finishInto(target: GrowableBytes, kind: ChunkKind, logTimeMs: number, droppedThroughEpoch: number): void {
    target.clear()
    target.extend(this.length)
    this.write(target.bytes, target.view, kind, logTimeMs, droppedThroughEpoch)
  }

  private get length(): number {
    return entryAt(this.entries.length / ENTRY_BYTES) + this.dataBytes
  }

  private write(bytes: Uint8Array, view: DataView, kind: ChunkKind, logTimeMs: number, droppedThroughEpoch: number): void {
    const tableCount = this.entries.length / ENTRY_BYTES
    let at = entryAt(tableCount)
    writeHeader(view, this.plan, kind, logTimeMs, droppedThroughEpoch)
    view.setUint32(AT_TABLES, tableCount, true)
    view.setUint32(AT_BYTES, this.length, true)
    bytes.set(this.entries.bytes.subarray(0, this.entries.length), entryAt(0))
    for (const { bytes: source, from, to } of this.pieces) {
      bytes.set(source.subarray(from, to), at)
      at += to - from
    }
    this.clear()
  }

  clear(): void {
    this.entries.clear()
    this.pieces.length = 0
    this.dataBytes = 0
  }

  private addPiece(bytes: Uint8Array, from: number, to: number): void {
    this.pieces.push({ bytes, from, to })
    this.dataBytes += to - from
  }

  private addEntry({ group, rung, epoch, truncatedAtMs }: TableName, rowCount: number, heapBytes: number, checksum: number): void {
    const at = this.entries.extend(ENTRY_BYTES)
    const { view } = this.entries
    view.setFloat64(at + ENTRY_EPOCH, epoch, true)
    view.setFloat64(at + ENTRY_TRUNCATED, truncatedAtMs, true)
    view.setUint16(at + ENTRY_GROUP, group, true)
    view.setUint16(at + ENTRY_RUNG, rung, true)
    view.setUint32(at + ENTRY_ROWS, rowCount, true)
    view.setUint32(at + ENTRY_HEAP, heapBytes, true)
    view.setUint32(at + ENTRY_CHECKSUM, checksum, true)
  }
}
