// Walks a chunk section by section: the tables of one ladder group and epoch lie together, in the directory and in the data. Where epochs
// pile up between two generations a chunk has hundreds of them, of which a reshape changes a few; so nothing is made of the others.

import {
  AT_TABLES, ENTRY_EPOCH, ENTRY_GROUP, ENTRY_ROWS, ENTRY_RUNG, ENTRY_TRUNCATED, entryAt, tableAt, tableBytes, viewOf, type TableRef,
} from './chunk-format.ts'
import type { ChunkWriter } from './chunk-writer.ts'
import { tableStays, type StoredTable } from './roll-up.ts'
import type { ViewPlan } from './view-plan.ts'

const NO_BYTES = new Uint8Array(0)

export class SectionCursor {
  /** Of the section at hand; Infinity after the last one. */
  group = Infinity
  epoch = Infinity
  private readonly plan: ViewPlan
  private bytes: Uint8Array = NO_BYTES
  private view = viewOf(NO_BYTES)
  /** The one that is looked at. */
  private readonly table: StoredTable = { view: this.view, rung: 0, rowsAt: 0, rowCount: 0, truncatedAtMs: 0 }
  private logTimeMs = 0
  private tableCount = 0
  /** The section's tables are [first, end), and their bytes [from, to). */
  private first = 0
  private end = 0
  private from = 0
  private to = 0
  /** Where what was kept begins: tables [keptFirst, first), bytes [keptFrom, from). */
  private keptFirst = 0
  private keptFrom = 0
  /** Whether all of them stay as they are at the log time, unless something is added to them. */
  private stays = true

  constructor(plan: ViewPlan) {
    this.plan = plan
  }

  /** Begins at the first section of a chunk; null: there is none. */
  start(bytes: Uint8Array | null, logTimeMs: number): void {
    this.bytes = bytes ?? NO_BYTES
    this.view = this.table.view = viewOf(this.bytes)
    this.logTimeMs = logTimeMs
    this.tableCount = bytes === null ? 0 : this.view.getUint32(AT_TABLES, true)
    this.end = 0
    this.to = entryAt(this.tableCount)
    this.leaveOut()
  }

  /** Goes on to the next section, with this one kept. */
  private next(): void {
    const { view, tableCount, plan, table, logTimeMs } = this
    this.first = this.end
    this.from = this.to
    this.stays = true
    const isThere = this.first < tableCount
    this.group = isThere ? view.getUint16(entryAt(this.first) + ENTRY_GROUP, true) : Infinity
    this.epoch = isThere ? view.getFloat64(entryAt(this.first) + ENTRY_EPOCH, true) : Infinity
    for (let index = this.first; index < tableCount; index++) {
      const entry = entryAt(index)
      if (view.getUint16(entry + ENTRY_GROUP, true) !== this.group || view.getFloat64(entry + ENTRY_EPOCH, true) !== this.epoch) return
      table.rung = view.getUint16(entry + ENTRY_RUNG, true)
      table.rowsAt = this.to
      table.rowCount = view.getUint32(entry + ENTRY_ROWS, true)
      table.truncatedAtMs = view.getFloat64(entry + ENTRY_TRUNCATED, true)
      this.stays &&= tableStays(plan.groups[this.group]!, table, logTimeMs)
      this.to += tableBytes(plan, view, entry)
      this.end = index + 1
    }
  }

  isAt(group: number, epoch: number): boolean {
    return this.group === group && this.epoch === epoch
  }

  /** Whether the chunk has no such section, or one whose tables all stay as they are, unless something is added to them. */
  staysAt(group: number, epoch: number): boolean {
    return !this.isAt(group, epoch) || this.stays
  }

  isBefore({ group, epoch }: SectionCursor): boolean {
    return this.group < group || (this.group === group && this.epoch < epoch)
  }

  /** Adds what was kept to a chunk, after which the section's own tables may be added. Gives those that it has; goes on to the next one. */
  take(group: number, epoch: number, writer: ChunkWriter): TableRef[] {
    this.addKept(writer)
    if (!this.isAt(group, epoch)) return []
    const tables: TableRef[] = []
    for (let index = this.first, at = this.from; index < this.end; index++) {
      const table = tableAt(this.plan, this.view, this.bytes, index, at)
      at = table.heapAt + table.heapBytes
      tables.push(table)
    }
    this.leaveOut()
    return tables
  }

  /** Keeps the section as it is, if it is at hand, until `addKept`; goes on to the next one. */
  keep(group: number, epoch: number): void {
    if (this.isAt(group, epoch)) this.next()
  }

  /** Adds the sections that were kept since something was left out or taken, in one stretch. */
  addKept(writer: ChunkWriter): void {
    if (this.keptFirst < this.first) writer.copyTables(this.bytes, this.keptFirst, this.first, this.keptFrom, this.from)
    this.keptFirst = this.first
    this.keptFrom = this.from
  }

  /** Goes on to the next section without this one. */
  leaveOut(): void {
    this.next()
    this.keptFirst = this.first
    this.keptFrom = this.from
  }
}
