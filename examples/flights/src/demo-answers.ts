// The merge step: what serving would answer for every entity, and the same questions put to the oracle.
import { appendRows } from '@tidemark/adapter-duckdb/append-rows'
import type { DuckDbSession } from '@tidemark/adapter-duckdb/duckdb-session'
import { verifyChunk } from '@tidemark/aggregation/chunk-verify'
import type { FeatureValue } from '@tidemark/aggregation/feature-value'
import { type MergeAt, mergeAtCut } from '@tidemark/aggregation/merge'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { decodeEntityKey } from '@tidemark/feature-schema/entity-key'
import type { Value } from '@tidemark/feature-schema/value'
import type { BlobMap } from '@tidemark/pipelines/batch/blob-sink'
import { type Comparison, compareValue, comparedCount } from './comparison.ts'
import { featureTable } from './demo-report.ts'
import { askOracle, oracleViews } from './oracle-sql.ts'
import type { SpeedView } from './speed-view.ts'

interface ViewAnswers {
  readonly plan: ViewPlan
  readonly entities: readonly (readonly Value[])[]
  readonly values: readonly (readonly FeatureValue[])[]
}

export interface DemoAnswers {
  readonly views: readonly ViewAnswers[]
  readonly entityCount: number
  readonly valueCount: number
}

/** Answers every entity that the batch or the speed view knows. */
export function answerAll(plans: readonly ViewPlan[], blobs: readonly BlobMap[], speedViews: readonly SpeedView[], at: MergeAt): DemoAnswers {
  const views = plans.map((plan, i) => answerView(plan, blobs[i]!, speedViews[i]!, at))
  return {
    views,
    entityCount: views.reduce((sum, { entities }) => sum + entities.length, 0),
    valueCount: views.reduce((sum, { plan, entities }) => sum + entities.length * plan.features.length, 0),
  }
}

function answerView(plan: ViewPlan, blobs: BlobMap, speed: SpeedView, at: MergeAt): ViewAnswers {
  const texts = new Set([...blobs.blobs.keys(), ...speed.chunks.keys()])
  const keys = [...texts].map((text) => Buffer.from(text, 'latin1'))
  return {
    plan,
    entities: keys.map((key) => decodeEntityKey(key)),
    values: keys.map((key) => {
      const blob = blobs.get(key)
      const chunks = speed.read(key)
      for (const chunk of blob === null ? chunks : [blob, ...chunks]) verifyChunk(plan, chunk)
      return mergeAtCut(plan, blob, chunks, at).values
    }),
  }
}

/** Asks the oracle for every answer, and returns how many values were compared. */
export async function compareAnswers({ views }: DemoAnswers, t: number, session: DuckDbSession, comparison: Comparison): Promise<number> {
  const before = comparedCount(comparison)
  for (const { plan, entities, values } of views) {
    const { name } = plan.view
    const questions = `${session.schema}.questions_of_${name}`
    const { columns } = oracleViews[name]!
    await session.run(`CREATE TABLE ${questions} (id BIGINT, t BIGINT, ${columns.map((column) => `${column} VARCHAR`).join(', ')})`)
    await appendRows(session, `questions_of_${name}`, ['int64', 'timestamp', ...columns.map(() => 'string' as const)], entities.map((keys, id) => [id, t, ...keys]))
    const expected = await askOracle(session, name, questions, plan.features)
    for (const { id, ...row } of expected) {
      const entity = Number(id)
      for (const feature of plan.features) {
        compareValue(comparison, feature, `${name} of ${entities[entity]!.join(' → ')},`, values[entity]![feature.index]!.value, row[feature.name])
      }
    }
  }
  return comparedCount(comparison) - before
}

/** The features of some airports, by origin. */
export function airportTable({ views }: DemoAnswers, airports: readonly string[]): string {
  const { plan, entities, values } = views.find((view) => view.plan.view.name === 'airport_delays')!
  const places = airports.map((airport) => entities.findIndex(([key]) => key === airport))
  return featureTable('airport_delays', airports, plan.features.map(({ name }) => name), (i, feature) => values[places[i]!]![feature]!)
}
