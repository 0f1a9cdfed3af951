// The flights in the order in which a log gets them: history as it is in the file, and of the rest a seeded share late, as real feeds are. Both the
// system and the oracle read this table; it is the raw file and a time of arrival beside each row.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'

/** Of 100 flights after the cut. */
const LATE_PERCENT = 5
const LATE_MAX_MS = 30 * 60_000

export interface Arrivals {
  readonly historyCount: number
  readonly streamedCount: number
  readonly lateCount: number
  /** Of both; the source's declared bounds refuse them. */
  readonly senselessCount: number
  /** The first whole minute after everything has arrived. */
  readonly endMs: number
}

export interface ArrivalsOptions {
  /** What departs before is history, and in time; as the flights' times are once they are shifted. */
  readonly cutMs: number
  readonly seed: number
  /** Added to every time; default: none. */
  readonly shiftMs?: number
}

/** Makes the table `arrivals` (row, ms, delay, distance, origin, destination, arrival_ms, is_sensible), in the order of arrival; times are epoch ms. */
export async function loadArrivals(session: DuckDbSession, path: string, { cutMs, seed, shiftMs = 0 }: ArrivalsOptions): Promise<Arrivals> {
  const table = arrivalsTable(session)
  const drawn = (salt: number, limit: number): string => `(hash(row, ${seed}, ${salt}) % ${limit})::BIGINT`
  await session.run(`
    CREATE TABLE ${table} AS
    SELECT *, ms + CASE WHEN ms >= ${cutMs} AND ${drawn(1, 100)} < ${LATE_PERCENT} THEN 1 + ${drawn(2, LATE_MAX_MS)} ELSE 0 END AS arrival_ms,
      delay BETWEEN -120 AND 1440 AND distance BETWEEN 1 AND 10000 AS is_sensible
    FROM (
      SELECT file_row_number AS row, epoch_ms("date") + ${shiftMs} AS ms, delay::INTEGER AS delay, distance::INTEGER AS distance, origin, destination
      FROM read_parquet('${path.replaceAll("'", "''")}', file_row_number = true)
    )
    ORDER BY arrival_ms, row`)
  const [counts] = await session.rows(`
    SELECT count(*) FILTER (arrival_ms < ${cutMs})::DOUBLE AS "historyCount", count(*) FILTER (arrival_ms >= ${cutMs})::DOUBLE AS "streamedCount",
      count(*) FILTER (arrival_ms > ms)::DOUBLE AS "lateCount", count(*) FILTER (NOT is_sensible)::DOUBLE AS "senselessCount",
      ((max(arrival_ms) // 60000 + 1) * 60000)::DOUBLE AS "endMs"
    FROM ${table}`)
  return counts as unknown as Arrivals
}

export function arrivalsTable({ schema }: Pick<DuckDbSession, 'schema'>): string {
  return `${schema}.arrivals`
}
