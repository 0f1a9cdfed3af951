// What must hold of one aggregation of a view: its argument's type, its parameters, its windows, its default.

import { describeFound, describeType, VALUE_READERS } from './accepted-value.ts'
import { AGGREGATION_RULES, type AggregationParameter, finalType, GROUP_TYPES } from './aggregation-rules.ts'
import { checkName } from './check-names.ts'
import { checkWindow } from './check-windows.ts'
import type { AggregationDefinition, AggregationOp } from './definition.ts'
import { didYouMean } from './did-you-mean.ts'
import type { ExpressionType, Scope } from './expression/ast.ts'
import {
  GROUPS_MAX_LIMIT,
  K_MAX,
  QUANTILE_ERROR_MAX,
  QUANTILE_ERROR_MIN,
  UNIQUE_ERROR_MAX,
  UNIQUE_ERROR_MIN,
  VALUES_MAX_LIMIT,
} from './limits.ts'
import type { ProblemReport } from './problem-report.ts'
import type { ValueType } from './value.ts'

/** `scope`: the view's columns; null where its source is unknown, so that no expression can be judged. */
export function checkAggregation(report: ProblemReport, where: string, aggregation: AggregationDefinition, scope: Scope | null): void {
  report.shape(where, aggregation)
  checkName(report, where, aggregation.name)
  const of = checkArgument(report, where, aggregation, scope)
  checkParameters(report, where, aggregation)
  if (aggregation.per !== undefined) checkTyped(report, `${where}, per`, aggregation.per, scope, AGGREGATION_RULES.ratio.of)
  if (aggregation.where !== undefined) report.expression(`${where}, where`, aggregation.where, scope, 'boolean')
  if (aggregation.groupBy !== undefined) checkTyped(report, `${where}, groupBy`, aggregation.groupBy, scope, GROUP_TYPES)
  if (aggregation.windows.length === 0) {
    report.add(where, 'It has no windows.', "Add at least one: .over('24h') or .over('lifetime').")
  }
  for (const window of aggregation.windows) checkWindow(report, `${where}, window ${window.name}`, window)
  checkDefault(report, where, aggregation, of)
}

/** The argument's type; null where there is none or it is wrong. */
function checkArgument(
  report: ProblemReport,
  where: string,
  { op, of }: AggregationDefinition,
  scope: Scope | null,
): ValueType | null {
  const rule = AGGREGATION_RULES[op]
  if (of === null || of === undefined) {
    if (rule.of.length > 0 && !rule.ofOptional) {
      report.add(where, `${op} needs an argument.`, `Give the column or expression that it is over: ${rule.of.join(', ')}.`)
    }
    return null
  }
  if (rule.of.length === 0) {
    report.add(where, `${op} takes no argument.`, 'Leave it out; to count only some events, use where.')
    return null
  }
  return checkTyped(report, `${where}, of`, of, scope, rule.of)
}

/** The type of an expression that must have one of `types`; null after reporting that it has not. */
function checkTyped(report: ProblemReport, where: string, text: string, scope: Scope | null, types: readonly ValueType[]): ValueType | null {
  const expression = report.expression(where, text, scope)
  if (expression === null) return null
  const type: ExpressionType = expression.type
  if (type !== 'null' && types.includes(type)) return type
  const cast = type === 'double' ? ' Cast it, for example to int64 after scaling: two engines may differ in a last digit of a double.' : ''
  report.add(where, `${JSON.stringify(text)} is of type ${type}.`, `Give one of these types: ${types.join(', ')}.${cast}`)
  return null
}

const ERROR_LIMITS: Readonly<Partial<Record<AggregationOp, readonly [number, number]>>> = {
  quantile: [QUANTILE_ERROR_MIN, QUANTILE_ERROR_MAX],
  approxUniqueCount: [UNIQUE_ERROR_MIN, UNIQUE_ERROR_MAX],
}

const PROPERTIES = [
  'name', 'op', 'of', 'per', 'where', 'groupBy', 'groupsMax', 'windows', 'k', 'quantile', 'error', 'valuesMax', 'default', 'owner', 'description', 'tags',
] satisfies (keyof AggregationDefinition)[]

function checkParameters(report: ProblemReport, where: string, aggregation: AggregationDefinition): void {
  const { op, k, quantile, error, valuesMax, groupBy, groupsMax } = aggregation
  const { required, defaults } = AGGREGATION_RULES[op]
  for (const name of Object.keys(aggregation)) {
    if (!PROPERTIES.some((known) => known === name)) report.add(`${where}, option ${name}`, 'There is no such option.', didYouMean(name, [...required, ...Object.keys(defaults)]))
  }
  for (const parameter of ['per', 'k', 'quantile', 'error', 'valuesMax'] satisfies AggregationParameter[]) {
    const given = aggregation[parameter] !== undefined
    if (required.includes(parameter) && !given) report.add(where, `${op} needs ${parameter}.`, `Give ${parameter}.`)
    if (given && !required.includes(parameter) && !(parameter in defaults)) {
      report.add(`${where}, ${parameter}`, `${op} does not take ${parameter}.`, 'Leave it out.')
    }
  }
  if (k !== undefined) report.integer(`${where}, k`, k, 1, K_MAX)
  if (valuesMax !== undefined) report.integer(`${where}, valuesMax`, valuesMax, 1, VALUES_MAX_LIMIT)
  if (quantile !== undefined) checkRange(report, `${where}, quantile`, quantile, [0, 1])
  if (error !== undefined) checkRange(report, `${where}, error`, error, ERROR_LIMITS[op] ?? [-Infinity, Infinity])
  if (groupsMax === undefined) return
  if (groupBy === undefined) report.add(`${where}, groupsMax`, 'There is no groupBy that it could bound.', 'Leave it out, or add groupBy.')
  else report.integer(`${where}, groupsMax`, groupsMax, 1, GROUPS_MAX_LIMIT)
}

function checkRange(report: ProblemReport, where: string, value: number, [min, max]: readonly [number, number]): void {
  if (!(typeof value === 'number' && value >= min && value <= max)) report.add(where, `It is ${describeFound(value)}.`, `Give a number from ${min} to ${max}.`)
}

/** A default has the final value's type, in the form that an answer would carry; NULL is always one. */
function checkDefault(report: ProblemReport, where: string, aggregation: AggregationDefinition, of: ValueType | null): void {
  const value = aggregation.default
  if (value === undefined || value === null) return
  const type = finalType(aggregation, of)
  if (type === 'list' || type === 'map') {
    report.add(`${where}, default`, `The value is a ${type}, which has no default but NULL.`, 'Leave it out.')
  } else if (!dependsOnArgument(aggregation.op) || of !== null) {
    if (VALUE_READERS[type](value) === value) return
    report.add(`${where}, default`, `The value is of type ${type}, the default is ${describeFound(value)}.`, `Give a ${describeType(type)}.`)
  }
}

/** Where the argument is wrong, only values that depend on its type go unchecked. */
function dependsOnArgument(op: AggregationOp): boolean {
  return ['argument', 'sum'].includes(AGGREGATION_RULES[op].value)
}
