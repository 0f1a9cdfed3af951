// From names to planned features: what a service, a training set or a request asks for, unknown names reported at once.
import type { PlannedFeature, ViewPlan } from '@tidemark/aggregation/view-plan'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'

/** Unknown names that are told of at once: looking for what each could mean takes a while. */
const UNKNOWN_MAX = 50

export interface FeatureName {
  readonly view: string
  /** Without one: the newest that is whole. */
  readonly version?: number
  /** `departures_1h` */
  readonly feature: string
}

export interface ResolvedFeature {
  readonly plan: ViewPlan
  readonly feature: PlannedFeature
}

/** Chooses among the versions of a view, by version, where a name says none. */
export type ChooseVersion = (versions: readonly ViewPlan[]) => ViewPlan

const onlyVersion: ChooseVersion = ([first]) => first!

/** The features in the order of their names. Throws UNKNOWN_NAME with the names that do not exist, 50 at most. */
export function resolveFeatures(plans: readonly ViewPlan[], names: readonly FeatureName[], where: string, choose: ChooseVersion = onlyVersion): ResolvedFeature[] {
  const versionsOf = Map.groupBy(plans, ({ view }) => view.name)
  const problems: Problem[] = []
  const resolved = names.flatMap(({ view, version, feature }): ResolvedFeature[] => {
    if (problems.length >= UNKNOWN_MAX) return []
    const versions = versionsOf.get(view)
    if (versions === undefined) {
      problems.push(unknownName(`There is no view ${view}.`, where, didYouMean(view, [...versionsOf.keys()])))
      return []
    }
    const plan = version === undefined ? choose(versions) : versions.find((candidate) => candidate.view.version === version)
    if (plan === undefined) {
      problems.push(unknownName(`There is no version ${version} of view ${view}.`, where, `Ask for version ${versions.map((candidate) => candidate.view.version).join(' or ')}, or for none: ${view}:${feature}.`))
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

/** `VIEW:FEATURE` or `VIEW@VERSION:FEATURE`. */
export function featureText({ view, version, feature }: FeatureName): string {
  return version === undefined ? `${view}:${feature}` : `${view}@${version}:${feature}`
}

function unknownName(message: string, where: string, action: string): Problem {
  return { code: 'UNKNOWN_NAME', message, where, action }
}
