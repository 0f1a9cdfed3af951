// The one place that opens DuckDB: an in-memory database and one connection, closed together at the end of the scope.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'

export interface DuckDbSession extends Disposable {
  connection: DuckDBConnection
}

export interface DuckDbLimits {
  threadCount: number
  memoryMaxMiB: number
}

/** Opens an empty in-memory database that keeps to `limits`. */
export async function openDuckDb(limits: DuckDbLimits): Promise<DuckDbSession> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(limits.threadCount),
    memory_limit: `${limits.memoryMaxMiB}MiB`,
  })
  const connection = await instance.connect()
  return {
    connection,
    [Symbol.dispose]() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
