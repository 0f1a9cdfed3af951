// Assembles a chunk from tables, which are given in the directory's order.

import {
  AT_BYTES, AT_TABLES, ENTRY_BYTES, ENTRY_CHECKSUM, ENTRY_EPOCH, ENTRY_GROUP, ENTRY_HEAP, ENTRY_ROWS, ENTRY_RUNG, ENTRY_TRUNCATED, entryAt, writeHeader,
  type ChunkKind, type TableRef,
} from './chunk-format.ts'
import { GrowableBytes } from './growable-bytes.ts'
import type { TableBuilder } from './table-builder.ts'
import type { ViewPlan } from './view-plan.ts'

/** What names a table, and the newest pane that had to leave it early. */
export type TableName = Pick<TableRef, 'group' | 'rung' | 'epoch' | 'truncatedAtMs'>

export class ChunkWriter {
  private readonly plan: ViewPlan
  private readonly entries = new GrowableBytes()
  private readonly data = new GrowableBytes()

  constructor(plan: ViewPlan) {
    this.plan = plan
  }

  /** Starts again. */
  clear(): void {
    this.entries.clear()
    this.data.clear()
  }

  /** Adds what was built, to be sealed. */
  addBuilt(name: TableName, { rows, heap, rowCount }: TableBuilder): void {
    this.addEntry(name, rowCount, heap.length, 0)
    this.data.append(rows.bytes, 0, rows.length)
    this.data.append(heap.bytes, 0, heap.length)
  }

  /** Adds a table as it is, with its checksum. */
  copyTable(table: TableRef): void {
    this.addEntry(table, table.rowCount, table.heapBytes, table.checksum)
    this.data.append(table.bytes, table.rowsAt, table.heapAt + table.heapBytes)
  }

  /** The chunk in a buffer of its own, not yet sealed. Starts again. */
  finish(kind: ChunkKind, logTimeMs: number, droppedThroughEpoch: number): DataView<ArrayBuffer> {
    const tableCount = this.entries.length / ENTRY_BYTES
    const dataAt = entryAt(tableCount)
    const bytes = new Uint8Array(dataAt + this.data.length)
    const view = new DataView(bytes.buffer)
    writeHeader(view, this.plan, kind, logTimeMs, droppedThroughEpoch)
    view.setUint32(AT_TABLES, tableCount, true)
    view.setUint32(AT_BYTES, bytes.length, true)
    bytes.set(this.entries.bytes.subarray(0, this.entries.length), entryAt(0))
    bytes.set(this.data.bytes.subarray(0, this.data.length), dataAt)
    this.clear()
    return view
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
