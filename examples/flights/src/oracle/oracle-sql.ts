// The demo's oracle: brute force over the raw file and what is known of each flight's way into the log. For each question (an entity and a time) one
// join with every flight of that entity that counts in its answer, and one aggregate for each feature. It knows no panes, no partials and no
// definition: what each feature means is written down a second time, in SQL.
import { appendRows } from '@tidemark/adapter-duckdb/append-rows'
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { PlannedFeature, ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Value, ValueType } from '@tidemark/feature-schema/value'
import { arrivalsTable } from '../arrivals.ts'

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

/** An entity, by its join keys in the view's order, and a time. */
export interface OracleQuestion {
  readonly keys: readonly string[]
  readonly t: number
}

/** Which flights count in the answer to a question. */
export interface OracleFlights<Question extends OracleQuestion = OracleQuestion> {
  /** A relation of accepted flights with the raw file's columns; `ms` is when a flight happened, as answers take it. */
  readonly relation: string
  /** What a question `q` has in SQL beside its entity and its time. */
  readonly facts: readonly { readonly column: string; readonly type: ValueType; readonly of: (question: Question) => Value }[]
  /** Whether a flight `e` counts in the answer to `q`, in SQL; its event time is held against the windows besides. */
  readonly counts: string
}

/** Those that had arrived before the question's time. Flights never happen later than they arrive, so that no event time has to be held against the time of arrival. */
export function arrivedFlights(session: DuckDbSession): OracleFlights {
  return { relation: `(FROM ${arrivalsTable(session)} WHERE is_sensible)`, facts: [], counts: 'e.arrival_ms < q.t' }
}

/** What each feature of a view is, for each question, in their order; null: no flight of the entity counts, and nothing of it is to be found. */
export async function askOracle<Question extends OracleQuestion>(
  session: DuckDbSession, flights: OracleFlights<Question>, { view: { name }, features }: ViewPlan, asked: readonly Question[],
): Promise<(Readonly<Record<string, unknown>> | null)[]> {
  const { columns } = oracleViews[name]!
  const questions = `${session.schema}.questions_of_${name}`
  const all: OracleFlights<Question>['facts'] = [
    { column: 't', type: 'timestamp', of: ({ t }) => t },
    ...columns.map((column, i) => ({ column, type: 'string' as const, of: ({ keys }: Question) => keys[i]! })),
    ...flights.facts,
  ]
  await session.run(`CREATE TABLE ${questions} (id BIGINT, ${all.map(({ column, type }) => `${column} ${type === 'string' ? 'VARCHAR' : 'BIGINT'}`).join(', ')})`)
  await appendRows(session, `questions_of_${name}`, ['int64', ...all.map(({ type }) => type)], asked.map((question, id) => [id, ...all.map(({ of }) => of(question))]))
  const answers = new Array<Record<string, unknown> | null>(asked.length).fill(null)
  // Every view has a lifetime window: an entity without a row in that one has no flights at all.
  const byWindow = [...Map.groupBy(features, ({ window: { lengthMs } }) => lengthMs)].sort(([a], [b]) => Number(a !== null) - Number(b !== null))
  for (const [lengthMs, own] of byWindow) {
    for (const { id, ...row } of await session.rows(windowSql(flights, name, questions, own))) {
      if (lengthMs === null) answers[Number(id)] = row
      else Object.assign(answers[Number(id)] ?? {}, row)
    }
  }
  await session.run(`DROP TABLE ${questions}`)
  return answers
}

/**
 * Features of one window. Without a lifetime window each question has a row, whether there are flights or not. Flights are joined within: an outer join
 * on more than comparisons of columns would try every flight with every question.
 */
function windowSql({ relation, counts }: Pick<OracleFlights, 'relation' | 'counts'>, view: string, questions: string, features: readonly PlannedFeature[]): string {
  const { columns, features: aggregates } = oracleViews[view]!
  const { window: { lengthMs, resolutionMs } } = features[0]!
  const selected = features.map(({ name, aggregation }) => `${aggregates[aggregation.name]!('WHERE e.ms IS NOT NULL')} AS "${name}"`)
  // Where a window begins: t - W, rounded down to its resolution.
  const isInside = lengthMs === null ? '' : `AND e.ms >= (q.t - ${lengthMs}) // ${resolutionMs} * ${resolutionMs}`
  return `
    SELECT q.id AS id, ${selected.join(', ')}
    FROM ${questions} q
    ${lengthMs === null ? '' : 'LEFT '}JOIN (
      SELECT q.id, e.ms, e.delay, e.origin, e.destination
      FROM ${questions} q JOIN ${relation} e ON ${columns.map((column) => `q.${column} = e.${column}`).join(' AND ')} AND e.ms < q.t ${isInside} AND ${counts}
    ) e ON e.id = q.id
    GROUP BY q.id`
}
