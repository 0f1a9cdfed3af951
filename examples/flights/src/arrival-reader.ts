// Reads the arrivals as the JSON records that a producer would send, in their order.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { arrivalsTable } from './arrivals.ts'

/** Some arrivals, in order. */
export interface ArrivalChunk {
  readonly arrivalsMs: readonly number[]
  /** Of the raw file. */
  readonly rows: readonly number[]
  readonly origins: readonly string[]
  textAt(i: number): string
}

/** All of them, chunk by chunk. */
export async function* readArrivals(session: DuckDbSession): AsyncGenerator<ArrivalChunk> {
  for await (const { chunk } of session.chunks(`SELECT arrival_ms::DOUBLE, row::DOUBLE, origin, ms::DOUBLE, delay, distance, destination FROM ${arrivalsTable(session)}`)) {
    const [arrivalsMs, rows, origins, ms, delays, distances, destinations] = Array.from({ length: 7 }, (_, column) => chunk.getColumnValues(column))
    yield {
      arrivalsMs: arrivalsMs as number[], rows: rows as number[], origins: origins as string[],
      textAt: (i) => `{"date":${ms![i]},"delay":${delays![i]},"distance":${distances![i]},"origin":"${origins![i]}","destination":"${destinations![i]}"}`,
    }
  }
}
