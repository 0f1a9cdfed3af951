// The flights as a log has them, for the oracle: each at its partition and offset with the time at which the log took it. From these alone follows,
// in SQL, which of them an answer contains that says its cut and its fences.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { arrivalsTable } from '../arrivals.ts'
import type { RecordedAnswer } from '../questions.ts'
import type { OracleFlights } from './oracle-sql.ts'

/** Where each flight is in the log: integers (partition, offset, append_ms, row), with row as in the arrivals. */
export const LOGGED_TABLE = 'logged'
const FLIGHTS_TABLE = 'logged_flights'

/**
 * Makes the table of what counts of the log, of `LOGGED_TABLE` and the arrivals. An epoch is the running maximum over its partition, of refused records
 * too; a flight that departs after the log took it happens when it was taken.
 */
export async function loadLoggedFlights({ schema, ...session }: DuckDbSession, epochLengthMs: number): Promise<void> {
  await session.run(`
    CREATE TABLE ${schema}.${FLIGHTS_TABLE} AS
    SELECT least(a.ms, l.append_ms) AS ms, a.delay, a.distance, a.origin, a.destination, l."partition", l."offset", l.epoch
    FROM (SELECT *, max(append_ms // ${epochLengthMs}) OVER (PARTITION BY "partition" ORDER BY "offset") AS epoch FROM ${schema}.${LOGGED_TABLE}) l
    JOIN ${arrivalsTable({ schema })} a ON a.row = l.row
    WHERE a.is_sensible`)
}

/** The flights that an answer contains which was explained: of the epochs through its cut, and those before the fences of its partitions. */
export function flightsAtPosition({ schema }: Pick<DuckDbSession, 'schema'>, partitionCount: number): OracleFlights<RecordedAnswer> {
  const fences = Array.from({ length: partitionCount }, (_, partition) => ({
    column: `fence_${partition}`, type: 'int64' as const,
    of: ({ fences }: RecordedAnswer) => fences.find((fence) => fence.partition === partition)?.nextOffset ?? 0,
  }))
  return {
    relation: `${schema}.${FLIGHTS_TABLE}`,
    facts: [{ column: 'cut', type: 'int64', of: ({ cut }) => cut }, ...fences],
    counts: `(e.epoch <= q.cut OR e."offset" < CASE e."partition" ${fences.map(({ column }, partition) => `WHEN ${partition} THEN q.${column}`).join(' ')} END)`,
  }
}

/** All that the log has: what an answer contains once everything has come to rest. */
export function flightsInLog({ schema }: Pick<DuckDbSession, 'schema'>): OracleFlights {
  return { relation: `${schema}.${FLIGHTS_TABLE}`, facts: [], counts: 'true' }
}
