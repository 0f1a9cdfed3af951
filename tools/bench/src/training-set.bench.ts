// Training sets end to end: events and rows as Parquet in, the rows with their features as of their times as Parquet out.
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDuckDbBatchEngine } from '@tidemark/adapter-duckdb/duckdb-batch-engine'
import { openDuckDb, type DuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import { approxUniqueCount, count, last, max, mean, min, quantile, sum } from '@tidemark/feature-schema/aggregations'
import { double, eventSource, featureView, int32, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { buildTrainingSet } from '@tidemark/pipelines/training/training-set'
import type { BatchEngine, RowsWriter } from '@tidemark/ports/batch-engine'
import type { Benchmark, BenchmarkOutcome } from './benchmark.ts'
import { planOf } from './card-stream.ts'
import { compare, figureOf, judge, median, takeTurns, timeMs } from './measure.ts'

const THREAD_COUNT = 2
const RUN_COUNT = 5
const EVENT_COUNT = 1_000_000
const ROW_COUNT = 10_000
const CARD_COUNT = 10_000
const DAYS = 60
const COLUMN_COUNT = 20
const BAR_MS = 5_000
const FLIGHTS_BAR_MS = 8_000

const windows = ['1h', '24h', '7d', '30d'] as const

const spending = featureView('spending', {
  source: eventSource('payments', { fields: { card: int64(), at: timestamp(), v0: double(), v1: double(), v2: double(), v3: double() }, eventTime: 'at' }),
  entity: { card: 'card' },
  features: {
    payments: count().over(...windows),
    spent: sum('v0').over(...windows),
    largest: max('v1').over(...windows),
    average: mean('v2').over(...windows),
    latest: last('v3').over(...windows),
  },
})

const flights = eventSource('flights', {
  fields: { date: timestamp(), delay: int32(), origin: string(), destination: string() },
  eventTime: 'date',
})
const flightFeatures = {
  departures: count().over(...windows, 'lifetime'),
  delay_mean: mean('delay').over(...windows, 'lifetime'),
  delay_min: min('delay').over(...windows, 'lifetime'),
  delay_max: max('delay').over(...windows, 'lifetime'),
}
const airport = featureView('airport', { source: flights, entity: { origin: 'origin' }, features: flightFeatures })
const airportSketches = featureView('airport_sketches', {
  source: flights,
  entity: { origin: 'origin' },
  features: { ...flightFeatures, delay_p95: quantile('delay', 0.95).over(...windows, 'lifetime'), destinations: approxUniqueCount('destination').over(...windows, 'lifetime') },
})

export const benchmark: Benchmark = {
  question: 'How long does a training set of 10,000 rows take, from files to file, beside a join of plain latest values?',
  run,
}

async function run(): Promise<BenchmarkOutcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-bench-'))
  await using database = await openDuckDb({ threads: THREAD_COUNT })
  await using engine = await createDuckDbBatchEngine({ threads: THREAD_COUNT })
  try {
    const paths = { events: join(folder, 'events.parquet'), rows: join(folder, 'rows.parquet'), out: join(folder, 'out.parquet') }
    await writePayments(database, paths)
    const payments = await takeTurns(RUN_COUNT, {
      ours: () => timeMs(() => build(engine, spending, paths)),
      latest: () => timeMs(() => joinLatest(database, paths)),
    })
    const flightPaths = { events: flightsFilePath(), rows: join(folder, 'flight-rows.parquet'), out: paths.out }
    await drawFlightRows(database, flightPaths)
    const ofFlights = await takeTurns(RUN_COUNT, {
      plain: () => timeMs(() => build(engine, airport, flightPaths)),
      sketches: () => timeMs(() => build(engine, airportSketches, flightPaths)),
    })
    const ours = compare(figureOf('20 windowed features of 1,000,000 events', 'ms', payments.ours), {
      name: 'ASOF JOIN of 20 latest values, in DuckDB', value: median(payments.latest),
    })
    return {
      input:
        `${ROW_COUNT} rows; ${EVENT_COUNT} payments of ${CARD_COUNT} cards, skewed, over ${DAYS} days: count, sum, max, mean, last of doubles on ${windows.join(', ')}; ` +
        `3,000,000 flights by origin (vega-datasets 3.2.1): count, mean, min, max on ${windows.join(', ')}, lifetime; ${THREAD_COUNT} threads; Parquet in and out`,
      figures: [
        judge(ours, `<= ${BAR_MS} ms`, ({ value }) => value <= BAR_MS),
        judge(figureOf('20 windowed features of 3,000,000 flights', 'ms', ofFlights.plain), `<= ${FLIGHTS_BAR_MS} ms`, ({ value }) => value <= FLIGHTS_BAR_MS),
        figureOf('the same with a quantile and an approximate unique count each', 'ms', ofFlights.sketches),
      ],
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Paths {
  readonly events: string
  readonly rows: string
  readonly out: string
}

async function build(engine: BatchEngine & RowsWriter, view: typeof spending | typeof airport | typeof airportSketches, { events, rows, out }: Paths): Promise<void> {
  const plan = planOf(view)
  const { rowCount } = await buildTrainingSet({
    engine,
    writer: engine,
    views: [{ plan, input: { source: plan.source, kind: 'files', format: 'parquet', paths: [events] } }],
    features: plan.features.map(({ name }) => ({ view: plan.view.name, feature: name })),
    rows: { format: 'parquet', path: rows, timeColumn: 't' },
    knownAt: 'append',
    output: { format: 'parquet', path: out },
  })
  if (rowCount !== ROW_COUNT) throw new Error(`${rowCount} rows instead of ${ROW_COUNT}`)
}

/** Each row with the latest value of 20 columns before its time: a floor, without windows. */
async function joinLatest(database: DuckDb, { events, rows, out }: Paths): Promise<void> {
  await using session = await database.openSession()
  const latest = Array.from({ length: COLUMN_COUNT }, (_, i) => `e.v${i}`)
  await session.run(`
    COPY (SELECT r.*, ${latest.join(', ')} FROM read_parquet('${rows}') r ASOF LEFT JOIN read_parquet('${events}') e ON r.card = e.card AND r.t > e.at)
    TO '${out}' (FORMAT parquet)`)
}

/** Payments in the order of their times, cards with few and with very many of them; rows in the second half of the time. */
async function writePayments(database: DuckDb, { events, rows }: Paths): Promise<void> {
  await using session = await database.openSession()
  const start = `TIMESTAMP '2026-01-01'`
  // The hash of a number and a salt, as a fraction: the same on every machine.
  const draw = (salt: number): string => `(hash(i * 64 + ${salt}) >> 11)::DOUBLE / 9007199254740992`
  const card = `floor(${CARD_COUNT} * pow(${draw(0)}, 3))::BIGINT AS card`
  const values = Array.from({ length: COLUMN_COUNT }, (_, i) => `${draw(i + 1)} * 1000 AS v${i}`)
  const stepUs = (DAYS * 86_400_000_000) / EVENT_COUNT
  await session.run(`COPY (SELECT ${card}, ${start} + to_microseconds(i * ${stepUs}) AS at, ${values.join(', ')} FROM range(${EVENT_COUNT}) e(i)) TO '${events}' (FORMAT parquet)`)
  const t = `${start} + to_microseconds(((0.5 + ${draw(40)} / 2) * ${DAYS * 86_400_000_000})::BIGINT) AS t`
  await session.run(`COPY (SELECT i AS id, ${card}, ${t} FROM range(${EVENT_COUNT}, ${EVENT_COUNT + ROW_COUNT}) e(i)) TO '${rows}' (FORMAT parquet)`)
}

async function drawFlightRows(database: DuckDb, { events, rows }: Paths): Promise<void> {
  await using session = await database.openSession()
  await session.run(`
    COPY (SELECT origin, date AS t, delay AS label FROM read_parquet('${events}') USING SAMPLE reservoir(${ROW_COUNT} ROWS) REPEATABLE (7)) TO '${rows}' (FORMAT parquet)`)
}

/** The package exports only its code, which lies beside the data. */
function flightsFilePath(): string {
  return join(createRequire(import.meta.url).resolve('vega-datasets'), '..', '..', 'data', 'flights-3m.parquet')
}
