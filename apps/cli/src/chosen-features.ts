// Which features a command is about: those of a service, of views, or a list of names; else the file's only service, or everything
// where it has none. With them the plans of their views.
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Definitions, SourceDefinition } from '@tidemark/feature-schema/definition'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { type FeatureName, resolveFeatures } from '@tidemark/pipelines/resolve-features'
import type { Command } from 'commander'
import { problemError, usageError } from './failure.ts'

export interface FeatureOptions {
  readonly service?: string
  readonly view?: readonly string[]
  readonly features?: string
}

export interface ChosenFeatures {
  readonly names: readonly FeatureName[]
  /** Of the views that have them. */
  readonly plans: readonly ViewPlan[]
  /** Of those views, each once. */
  readonly sources: readonly SourceDefinition[]
}

export function addFeatureOptions(command: Command): Command {
  return command
    .option('--service <name>', 'the features of this service (default: the only service, or all features where there is none)')
    .option('--view <name...>', 'all features of these views')
    .option('--features <names>', 'these features: VIEW:FEATURE,VIEW:FEATURE')
}

/** Throws UNKNOWN_NAME with every name that does not exist, USAGE where it is not said which. */
export function chooseFeatures(definitions: Definitions, options: FeatureOptions): ChosenFeatures {
  const sourceNamed = new Map(definitions.sources.map((source) => [source.name, source]))
  const all = definitions.views.map((view) => planView(view, sourceNamed.get(view.source)!))
  const names = namesOf(definitions, all, options)
  if (names.length === 0) throw usageError('There are no features to compute.', 'definitions', 'Export a feature view with at least one aggregation.')
  const plans = [...new Set(resolveFeatures(all, names, 'features').map(({ plan }) => plan))]
  return { names, plans, sources: [...new Set(plans.map(({ source }) => source))] }
}

function namesOf({ services, views }: Definitions, plans: readonly ViewPlan[], { service, view, features }: FeatureOptions): readonly FeatureName[] {
  const given = Object.entries({ service, view, features }).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`]))
  if (given.length > 1) throw usageError(`${given.join(' and ')} exclude each other.`, given.join(' '), 'Give one of them.')
  if (features !== undefined) return parseNames(features)
  if (view !== undefined) return view.flatMap((name) => featuresOf(name, plans))
  if (service === undefined && services.length > 1) {
    throw usageError(`There are ${services.length} services.`, 'definitions', `Choose one: --service ${services.map(({ name }) => name).join(' | ')}.`)
  }
  if (service === undefined) return services[0]?.features ?? views.flatMap(({ name }) => featuresOf(name, plans))
  const found = services.find(({ name }) => name === service)
  if (found === undefined) throw problemError('UNKNOWN_NAME', `There is no service ${service}.`, '--service', didYouMean(service, services.map(({ name }) => name)))
  return found.features
}

/** Every feature of a view; one name that does not exist where there is no such view. */
function featuresOf(view: string, plans: readonly ViewPlan[]): readonly FeatureName[] {
  const plan = plans.find((candidate) => candidate.view.name === view)
  return plan === undefined ? [{ view, feature: '' }] : plan.features.map(({ name }) => ({ view, feature: name }))
}

function parseNames(text: string): readonly FeatureName[] {
  return text.split(',').map((part) => {
    const [view = '', feature = '', ...rest] = part.trim().split(':')
    if (view === '' || feature === '' || rest.length > 0) {
      throw usageError(`${part === '' ? 'An empty name' : part} is no feature's name.`, '--features', 'Write VIEW:FEATURE, several with commas between: card_spending:payments_1h,card_spending:amount_7d.')
    }
    return { view, feature }
  })
}
