// The rows of a query as batches of columns, streamed: DuckDB makes a vector of some 2,048 rows at a time, so memory stays bounded.
// Numbers that are surely safe integers come out of SQL as doubles, which cost no bigint.
import { DuckDBDoubleVector, type DuckDBDataChunk } from '@duckdb/node-api'
import { canonicalInt64, type Value } from '@tidemark/feature-schema/value'
import type { ColumnBatch } from '@tidemark/ports/batch-engine'
import type { DuckDbSession } from './duckdb-session.ts'

/** Runs `sql` once it is iterated; leaving the loop early, or disposing the session, ends the query. */
export async function* queryBatches(session: DuckDbSession, sql: string): AsyncGenerator<ColumnBatch> {
  for await (const { names, chunk } of session.chunks(sql)) {
    yield { rowCount: chunk.rowCount, columns: Object.fromEntries(names.map((name, i) => [name, columnValues(chunk, i)])) }
  }
}

/** Integers come in their canonical form. */
function columnValues(chunk: DuckDBDataChunk, index: number): ArrayLike<Value> {
  const vector = chunk.getColumnVector(index)
  if (vector instanceof DuckDBDoubleVector) return doubleValues(vector, chunk.rowCount)
  const values: Value[] = []
  for (let i = 0; i < chunk.rowCount; i++) {
    const value = vector.getItem(i) as Value
    values.push(typeof value === 'bigint' ? canonicalInt64(value) : value)
  }
  return values
}

/** Most columns of doubles have no NULL, and fit a typed array. */
function doubleValues(vector: DuckDBDoubleVector, rowCount: number): ArrayLike<Value> {
  const values = new Float64Array(rowCount)
  for (let i = 0; i < rowCount; i++) {
    const value = vector.getItem(i)
    if (value === null) return Array.from({ length: rowCount }, (_, j) => vector.getItem(j))
    values[i] = value
  }
  return values
}
