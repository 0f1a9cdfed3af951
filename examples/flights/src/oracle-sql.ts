// The demo's oracle: brute force over the raw file. For each question (an entity and a time) one join with every flight of that
// entity before that time, and one aggregate for each feature. It knows no panes, no partials and no definition: what each feature
// means is written down a second time, in SQL.
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { PlannedFeature } from '@tidemark/aggregation/view-plan'

/** An aggregate over the flights `e` that satisfy a condition. */
type AggregateSql = (condition: string) => string

const averageOf = (value: string): AggregateSql => (condition) => `avg(${value}) FILTER (${condition})`

/** The value of rank floor(q × (n - 1)), counted from 0: what an estimate of the quantile is held against. */
const rankedDelay = (q: number): AggregateSql => (condition) =>
  `list_sort(list(e.delay) FILTER (${condition}))[floor(${q} * (count(*) FILTER (${condition}) - 1))::INT + 1]`

const worstDelays: AggregateSql = (condition) => `list_reverse_sort(list(e.delay) FILTER (${condition}))[1:3]`

const airportFeatures: Readonly<Record<string, AggregateSql>> = {
  departures: (condition) => `count(*) FILTER (${condition})`,
  late_share: averageOf('CASE WHEN e.delay > 15 THEN 1 ELSE 0 END'),
  delay_mean: averageOf('e.delay'),
  delay_max: (condition) => `max(e.delay) FILTER (${condition})`,
  delay_p50: rankedDelay(0.5),
  delay_p95: rankedDelay(0.95),
  worst_delays: worstDelays,
  destinations: (condition) => `count(DISTINCT e.destination) FILTER (${condition})`,
}

const routeFeatures: Readonly<Record<string, AggregateSql>> = {
  flights: (condition) => `count(*) FILTER (${condition})`,
  delay_mean: averageOf('e.delay'),
  delay_p95: rankedDelay(0.95),
  worst_delays: worstDelays,
  best_delay: (condition) => `min(e.delay) FILTER (${condition})`,
}

const destinationFeatures: Readonly<Record<string, AggregateSql>> = {
  arrivals: (condition) => `count(*) FILTER (${condition})`,
  delay_mean: averageOf('e.delay'),
  delay_p95: rankedDelay(0.95),
  late_origins: (condition) => `count(DISTINCT e.origin) FILTER (${condition} AND e.delay > 60)`,
}

/** For each view: what its features are in SQL, and the raw file's columns of its join keys, in their order. */
export const oracleViews: Readonly<Record<string, { columns: readonly string[]; features: typeof airportFeatures }>> = {
  airport_delays: { columns: ['origin'], features: airportFeatures },
  route_delays: { columns: ['origin', 'destination'], features: routeFeatures },
  destination_delays: { columns: ['destination'], features: destinationFeatures },
}

/** Loads the raw file once, less the rows that its declared bounds call senseless. Times are epoch milliseconds. */
export async function loadOracle(session: DuckDbSession, path: string): Promise<void> {
  await session.run(`
    CREATE TABLE ${session.schema}.raw_flights AS
    SELECT epoch_ms("date") AS ms, delay, origin, destination FROM read_parquet('${path.replaceAll("'", "''")}')
    WHERE delay BETWEEN -120 AND 1440 AND distance BETWEEN 1 AND 10000`)
}

/**
 * Answers each question of `questions`, a table of `id`, the join-key columns and `t` (ms): rows of `id` and the features by name.
 * The file is sorted by date and has no append times, so that what was known at t is what happened before t. Every view has a
 * lifetime window: an entity without any flight before t has no row here, and no value of Tidemark's is found.
 */
export function askOracle(
  session: DuckDbSession,
  view: string,
  questions: string,
  features: readonly PlannedFeature[],
): Promise<Readonly<Record<string, unknown>>[]> {
  const { columns, features: aggregates } = oracleViews[view]!
  const tails = features.map(({ window }) => tailSql(window.lengthMs, window.resolutionMs))
  const selected = features.map(({ name, aggregation }, i) => `${aggregates[aggregation.name]!(`WHERE e.ms >= ${tails[i]}`)} AS "${name}"`)
  const longest = features.some(({ window }) => window.lengthMs === null) ? 'e.ms' : `least(${[...new Set(tails)].join(', ')})`
  const isEntityOf = (table: string): string => columns.map((column) => `q.${column} = ${table}.${column}`).join(' AND ')
  return session.rows(`
    SELECT q.id AS id, ${selected.join(', ')}
    FROM ${questions} q
    JOIN (SELECT ${columns.join(', ')}, min(ms) AS ms FROM ${session.schema}.raw_flights GROUP BY ALL) earliest
      ON ${isEntityOf('earliest')} AND earliest.ms < q.t
    LEFT JOIN ${session.schema}.raw_flights e ON ${isEntityOf('e')} AND e.ms < q.t AND e.ms >= ${longest}
    GROUP BY q.id ORDER BY q.id`)
}

/** Where the window of a question begins: t - W, rounded down to its resolution. */
function tailSql(lengthMs: number | null, resolutionMs: number | null): string {
  return lengthMs === null ? '-9e15' : `floor((q.t - ${lengthMs}) / ${resolutionMs}) * ${resolutionMs}`
}
