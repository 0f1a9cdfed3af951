// Values from JavaScript into a table, in order.
import { BIGINT, BOOLEAN, DOUBLE, DuckDBDataChunk, VARCHAR, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'
import type { Value, ValueType } from '@tidemark/feature-schema/value'
import type { DuckDbSession } from './duckdb-session.ts'

/** DuckDB takes at most so many rows a chunk. */
const CHUNK_ROWS = 2048

const DUCKDB_TYPES: Readonly<Record<ValueType, DuckDBType>> = {
  boolean: BOOLEAN, int32: BIGINT, int64: BIGINT, double: DOUBLE, string: VARCHAR, timestamp: BIGINT,
}

/** A table's appender, for columns of the SQL types of expressions. */
export async function openAppender(session: DuckDbSession, table: string, types: readonly ValueType[]): Promise<ColumnAppender> {
  const appender = await session.connection.createAppender(table, session.schema)
  const duckDbTypes = types.map((type) => DUCKDB_TYPES[type])
  return {
    append(columns, rowCount) {
      for (let from = 0; from < rowCount; from += CHUNK_ROWS) {
        const count = Math.min(CHUNK_ROWS, rowCount - from)
        const chunk = DuckDBDataChunk.create(duckDbTypes, count)
        for (const [i, column] of columns.entries()) {
          chunk.setColumnValues(i, Array.from({ length: count }, (_, j) => duckDbValue(column[from + j]!, duckDbTypes[i]!)))
        }
        appender.appendDataChunk(chunk)
      }
    },
    [Symbol.dispose]: () => appender.closeSync(),
  }
}

export interface ColumnAppender extends Disposable {
  append(columns: readonly ArrayLike<Value>[], rowCount: number): void
}

/** Appends rows whole. */
export async function appendRows(session: DuckDbSession, table: string, types: readonly ValueType[], rows: readonly (readonly Value[])[]): Promise<void> {
  using appender = await openAppender(session, table, types)
  appender.append(types.map((_, i) => rows.map((row) => row[i]!)), rows.length)
}

function duckDbValue(value: Value, type: DuckDBType): DuckDBValue {
  return type === BIGINT && typeof value === 'number' ? BigInt(value) : value
}
