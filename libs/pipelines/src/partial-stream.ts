// A measure stream read as partials: group by group, beside other streams, holding no more than a batch.
import type { Partial } from '@tidemark/aggregation/partial'
import type { Slot } from '@tidemark/aggregation/view-plan'
import type { Measure, MeasureStream } from '@tidemark/ports/batch-engine'
import { ColumnCursor } from './column-cursor.ts'
import { addMeasureRow, measureOfSlot, PRESENCE, type MeasureColumn, type ReadColumn } from './measure-partials.ts'

/** What was asked of a ladder or a window: a measure for each slot, then one that counts every event. */
export interface MeasuredSlots {
  readonly slots: readonly Slot[]
  readonly measures: readonly Measure[]
}

export function measureSlots(slots: readonly Slot[]): MeasuredSlots {
  return { slots, measures: [...slots.map(measureOfSlot), PRESENCE] }
}

/** Partials by slot, as far as there are any; at the place after the last slot, the number of events. */
export type GroupPartials = (Partial | undefined)[]

export class PartialStream {
  readonly ladder: number
  private readonly cursor: ColumnCursor
  private readonly groupColumn: string
  private readonly measures: readonly { readonly index: number; readonly slot: Slot | null; readonly read: ReadColumn }[]

  /** `groupColumn` ascends over the stream. */
  constructor(stream: MeasureStream, asked: MeasuredSlots, groupColumn: 'entity' | 'row') {
    this.ladder = stream.ladder
    this.groupColumn = groupColumn
    this.cursor = new ColumnCursor(stream.batches)
    this.measures = stream.measures.map((index) => ({
      index,
      slot: asked.slots[index] ?? null,
      read: columnReader(this.cursor, stream.measures.length === 1 ? '' : `m${index}_`),
    }))
  }

  /** Adds all rows of the group to the partials that `partialsAt` finds for each; groups are asked for in ascending order. */
  async addRowsOf(group: number, partialsAt: (cursor: ColumnCursor) => GroupPartials): Promise<void> {
    const { cursor } = this
    for (;;) {
      if (cursor.isBehind && !(await cursor.load())) return
      if (cursor.value(this.groupColumn) !== group) return
      const partials = partialsAt(cursor)
      for (const { index, slot, read } of this.measures) {
        partials[index] = slot === null ? (read('n') ?? 0) : addMeasureRow(slot, partials[index], read)
      }
      cursor.index++
    }
  }

  /** Ends the stream early. */
  close(): Promise<void> {
    return this.cursor.close()
  }
}

function columnReader(cursor: ColumnCursor, prefix: string): ReadColumn {
  const names = new Map<MeasureColumn, string>()
  return (column) => {
    let name = names.get(column)
    if (name === undefined) names.set(column, (name = prefix + column))
    return cursor.value(name)
  }
}
