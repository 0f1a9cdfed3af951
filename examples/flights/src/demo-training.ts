// The training step: flights drawn from the file as a model's rows, each with the features as of its scheduled departure.
import { join } from 'node:path'
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { buildTrainingSet } from '@tidemark/pipelines/training/training-set'
import type { BatchEngine, EventInput, RowsWriter } from '@tidemark/ports/batch-engine'
import { compareValue, comparedCount, type Comparison } from './comparison.ts'
import { delayModel } from './flights.ts'
import { askOracle } from './oracle-sql.ts'

export const TRAINING_ROW_COUNT = 10_000
const SAMPLE_SEED = 2001
/** Joining each row with an airport's whole history takes long, and so does sorting all its delays: the oracle does that for every tenth. */
const COSTLY_QUESTIONS_EVERY = 10

export interface FlightsTrainingSet {
  readonly featureCount: number
  readonly rowsPath: string
  readonly outPath: string
}

/** Draws the rows from the raw flights, less the senseless ones, and writes them: an id, the time, the entities' keys, the label. */
export async function drawTrainingRows(session: DuckDbSession, folder: string): Promise<string> {
  const path = join(folder, 'rows.parquet')
  await session.run(`
    COPY (
      SELECT row_number() OVER (ORDER BY ms, origin, destination, delay) - 1 AS id, make_timestamp(ms * 1000) AS departs,
        origin AS airport, origin, destination, delay AS label
      FROM (FROM ${session.schema}.raw_flights USING SAMPLE reservoir(${TRAINING_ROW_COUNT} ROWS) REPEATABLE (${SAMPLE_SEED}))
      ORDER BY id
    ) TO '${path}' (FORMAT parquet)`)
  return path
}

export async function buildFlightsTrainingSet(engine: BatchEngine & RowsWriter, plans: readonly ViewPlan[], input: EventInput, rowsPath: string, folder: string): Promise<FlightsTrainingSet> {
  const outPath = join(folder, 'training-set.parquet')
  const { features } = delayModel.definition
  await buildTrainingSet({
    engine, writer: engine, features, knownAt: 'append',
    views: plans.map((plan) => ({ plan, input })),
    rows: { format: 'parquet', path: rowsPath, timeColumn: 'departs' },
    output: { format: 'parquet', path: outPath },
  })
  return { featureCount: features.length, rowsPath, outPath }
}

/** Asks the oracle for the training set's values, and returns how many were compared. */
export async function compareTrainingSet({ outPath }: FlightsTrainingSet, plans: readonly ViewPlan[], session: DuckDbSession, comparison: Comparison): Promise<number> {
  const before = comparedCount(comparison)
  const rows = `${session.schema}.training_rows`
  await session.run(`CREATE TABLE ${rows} AS SELECT *, epoch_ms(departs) AS t FROM read_parquet('${outPath}')`)
  const ours = await session.rows(`SELECT * FROM ${rows} ORDER BY id`)
  for (const plan of plans) {
    const { name } = plan.view
    const asked = plan.features.filter(({ name: feature }) => ours[0]?.[`${name}__${feature}`] !== undefined)
    const costly = asked.filter(({ window, aggregation }) => window.lengthMs === null || aggregation.op === 'quantile')
    const cheap = asked.filter((feature) => !costly.includes(feature))
    for (const { features, every } of [{ features: cheap, every: 1 }, { features: costly, every: COSTLY_QUESTIONS_EVERY }]) {
      if (features.length === 0) continue
      const expected = await askOracle(session, name, `(FROM ${rows} WHERE id % ${every} = 0)`, features)
      const expectedById = new Map(expected.map((row) => [Number(row.id), row]))
      for (let id = 0; id < ours.length; id += every) {
        for (const feature of features) {
          compareValue(comparison, feature, `training row ${id},`, cellValue(ours[id]![`${name}__${feature.name}`]), expectedById.get(id)?.[feature.name])
        }
      }
    }
  }
  return comparedCount(comparison) - before
}

/** Lists are JSON text in a training set. */
function cellValue(cell: unknown): unknown {
  if (typeof cell === 'string') return JSON.parse(cell)
  return typeof cell === 'bigint' ? Number(cell) : cell
}
