// What must hold of a feature view: its source, its columns, its entity and its aggregations together.

import { describeFound } from './accepted-value.ts'
import { GROUP_TYPES } from './aggregation-rules.ts'
import { checkAggregation } from './check-aggregation.ts'
import { checkDistinct, checkName } from './check-names.ts'
import { checkLength } from './check-source.ts'
import { checkLadder } from './check-windows.ts'
import type { FeatureViewDefinition, SourceDefinition } from './definition.ts'
import { didYouMean } from './did-you-mean.ts'
import type { ColumnType, Scope } from './expression/ast.ts'
import { BUCKET_COUNT_MAX, MAX_AGE_MAX_MS } from './limits.ts'
import type { ProblemReport } from './problem-report.ts'
import { faultsOf, isLacking } from './shape-faults.ts'
import { INT32_MAX, type ValueType } from './value.ts'

export function checkView(report: ProblemReport, view: FeatureViewDefinition, sources: readonly SourceDefinition[]): void {
  const where = `view ${view.name}`
  report.shape(where, view)
  checkName(report, where, view.name)
  report.integer(`${where}, version`, view.version, 1, INT32_MAX)
  const source = checkSourceOf(report, where, view, sources)
  const scope = source === null ? null : checkColumns(report, where, view, source)
  if (view.where !== undefined) report.expression(`${where}, where`, view.where, scope, 'boolean')
  checkEntity(report, where, view, scope)
  checkFeatures(report, where, view, scope)
  if (view.maxAgeMs !== undefined) checkLength(report, `${where}, maxAge`, view.maxAgeMs, 1, MAX_AGE_MAX_MS)
  if (!(Number.isInteger(view.bucketCount) && Number.isInteger(Math.log2(view.bucketCount)) && view.bucketCount >= 1 && view.bucketCount <= BUCKET_COUNT_MAX)) {
    report.add(`${where}, buckets`, `It is ${describeFound(view.bucketCount)}.`, `Give a power of two from 1 to ${BUCKET_COUNT_MAX}.`)
  }
}

function checkSourceOf(
  report: ProblemReport,
  where: string,
  view: FeatureViewDefinition,
  sources: readonly SourceDefinition[],
): SourceDefinition | null {
  const source = sources.find(({ name }) => name === view.source)
  // What was given as the source is none; where its name is one of a source, the rest can be judged by that.
  if (Number.isNaN(view.sourceVersion)) return source ?? null
  if (source === undefined) {
    const names = sources.map(({ name }) => name)
    report.add(`${where}, source`, `There is no source ${view.source}.`, didYouMean(view.source, names))
    return null
  }
  if (source.version !== view.sourceVersion) {
    const message = `It was written for version ${view.sourceVersion} of source ${source.name}, which has version ${source.version}.`
    report.add(`${where}, sourceVersion`, message, `Give the view a version of its own for version ${source.version}.`)
  }
  return source
}

/** Fields, then derived columns; each of these may use the fields and the derived columns before it. null where not all of them are known. */
function checkColumns(report: ProblemReport, where: string, view: FeatureViewDefinition, source: SourceDefinition): Scope | null {
  const scope = new Map<string, ColumnType>(source.fields.map(({ name, type, nullable }) => [name, { type, nullable }]))
  let isWhole = !isLacking(source) && !faultsOf(view).some(({ part, isLacking }) => isLacking && part !== 'source')
  for (const { name, type, expression } of view.derive) {
    const place = `${where}, derived column ${name}`
    checkName(report, place, name)
    const known = type ?? typeToName(report, place, name, expression, isWhole ? scope : null)
    if (type !== undefined) report.expression(place, expression, isWhole ? scope : null, type)
    if (known === null) isWhole = false
    else scope.set(name, { type: known, nullable: true })
  }
  // Fields that clash with one another are the source's fault, and said there.
  const fields = new Map(source.fields.map(({ name }) => [name.toLowerCase(), name]))
  checkDistinct(report, [
    ...[...fields.values()].map((name) => ({ name, place: `field ${name} of source ${source.name}` })),
    ...view.derive.map(({ name }) => ({ name, place: `${where}, derived column ${name}` })),
  ])
  return isWhole ? scope : null
}

/** The type that a derived column without one should be given, after reporting that it has none; null where its expression has none either. */
function typeToName(report: ProblemReport, where: string, name: string, expression: string, scope: Scope | null): ValueType | null {
  const type = report.expression(where, expression, scope)?.type ?? null
  const named = type === null || type === 'null' ? null : type
  report.add(where, 'It does not say which type it has.', `Write ${name}: ${named ?? 'int32'}(${JSON.stringify(expression)}).`)
  return named
}

function checkEntity(report: ProblemReport, where: string, view: FeatureViewDefinition, scope: Scope | null): void {
  const { entity, entityName } = view
  if (entityName !== undefined) checkName(report, `${where}, entity`, entityName)
  if (entity.length === 0 && !faultsOf(view).some(({ part }) => part === 'entity')) report.add(`${where}, entity`, 'It has no join key.', "Give at least one: entity: { airport: 'origin' }.")
  for (const { key, column } of entity) {
    const place = `${where}, entity key ${key}`
    checkName(report, place, key)
    if (scope === null) continue
    const type = scope.get(column)?.type
    if (type === undefined) {
      report.add(place, `There is no column ${column}.`, didYouMean(column, [...scope.keys()]))
    } else if (!GROUP_TYPES.includes(type)) {
      report.add(place, `The column ${column} is a ${type}.`, `Use a column of type ${GROUP_TYPES.join(', ')}; derive one by a cast.`)
    }
  }
  checkDistinct(
    report,
    entity.map(({ key }) => ({ name: key, place: `${where}, entity key ${key}` })),
  )
}

function checkFeatures(report: ProblemReport, where: string, view: FeatureViewDefinition, scope: Scope | null): void {
  const isSaid = faultsOf(view).some(({ part }) => part === 'features' || part.startsWith('aggregation '))
  if (view.aggregations.length === 0 && !isSaid) report.add(where, 'It has no features.', "Add one: features: { events: count().over('24h') }.")
  for (const aggregation of view.aggregations) {
    checkAggregation(report, `${where}, aggregation ${aggregation.name}`, aggregation, scope)
  }
  checkDistinct(
    report,
    view.aggregations.map(({ name }) => ({ name, place: `${where}, aggregation ${name}` })),
  )
  for (const { name, windows } of view.aggregations) {
    checkDistinct(
      report,
      windows.map((window) => ({ name: `${name}_${window.name}`, place: `${where}, aggregation ${name}, window ${window.name}` })),
    )
  }
  checkLadder(report, where, view.aggregations)
}
