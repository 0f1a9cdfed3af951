// Reads batches of columns row by row, so that several streams can be read side by side without being held.
import type { ColumnBatch } from '@tidemark/ports/batch-engine'
import type { Value } from '@tidemark/feature-schema/value'

/** Stands on a row of a stream. Within a batch it moves without waiting: `isBehind` says when `load` has to be awaited. */
export class ColumnCursor {
  columns: ColumnBatch['columns'] = {}
  /** The row within the batch. */
  index = 0
  private rowCount = 0
  private readonly batches: AsyncIterator<ColumnBatch>

  constructor(batches: AsyncIterable<ColumnBatch>) {
    this.batches = batches[Symbol.asyncIterator]()
  }

  /** Whether the batch at hand is read to its end. */
  get isBehind(): boolean {
    return this.index >= this.rowCount
  }

  /** Goes to the first row of the next batch; false at the end of the stream. Only for a cursor that is behind. */
  async load(): Promise<boolean> {
    for (;;) {
      const next = await this.batches.next()
      if (next.done === true) return false
      if (next.value.rowCount === 0) continue
      this.columns = next.value.columns
      this.rowCount = next.value.rowCount
      this.index = 0
      return true
    }
  }

  /** The value of a column that every batch has. */
  value(column: string): Value {
    return this.columns[column]![this.index]!
  }

  /** Ends the stream early, so that whoever makes it can let go. */
  async close(): Promise<void> {
    await this.batches.return?.()
  }
}
