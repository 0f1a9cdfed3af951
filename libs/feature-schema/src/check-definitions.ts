// Says everything that is wrong with definitions, each thing with its place and what to do. What passes here can be planned and run.

import { checkDistinct, checkName } from './check-names.ts'
import { checkSource } from './check-source.ts'
import { checkView } from './check-view.ts'
import type { Definitions, FeatureServiceDefinition, FeatureViewDefinition } from './definition.ts'
import { didYouMean } from './did-you-mean.ts'
import { entityKeysOf } from './entity-request.ts'
import { type Problem, TidemarkError } from './errors.ts'
import { ProblemReport } from './problem-report.ts'
import { faultsOf } from './shape-faults.ts'
import { INT32_MAX } from './value.ts'

/** Every problem, in the order of the definitions; empty: they are sound. Codes DEFINITION_INVALID and EXPRESSION_INVALID. */
export function checkDefinitions(definitions: Definitions): Problem[] {
  const { sources, views, services } = definitions
  const report = new ProblemReport()
  if (sources.length + views.length + services.length === 0) {
    report.add('definitions', 'There is nothing in them.', 'Export a source and a feature view; `tidemark init` writes an example.')
  }
  for (const source of sources) checkSource(report, source)
  for (const view of views) checkView(report, view, sources)
  for (const service of services) checkService(report, service, views)
  for (const [kind, things] of Object.entries({ source: sources, view: views, service: services })) {
    checkDistinct(
      report,
      things.map(({ name }) => ({ name, place: `${kind} ${name}` })),
    )
  }
  // Types of join keys can be compared only once every view has a sound source and entity.
  if (report.problems.length === 0) checkSharedKeys(report, definitions)
  return report.problems
}

/** The definitions, where nothing is wrong with them. @throws TidemarkError with every problem */
export function requireSound(definitions: Definitions): Definitions {
  const [first, ...rest] = checkDefinitions(definitions)
  if (first !== undefined) throw new TidemarkError([first, ...rest])
  return definitions
}

function checkService(report: ProblemReport, service: FeatureServiceDefinition, views: readonly FeatureViewDefinition[]): void {
  const where = `service ${service.name}`
  report.shape(where, service)
  checkName(report, where, service.name)
  report.integer(`${where}, version`, service.version, 1, INT32_MAX)
  if (service.features.length === 0 && !faultsOf(service).some(({ part }) => part.startsWith('feature'))) report.add(where, 'It has no features.', 'List at least one feature of a view.')
  for (const { view: viewName, feature } of service.features) {
    const place = `${where}, feature ${viewName}.${feature}`
    const view = views.find(({ name }) => name === viewName)
    if (view === undefined) {
      const names = views.map(({ name }) => name)
      report.add(place, `There is no view ${viewName}.`, didYouMean(viewName, names))
      continue
    }
    const features = view.aggregations.flatMap(({ name, windows }) => windows.map((window) => `${name}_${window.name}`))
    if (!features.includes(feature)) report.add(place, `View ${viewName} has no feature ${feature}.`, didYouMean(feature, features))
  }
  checkDistinct(
    report,
    service.features.map(({ view, feature }) => ({ name: `${view}.${feature}`, place: `${where}, feature ${view}.${feature}` })),
  )
}

/** One value per join key is given with a request, so all views of a service, and of an entity, must mean the same by it. */
function checkSharedKeys(report: ProblemReport, { sources, views, services }: Definitions): void {
  const keysOf = (view: FeatureViewDefinition): Map<string, string> => {
    const source = sources.find(({ name }) => name === view.source)!
    return new Map(entityKeysOf(view, source).map(({ key, type }) => [key, type]))
  }
  for (const service of services) {
    const types = new Map<string, { readonly type: string; readonly view: string }>()
    for (const view of views.filter(({ name }) => service.features.some((feature) => feature.view === name))) {
      for (const [key, type] of keysOf(view)) {
        const other = types.get(key)
        if (other === undefined) types.set(key, { type, view: view.name })
        else if (other.type !== type) {
          const message = `Join key ${key} is ${other.type} in view ${other.view} and ${type} in view ${view.name}.`
          report.add(`service ${service.name}`, message, 'Derive a column of the same type, or rename one of the keys.')
        }
      }
    }
  }
  const entities = new Map<string, { readonly keys: string; readonly view: string }>()
  for (const view of views) {
    if (view.entityName === undefined) continue
    const keys = [...keysOf(view)].map(([key, type]) => `${key} ${type}`).join(', ')
    const other = entities.get(view.entityName) ?? { keys, view: view.name }
    entities.set(view.entityName, other)
    if (other.keys === keys) continue
    const message = `Entity ${view.entityName} has the keys ${other.keys} in view ${other.view}, and ${keys} here.`
    report.add(`view ${view.name}, entity`, message, 'Give both the same keys, or the entities different names.')
  }
}
