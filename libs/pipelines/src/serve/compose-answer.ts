// From what was read to what is answered: one t for all views, each value with its status. A part that could not be read makes its values
// UNAVAILABLE, or says that they are of the batch view alone; it never makes them wrong. Nor does a deadline: what is not merged by then is UNAVAILABLE.

import { AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import type { FeatureValue } from '@tidemark/aggregation/feature-value'
import { tailMs } from '@tidemark/aggregation/ladder'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { PlannedFeature, ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Problem } from '@tidemark/feature-schema/errors'
import { after, inTurn, type Soon } from '@tidemark/ports/soon'
import type { ResolvedFeature } from '../resolve-features.ts'
import type { BatchBlob } from './batch-blobs.ts'
import { explainEntity, type EntityExplanation } from './explain.ts'
import type { Degradation, DegradationCode, FeatureAnswer, MissingReason, ServedValue } from './feature-answer.ts'
import type { FeatureRequest, ResolvedRequest, ResolvedView } from './feature-request.ts'
import type { Freshness } from './freshness.ts'
import type { ViewReading } from './read-view.ts'
import { inSlices, type SlicedWork } from './sliced-work.ts'

/** What was read for a view; `reading` is null where the deadline came first, or where it failed altogether. */
export interface ReadView {
  readonly view: ResolvedView
  readonly reading: ViewReading | null
  readonly freshness: Freshness
  readonly partitions: readonly number[]
  readonly failure: Problem | null
}

/** `nowMs`: by the clock, when everything was read. */
export function composeAnswer(resolved: ResolvedRequest, request: FeatureRequest, views: readonly ReadView[], nowMs: number, work: SlicedWork): Soon<FeatureAnswer> {
  const t = answerTime(views, nowMs)
  const answers = new Map<ViewPlan, ViewAnswer>()
  const answered = inTurn(views, (read) =>
    after(answerView(read, t, request.explain ? resolved.features : null, work), (answer) => void answers.set(read.view.plan, answer)))
  const entities: FeatureAnswer['entities'][number][] = []
  const composed = after(answered, () => inSlices(request.entities, () => work.pause(), (_, i) => {
    entities.push({
      values: resolved.features.map(({ plan, feature }) => withDefault(answers.get(plan)!.values[i]![feature.index]!, feature.aggregation.default, request)),
      ...(request.explain && { explanation: views.flatMap(({ view: { plan } }) => answers.get(plan)!.explanations[i] ?? []) }),
    })
  }))
  return after(composed, () => ({ t, features: resolved.names, tailsMs: tailsOf(resolved, t), entities, ...factsOf(views, answers) }))
}

/** Where each feature's window begins; null: lifetime. */
function tailsOf({ features }: ResolvedRequest, t: number): FeatureAnswer['tailsMs'] {
  return features.map(({ feature }) => {
    const tail = tailMs(feature.window, t)
    return tail === -Infinity ? null : tail
  })
}

function factsOf(views: readonly ReadView[], answers: ReadonlyMap<ViewPlan, ViewAnswer>): Pick<FeatureAnswer, 'views' | 'degraded'> {
  return {
    views: views.map(({ view: { plan }, reading, freshness }) => ({
      view: plan.view.name,
      version: plan.view.version,
      generation: reading?.pin.n ?? 0,
      cut: reading === null || reading.pin.cut === -Infinity ? null : reading.pin.cut,
      lagMs: freshness.lagMs,
    })),
    degraded: views.flatMap((read) => [...answers.get(read.view.plan)!.degraded, ...read.freshness.degraded]),
  }
}

/** Law 4: after every log time among what was read, one t for all. */
function answerTime(views: readonly ReadView[], nowMs: number): number {
  let t = nowMs
  for (const { reading } of views) {
    if (reading === null) continue
    if (reading.speed.isRead) t = Math.max(t, reading.speed.value.logTimeMs + 1)
    if (reading.batch.isRead) for (const blob of reading.batch.value) if (blob instanceof Uint8Array) t = Math.max(t, viewOf(blob).getFloat64(AT_LOG_TIME, true) + 1)
  }
  return t
}

interface ViewAnswer {
  /** By entity, then by the plan's features. */
  readonly values: readonly (readonly ServedValue[])[]
  readonly degraded: readonly Degradation[]
  /** By entity, where the request asked to explain; undefined: there is nothing to explain. */
  readonly explanations: readonly (EntityExplanation | undefined)[]
}

/** `explained`: the features of all views, where the request asked to explain. */
function answerView(read: ReadView, t: number, explained: readonly ResolvedFeature[] | null, work: SlicedWork): Soon<ViewAnswer> {
  const { view: { plan, entities }, reading, failure } = read
  const missing = (reason: MissingReason, code: DegradationCode, message: string): ViewAnswer => ({
    values: new Array<readonly ServedValue[]>(entities.length).fill(unavailable(plan.features.length, reason)),
    degraded: [{ code, view: plan.view.name, message }],
    explanations: [],
  })
  if (failure !== null) return missing('batch_unavailable', 'BATCH_UNAVAILABLE', sentenceOf(failure))
  if (reading === null) return missing('deadline', 'DEADLINE', 'It was not read before the deadline.')
  const { batch, speed } = reading
  if (!batch.isRead) return missing('batch_unavailable', 'BATCH_UNAVAILABLE', sentenceOf(batch.problem))
  const degraded: Degradation[] = []
  if (!speed.isRead) degraded.push({ code: 'SPEED_UNAVAILABLE', view: plan.view.name, message: sentenceOf(speed.problem) })
  const asked = explained?.filter((each) => each.plan === plan).map(({ feature }) => feature) ?? null
  const values: (readonly ServedValue[])[] = []
  const explanations: (EntityExplanation | undefined)[] = []
  let firstDamage: Problem | null = null
  let lateCount = 0
  const merged = inSlices(entities, () => (work.isLate ? undefined : work.pause()), (_, i) => {
    if (work.isLate) {
      lateCount++
      values.push(unavailable(plan.features.length, 'deadline'))
      return
    }
    const blob = batch.value[i]!
    const chunks = speed.isRead ? speed.value.chunks[i]! : []
    const damage = damageIn(blob) ?? ('code' in chunks ? chunks : null)
    if (damage !== null) {
      firstDamage ??= damage
      values.push(unavailable(plan.features.length, 'state_damaged'))
      return
    }
    const { needsNewerPin, values: ofEntity } = mergeAtCut(plan, blob as Uint8Array | null, chunks as readonly Uint8Array[], { cut: reading.pin.cut, t })
    if (needsNewerPin) throw new Error(`View ${plan.view.name} was read with a pin that its speed state is ahead of.`)
    values.push(ofEntity)
    if (asked !== null) explanations[i] = explain(read, asked, i, t)
  })
  return after(merged, () => {
    if (lateCount > 0) degraded.push({ code: 'DEADLINE', view: plan.view.name, message: `${lateCount} of ${entities.length} entities were not merged before the deadline.` })
    if (firstDamage !== null) degraded.push({ code: 'STATE_DAMAGED', view: plan.view.name, message: sentenceOf(firstDamage) })
    return { values, degraded, explanations }
  })
}

function damageIn(blob: BatchBlob): Problem | null {
  return blob === null || blob instanceof Uint8Array ? null : blob
}

function sentenceOf({ code, message, where }: Problem): string {
  return `${code} at ${where}: ${message}`
}

function unavailable(count: number, reason: MissingReason): ServedValue[] {
  return new Array<ServedValue>(count).fill({ status: 'UNAVAILABLE', value: null, reason })
}

/** Reasons that are of the moment, not of the value: a default may stand in for them. */
const PASSING: ReadonlySet<MissingReason> = new Set(['batch_unavailable', 'deadline', 'state_damaged'])

function withDefault(served: ServedValue, declared: FeatureValue['value'] | undefined, { policy }: FeatureRequest): ServedValue {
  if (policy !== 'defaults' || declared === undefined) return served
  const isMissing = served.status === 'NULL_VALUE' || served.status === 'NOT_FOUND' || (served.reason !== undefined && PASSING.has(served.reason))
  return isMissing ? { ...served, value: declared, isDefault: true } : served
}

/** undefined: the speed state was not read. */
function explain({ view: { plan, id, entities }, reading, partitions }: ReadView, features: readonly PlannedFeature[], i: number, t: number): EntityExplanation | undefined {
  const { pin, batch, speed } = reading!
  if (!batch.isRead || !speed.isRead) return undefined
  const { bucket } = entities[i]!
  return explainEntity(plan, features, {
    view: id, bucket, t, partitions, cut: pin.cut, batchBlob: batch.value[i] as Uint8Array | null, speedChunks: speed.value.chunks[i] as readonly Uint8Array[],
    state: speed.value.buckets.get(bucket) ?? null,
  })
}
