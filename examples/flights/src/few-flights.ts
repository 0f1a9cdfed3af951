// A small part of the flights as a file of the same form, for suites: one of so many, and all the senseless ones.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { flightsFilePath } from './flights-file.ts'

/** Writes it; one of `oneOf` flights, spread over the whole time. */
export async function writeFewFlights(session: DuckDbSession, path: string, oneOf: number): Promise<void> {
  await session.run(`
    COPY (SELECT "date", delay, distance, origin, destination FROM read_parquet('${flightsFilePath()}', file_row_number = true)
      WHERE file_row_number % ${oneOf} = 7 OR NOT (delay BETWEEN -120 AND 1440 AND distance BETWEEN 1 AND 10000)) TO '${path}' (FORMAT parquet)`)
}
