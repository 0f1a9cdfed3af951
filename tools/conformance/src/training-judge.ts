// Judges what an engine gives a training row against the oracle: each row at its own time, among events from before and after it.
import { disagreements } from '@tidemark/aggregation/testing/agreement'
import { entitiesOf, type SeamCase } from '@tidemark/aggregation/testing/generate-case'
import { windowsOf } from '@tidemark/aggregation/testing/generate-events'
import type { OracleQuestion } from '@tidemark/aggregation/testing/oracle'
import { without } from '@tidemark/aggregation/testing/property'
import type { Random } from '@tidemark/aggregation/testing/random'
import { planView } from '@tidemark/aggregation/view-plan'
import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from '@tidemark/feature-schema/limits'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Value } from '@tidemark/feature-schema/value'
import { readFeaturesAt } from '@tidemark/pipelines/serve/point-in-time'
import { planAsOf } from '@tidemark/pipelines/training/as-of-plan'
import { ViewReader } from '@tidemark/pipelines/training/view-reader'
import type { BatchEngine } from '@tidemark/ports/batch-engine'
import { archiveOf, expectedAt, generateArchiveCase, knownTimes, shrinkArchiveCase, type ArchiveCase } from './event-records.ts'

export interface TrainingCase extends ArchiveCase {
  readonly rows: readonly { readonly entity: readonly Value[]; readonly atMs: number | null }[]
  readonly knownAt: 'append' | 'event'
}

export function generateTrainingCase(random: Random, generate?: Parameters<typeof generateArchiveCase>[1]): TrainingCase {
  const example = generateArchiveCase(random, generate)
  const rows = Array.from({ length: random.between(1, 20) }, () => ({
    entity: random.chance(0.05) ? entitiesOf(example.view)[0]!.map(() => null) : random.pick(entitiesOf(example.view)),
    atMs: random.chance(0.05) ? null : generateRowTime(random, example),
  }))
  const source: SourceDefinition = { ...example.source, kind: random.chance(0.8) ? 'event' : 'batch-table', delayMs: random.pick([0, 0, 1, 700, 3_600_000]) }
  return { ...example, source, rows, knownAt: random.chance(0.7) ? 'append' : 'event' }
}

/** At, just after or around an event, or where a window begins at one. */
function generateRowTime(random: Random, { view, events }: SeamCase): number {
  const { eventTimeMs, appendTimeMs } = random.pick(events)
  const { lengthMs, resolutionMs } = random.pick(windowsOf(view))
  const near = random.pick([appendTimeMs, eventTimeMs, appendTimeMs]) + random.pick([0, 1, -1, 700, random.below(lengthMs ?? 1_000)])
  const aligned = Math.floor(near / (resolutionMs ?? 1)) * (resolutionMs ?? 1)
  const time = random.pick([near, near, aligned, aligned + (lengthMs ?? 0), aligned + (lengthMs ?? 0) + random.pick([-1, 0, 1])])
  return Math.min(Math.max(time, TIMESTAMP_MIN_MS), TIMESTAMP_MAX_MS)
}

export function* shrinkTrainingCase(example: TrainingCase): Iterable<TrainingCase> {
  for (const rows of without(example.rows)) if (rows.length > 0) yield { ...example, rows }
  for (const smaller of shrinkArchiveCase(example)) yield { ...example, ...smaller }
}

/** Whether the features of each row are the oracle's; null where a row has no time or no entity. */
export async function judgeTraining(engine: BatchEngine, example: TrainingCase): Promise<string | null> {
  const { view, source, events, rows, knownAt } = example
  const plan = planView(view, source)
  const asOf = planAsOf(plan, plan.features, {
    input: archiveOf(example),
    knownAt,
    rowKeys: { user: 'who' },
    rows: { format: 'records', timeColumn: 't', records: rows.map(({ entity: [who, region], atMs }) => ({ t: atMs, who, region })) },
  })
  const known = knownTimes(source, events)
  await using result = await engine.groupAsOf(asOf.query)
  const reader = new ViewReader(asOf, result)
  for (const [row, { entity, atMs }] of rows.entries()) {
    const { values } = await reader.next(row)
    if (atMs === null || entity.includes(null)) {
      if (values !== null) return `row ${row} has features without a time or an entity`
      continue
    }
    const has: OracleQuestion['has'] = (event) => knownAt === 'event' || known.get(event)! < atMs - source.delayMs
    const expected = expectedAt(example, plan, { entity, atMs, has })
    const wrong = values === null ? 'no features' : disagreements(expected, values)
    if (wrong !== null) return `row ${row}, ${JSON.stringify(entity)} at ${atMs}: ${wrong}`
  }
  return null
}

/** Whether the features of one entity at a time are what a training row of that time has. */
export async function judgePointInTime(engine: BatchEngine, example: TrainingCase): Promise<string | null> {
  const { view, source, events, rows } = example
  const plan = planView(view, source)
  const known = knownTimes(source, events)
  for (const { entity, atMs } of rows) {
    if (atMs === null || entity.includes(null)) continue
    const expected = expectedAt(example, plan, { entity, atMs, has: (event) => known.get(event)! < atMs - source.delayMs })
    const answer = await readFeaturesAt({
      engine, atMs,
      views: [{ plan, input: archiveOf(example) }],
      features: plan.features.map(({ name }) => ({ view: view.name, feature: name })),
      entity: Object.fromEntries(view.entity.map(({ key }, i) => [key, entity[i]])),
    })
    const wrong = disagreements(expected, answer.features)
    if (wrong !== null) return `${JSON.stringify(entity)} at ${atMs}: ${wrong}`
  }
  return null
}
