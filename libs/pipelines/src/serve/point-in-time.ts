// The features of one entity at a time, straight from event files: a batch of that entity's events up to then, merged at its cut.
// The same answer as a training row's (law 4).
import { tailMs } from '@tidemark/aggregation/ladder'
import type { FeatureValue } from '@tidemark/aggregation/feature-value'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { encodeEntityKey, type KeyType } from '@tidemark/feature-schema/entity-key'
import { readEntity, type EntityKey } from '@tidemark/feature-schema/entity-request'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { Value } from '@tidemark/feature-schema/value'
import type { BatchEngine, EventInput, InputReport } from '@tidemark/ports/batch-engine'
import { runBatch } from '../batch/batch-run.ts'
import { BlobMap } from '../batch/blob-sink.ts'
import { resolveFeatures, type FeatureName } from '../resolve-features.ts'

export interface PointInTimeRequest {
  readonly engine: BatchEngine
  readonly views: readonly { readonly plan: ViewPlan; readonly input: EventInput }[]
  readonly features: readonly FeatureName[]
  /** Join key -> value; those of every view that is asked. */
  readonly entity: Readonly<Record<string, unknown>>
  readonly atMs: number
  readonly signal?: AbortSignal
}

export interface FeatureAnswer extends FeatureName, FeatureValue {
  /** Where the feature's window begins; null: lifetime. */
  readonly tailMs: number | null
}

export interface PointInTimeAnswer {
  readonly atMs: number
  /** In the order that was asked for. */
  readonly features: readonly FeatureAnswer[]
  readonly views: readonly { readonly view: string; readonly report: ReadReport }[]
}

export type ReadReport = Pick<InputReport, 'readCount' | 'acceptedCount' | 'rejectedCount' | 'rejectedSamples' | 'heldBack' | 'nullKeyCount'>

/** Throws UNKNOWN_NAME, ENTITY_INVALID (all problems at once) or INPUT_UNREADABLE. */
export async function readFeaturesAt(request: PointInTimeRequest): Promise<PointInTimeAnswer> {
  const { atMs, entity } = request
  const features = resolveFeatures(request.views.map(({ plan }) => plan), request.features, 'request')
  const asked = request.views.filter(({ plan }) => features.some((each) => each.plan === plan))
  const keysOf = readEntities(asked.map(({ plan }) => plan), entity)
  const answers = new Map<ViewPlan, readonly FeatureValue[]>()
  const views: PointInTimeAnswer['views'][number][] = []
  for (const { plan, input } of asked) {
    const { values, report } = await readView(request, plan, input, keysOf.get(plan)!)
    answers.set(plan, values)
    views.push({ view: plan.view.name, report })
  }
  return {
    atMs,
    views,
    features: features.map(({ plan, feature }) => {
      const tail = tailMs(feature.window, atMs)
      return { view: plan.view.name, feature: feature.name, tailMs: tail === -Infinity ? null : tail, ...answers.get(plan)![feature.index]! }
    }),
  }
}

async function readView(
  { engine, atMs, signal }: PointInTimeRequest,
  plan: ViewPlan,
  input: EventInput,
  keys: readonly Value[],
): Promise<{ values: readonly FeatureValue[]; report: ReadReport }> {
  const sink = new BlobMap()
  const untilMs = atMs - plan.source.delayMs
  // Whatever was known before a time is of its epoch at the latest.
  const cut = Math.floor(untilMs / plan.source.epochLengthMs)
  const { report } = await runBatch({ engine, plan, input, sink, throughEpoch: cut, untilMs, entity: keys, ...(signal && { signal }) })
  const blob = sink.get(encodeEntityKey(keys, plan.keys.map(({ type }) => type as KeyType)))
  const { readCount, acceptedCount, rejectedCount, rejectedSamples, heldBack, nullKeyCount } = report
  return { values: mergeAtCut(plan, blob, [], { cut, t: atMs }).values, report: { readCount, acceptedCount, rejectedCount, rejectedSamples, heldBack, nullKeyCount } }
}

/** The entity's values for each view, in join-key order. */
function readEntities(plans: readonly ViewPlan[], entity: Readonly<Record<string, unknown>>): Map<ViewPlan, readonly Value[]> {
  const valuesOf = new Map<ViewPlan, readonly Value[]>()
  const known = [...new Set(plans.flatMap(({ keys }) => keys.map(({ key }) => key)))]
  const problems = Object.keys(entity).filter((key) => !known.includes(key)).map((key): Problem => ({
    code: 'ENTITY_INVALID', message: `There is no join key ${key}.`, where: 'entity', action: didYouMean(key, known),
  }))
  for (const plan of plans) {
    const read = readEntity(plan.keys as readonly EntityKey[], entity, `entity of view ${plan.view.name}`)
    if ('problems' in read) problems.push(...read.problems)
    else valuesOf.set(plan, read.values)
  }
  const [first, ...others] = problems
  if (first !== undefined) throw new TidemarkError([first, ...others])
  return valuesOf
}
