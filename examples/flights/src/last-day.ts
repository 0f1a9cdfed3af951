// The flights after the cut as records of a log: JSON texts in the file's order.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { LogRecord } from './speed-view.ts'

const DAY_US = 86_400_000_000

/** The records of days after `cut`, a day since 1970. */
export async function readLastDay(session: DuckDbSession, path: string, cut: number): Promise<LogRecord[]> {
  const rows = await session.rows(`
    SELECT file_row_number AS "offset", epoch_ms("date") AS ms, delay, distance, origin, destination
    FROM read_parquet('${path.replaceAll("'", "''")}', file_row_number = true)
    WHERE "date" >= make_timestamp(${(cut + 1) * DAY_US}) ORDER BY file_row_number`)
  return rows.map(({ offset, ms, delay, distance, origin, destination }) => ({
    offset: Number(offset),
    json: JSON.stringify({ date: Number(ms), delay: Number(delay), distance: Number(distance), origin, destination }),
  }))
}
