// From what was read to what is answered, entity by entity: one t for all views, each value with its status. An entity that is not done by the
// deadline, up to the form in which it leaves, is UNAVAILABLE as a whole.

import { AT_LOG_TIME, viewOf } from '@tidemark/aggregation/chunk-format'
import type { FeatureValue } from '@tidemark/aggregation/feature-value'
import { tailMs } from '@tidemark/aggregation/ladder'
import type { PlannedFeature } from '@tidemark/aggregation/view-plan'
import { after, type Soon } from '@tidemark/ports/soon'
import type { AnsweredEntity, FeatureAnswer, MissingReason, ServedValue } from './feature-answer.ts'
import type { FeatureRequest, ResolvedRequest } from './feature-request.ts'
import { inSlices, type SlicedWork } from './sliced-work.ts'
import { answerView, type ReadView, type ViewAnswer, type ViewValues } from './view-answer.ts'

/** How an entity leaves: what is made of it is kept in its place. */
export type FormEntity<E> = (entity: AnsweredEntity) => E

/** `nowMs`: by the clock, when everything was read. */
export function composeAnswer<E>(
  resolved: ResolvedRequest, request: FeatureRequest, views: readonly ReadView[], nowMs: number, work: SlicedWork, form: FormEntity<E>,
): Soon<FeatureAnswer<E>> {
  const t = answerTime(views, nowMs)
  const answers = views.map((read) => answerView(read, t))
  const explained = request.explain ? explainedFeatures(resolved, views) : null
  const entities: E[] = []
  let late: { readonly entity: E } | null = null
  let lateCount = 0
  const composed = inSlices(request.entities, () => (work.isLate ? undefined : work.pause()), (_, i) => {
    if (work.isLate) {
      lateCount++
      late ??= { entity: form({ values: valuesOf(resolved, request, answers.map((answer) => answer.late)), ...(explained !== null && { explanation: [] }) }) }
      entities.push(late.entity)
      return
    }
    const values = valuesOf(resolved, request, answers.map((answer) => answer.valuesOf(i)))
    entities.push(form(explained === null ? { values } : { values, explanation: answers.flatMap((answer, at) => answer.explanationOf(i, explained[at]!) ?? []) }))
  })
  return after(composed, () => ({ t, features: resolved.names, tailsMs: tailsOf(resolved, t), entities, ...factsOf(views, answers, lateCount) }))
}

/** By view: what was asked of it, each once. */
function explainedFeatures({ features }: ResolvedRequest, views: readonly ReadView[]): readonly (readonly PlannedFeature[])[] {
  return views.map(({ view: { plan } }) => [...new Set(features.filter((each) => each.plan === plan).map(({ feature }) => feature))])
}

/** Where each feature's window begins; null: lifetime. */
function tailsOf({ features }: ResolvedRequest, t: number): FeatureAnswer['tailsMs'] {
  return features.map(({ feature }) => {
    const tail = tailMs(feature.window, t)
    return tail === -Infinity ? null : tail
  })
}

function factsOf(views: readonly ReadView[], answers: readonly ViewAnswer[], lateCount: number): Pick<FeatureAnswer, 'views' | 'degraded'> {
  return {
    views: views.map(({ view: { plan }, reading, freshness }) => ({
      view: plan.view.name,
      version: plan.view.version,
      generation: reading?.pin.n ?? null,
      cut: reading === null || reading.pin.cut === -Infinity ? null : reading.pin.cut,
      lagMs: freshness.lagMs,
    })),
    degraded: views.flatMap(({ freshness }, at) => [...answers[at]!.degradedBy(lateCount), ...freshness.degraded]),
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

/** In the order of the request, of what each view gives. */
function valuesOf({ features, viewAt }: ResolvedRequest, request: FeatureRequest, ofViews: readonly ViewValues[]): ServedValue[] {
  return features.map(({ feature }, i) => withDefault(ofViews[viewAt[i]!]![feature.index]!, feature.aggregation.default, request))
}

/** Reasons that are of the moment, not of the value: a default may stand in for them. */
const PASSING: ReadonlySet<MissingReason> = new Set(['backfilling', 'batch_unavailable', 'speed_unavailable', 'deadline', 'state_damaged'])

function withDefault(served: ServedValue, declared: FeatureValue['value'] | undefined, { policy }: FeatureRequest): ServedValue {
  if (policy !== 'defaults' || declared === undefined) return served
  const isMissing = served.status === 'NULL_VALUE' || served.status === 'NOT_FOUND' || (served.reason !== undefined && PASSING.has(served.reason))
  return isMissing ? { ...served, value: declared, isDefault: true } : served
}
