// The rows of a query as batches of columns, streamed: DuckDB makes a vector of some 2,048 rows at a time, so memory stays bounded.
// A column of doubles without NULL is passed on as DuckDB laid it out.
import { DuckDBDoubleVector, type DuckDBConnection, type DuckDBDataChunk } from '@duckdb/node-api'
import { canonicalInt64, type Value } from '@tidemark/feature-schema/value'
import type { ColumnBatch } from '@tidemark/ports/batch-engine'
import { rethrowCoded, type DuckDbSession } from './duckdb-session.ts'

/** Runs `sql` on a connection of its own once it is iterated; leaving the loop early, or disposing the session, ends the query. */
export async function* queryBatches(session: DuckDbSession, sql: string): AsyncGenerator<ColumnBatch> {
  const connection = await session.connect()
  try {
    yield* streamBatches(connection, sql)
  } finally {
    session.release(connection)
  }
}

async function* streamBatches(connection: DuckDBConnection, sql: string): AsyncGenerator<ColumnBatch> {
  const result = await connection.stream(sql).catch(rethrowCoded)
  const names = result.columnNames()
  for (;;) {
    const chunk = await result.fetchChunk().catch(rethrowCoded)
    if (chunk === null || chunk.rowCount === 0) return
    yield { rowCount: chunk.rowCount, columns: Object.fromEntries(names.map((name, i) => [name, columnValues(chunk, i)])) }
  }
}

function columnValues(chunk: DuckDBDataChunk, index: number): ArrayLike<Value> {
  const vector = chunk.getColumnVector(index)
  const values = Array.from({ length: chunk.rowCount }, (_, i) => vector.getItem(i) as Value)
  return vector instanceof DuckDBDoubleVector || !values.some((value) => typeof value === 'bigint')
    ? values
    : values.map((value) => (typeof value === 'bigint' ? canonicalInt64(value) : value))
}
