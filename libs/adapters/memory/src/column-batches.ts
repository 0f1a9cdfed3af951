// Rows as the batches of columns that an engine's streams carry.
import type { ColumnBatch } from '@tidemark/ports/batch-engine'
import type { Value } from '@tidemark/feature-schema/value'

export type PlainRow = Readonly<Record<string, Value>>

/** Cuts rows into batches of at most `batchRowCount`; a column that a row lacks is NULL there. */
export async function* columnBatches(
  names: readonly string[],
  rows: readonly PlainRow[],
  batchRowCount: number,
): AsyncGenerator<ColumnBatch> {
  for (let from = 0; from < rows.length; from += batchRowCount) {
    const part = rows.slice(from, from + batchRowCount)
    const columns = Object.fromEntries(names.map((name) => [name, part.map((row) => row[name] ?? null)]))
    yield await Promise.resolve({ rowCount: part.length, columns })
  }
}
