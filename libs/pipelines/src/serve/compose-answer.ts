// From what was read to what is answered: pure, one t for all views, each value with its status. A part that could not be read makes its
// values UNAVAILABLE, or says that they are of the batch view alone; it never makes them wrong.

import { AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import type { FeatureValue } from '@tidemark/aggregation/feature-value'
import { tailMs } from '@tidemark/aggregation/ladder'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import type { Problem } from '@tidemark/feature-schema/errors'
import type { ResolvedFeature } from '../resolve-features.ts'
import type { BatchBlob } from './batch-blobs.ts'
import { explainEntity, type EntityExplanation } from './explain.ts'
import type { Degradation, DegradationCode, FeatureAnswer, MissingReason, ServedValue } from './feature-answer.ts'
import type { FeatureRequest, ResolvedRequest, ResolvedView } from './feature-request.ts'
import type { Freshness } from './freshness.ts'
import type { ViewReading } from './read-view.ts'

/** What was read for a view; `reading` is null where the deadline came first, or where it failed altogether. */
export interface ReadView {
  readonly view: ResolvedView
  readonly reading: ViewReading | null
  readonly freshness: Freshness
  readonly partitions: readonly number[]
  readonly failure: Problem | null
}

/** `nowMs`: by the clock, when everything was read. */
export function composeAnswer(resolved: ResolvedRequest, request: FeatureRequest, views: readonly ReadView[], nowMs: number): FeatureAnswer {
  const t = answerTime(views, nowMs)
  const answers = new Map(views.map((read) => [read.view.plan, answerView(read, t)]))
  const tailsMs = resolved.features.map(({ feature }) => {
    const tail = tailMs(feature.window, t)
    return tail === -Infinity ? null : tail
  })
  const explained = request.explain ? views.map((read) => explainView(read, resolved.features, t)) : []
  return {
    t,
    features: resolved.names,
    tailsMs,
    entities: request.entities.map((_, i) => ({
      values: resolved.features.map(({ plan, feature }) => withDefault(answers.get(plan)!.values[i]![feature.index]!, feature.aggregation.default, request)),
      ...(request.explain && { explanation: explained.flatMap((byEntity) => byEntity[i] ?? []) }),
    })),
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
}

function answerView({ view: { plan, entities }, reading, failure }: ReadView, t: number): ViewAnswer {
  const missing = (reason: MissingReason, code: DegradationCode, message: string): ViewAnswer => ({
    values: entities.map(() => unavailable(plan.features.length, reason)),
    degraded: [{ code, view: plan.view.name, message }],
  })
  if (failure !== null) return missing('batch_unavailable', 'BATCH_UNAVAILABLE', sentenceOf(failure))
  if (reading === null) return missing('deadline', 'DEADLINE', 'It was not read before the deadline.')
  const { pin, batch, speed } = reading
  if (!batch.isRead) return missing('batch_unavailable', 'BATCH_UNAVAILABLE', sentenceOf(batch.problem))
  const degraded: Degradation[] = []
  if (!speed.isRead) degraded.push({ code: 'SPEED_UNAVAILABLE', view: plan.view.name, message: sentenceOf(speed.problem) })
  let firstDamage: Problem | null = null
  const values = entities.map((_, i): readonly ServedValue[] => {
    const blob = batch.value[i]!
    const chunks = speed.isRead ? speed.value.chunks[i]! : []
    const damage = damageIn(blob) ?? ('code' in chunks ? chunks : null)
    if (damage !== null) {
      firstDamage ??= damage
      return unavailable(plan.features.length, 'state_damaged')
    }
    const merged = mergeAtCut(plan, blob as Uint8Array | null, chunks as readonly Uint8Array[], { cut: pin.cut, t })
    if (merged.needsNewerPin) throw new Error(`View ${plan.view.name} was read with a pin that its speed state is ahead of.`)
    return merged.values
  })
  if (firstDamage !== null) degraded.push({ code: 'STATE_DAMAGED', view: plan.view.name, message: sentenceOf(firstDamage) })
  return { values, degraded }
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

function explainView({ view: { plan, id, entities }, reading, partitions }: ReadView, features: readonly ResolvedFeature[], t: number): (EntityExplanation | undefined)[] {
  if (reading === null || !reading.batch.isRead || !reading.speed.isRead) return []
  const asked = features.filter((each) => each.plan === plan).map(({ feature }) => feature)
  const { value: batch } = reading.batch
  const { value: speed } = reading.speed
  return entities.map(({ bucket }, i) => {
    const blob = batch[i]!
    const chunks = speed.chunks[i]!
    if (damageIn(blob) !== null || 'code' in chunks) return undefined
    return explainEntity(plan, asked, {
      view: id, bucket, t, partitions, cut: reading.pin.cut, batchBlob: blob as Uint8Array | null, speedChunks: chunks, state: speed.buckets.get(bucket) ?? null,
    })
  })
}
