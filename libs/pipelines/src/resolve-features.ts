// From names to planned features: what a service, a training set or a request asks for, unknown names reported at once.
import type { PlannedFeature, ViewPlan } from '@tidemark/aggregation/view-plan'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'

/** Unknown names that are told of at once: looking for what each could mean takes a while. */
const UNKNOWN_MAX = 50

export interface FeatureName {
  readonly view: string
  /** Without one: what there is of the view. */
  readonly version?: number
  /** `departures_1h` */
  readonly feature: string
}

export interface ResolvedFeature {
  readonly plan: ViewPlan
  readonly feature: PlannedFeature
}

/** The features in the order of their names. Throws UNKNOWN_NAME with the names that do not exist, 50 at most. */
export function resolveFeatures(plans: readonly ViewPlan[], names: readonly FeatureName[], where: string): ResolvedFeature[] {
  const problems: Problem[] = []
  const resolved = names.flatMap(({ view, feature }): ResolvedFeature[] => {
    if (problems.length >= UNKNOWN_MAX) return []
    const plan = plans.find((candidate) => candidate.view.name === view)
    if (plan === undefined) {
      problems.push(unknownName(`There is no view ${view}.`, where, didYouMean(view, plans.map((candidate) => candidate.view.name))))
      return []
    }
    const planned = plan.features.find(({ name }) => name === feature)
    if (planned === undefined) {
      problems.push(unknownName(`There is no feature ${feature}.`, `${where}, view ${view}`, didYouMean(feature, plan.features.map(({ name }) => name))))
      return []
    }
    return [{ plan, feature: planned }]
  })
  const [first, ...others] = problems
  if (first !== undefined) throw new TidemarkError([first, ...others])
  return resolved
}

function unknownName(message: string, where: string, action: string): Problem {
  return { code: 'UNKNOWN_NAME', message, where, action }
}
