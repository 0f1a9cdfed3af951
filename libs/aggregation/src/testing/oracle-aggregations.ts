// What each aggregation must give, from the events of its window: sorted lists, exact integers, two passes; nothing is merged.

import type { AggregationDefinition } from '@tidemark/feature-schema/definition'
import { GROUPS_MAX_DEFAULT, VALUES_MAX_DEFAULT } from '@tidemark/feature-schema/limits'
import { canonicalInt64, compareStrings, compareValues, hashText, INT64_MAX, INT64_MIN, type Value } from '@tidemark/feature-schema/value'
import { magnitudeOf, quotient, sumOf, toExact, EXACT_ONE } from './exact-arithmetic.ts'
import type { SeenEvent } from './oracle.ts'
import type { Columns } from './oracle-columns.ts'
import { binOf, estimateDistinct, precisionFor, representativeOf } from './oracle-sketches.ts'

export type Answer = Value | readonly Answer[] | { readonly [key: string]: Answer }

/** What an answer must be, and how far it may be off. */
export interface Judgement {
  readonly status: 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE' | 'UNAVAILABLE'
  readonly value?: Answer
  /** How far a double may be off: an absolute number. */
  readonly slack?: number
  /** The slack is of the square (a deviation's is its variance's). */
  readonly isSlackOfSquare?: true
  /** Additions in another order may overflow where the exact sum does not; then UNAVAILABLE is honest. */
  readonly mayOverflow?: true
  /** A map value: each group's judgement. */
  readonly groups?: Readonly<Record<string, Judgement>>
}

/** A value that counts, and its event. */
interface Counted {
  readonly event: SeenEvent
  readonly value: Exclude<Value, null>
}

/** What the law promises for float sums and moments. */
const FLOAT_SLACK = 1e-9
/** Values beyond it have no variance: their squares leave the doubles. */
const MOMENT_MAGNITUDE_MAX = 1e150

const NULL_VALUE: Judgement = { status: 'NULL_VALUE' }
const UNAVAILABLE: Judgement = { status: 'UNAVAILABLE' }
const present = (value: Answer, slack = 0): Judgement => ({ status: 'PRESENT', value, slack })

/** The judgement of one aggregation over the events of one window, in order. */
export function judgeAggregation(aggregation: AggregationDefinition, columns: Columns, events: readonly SeenEvent[], atMs: number): Judgement {
  const { where, groupBy } = aggregation
  const counted = events.filter((event) => where === undefined || event.valueOf(where) === true)
  const judge = (group: readonly SeenEvent[]): Judgement => judgeEvents(aggregation, columns, group, atMs)
  if (groupBy === undefined) return judge(counted)
  const groups = groupsBy(counted, (event) => event.valueOf(groupBy))
  return judgeGroups(aggregation, groups, judge)
}

/** A group is there when a value of it counts; more groups than declared make the whole map unavailable. */
function judgeGroups(
  aggregation: AggregationDefinition, groups: readonly (readonly [Value, readonly SeenEvent[]])[], judge: (events: readonly SeenEvent[]) => Judgement,
): Judgement {
  const { of, per, groupsMax = GROUPS_MAX_DEFAULT } = aggregation
  const withValues = (argument: string | null): number => groups.filter(([, events]) => valuesOf(events, argument).length > 0).length
  if (withValues(of) > groupsMax || (per !== undefined && withValues(per) > groupsMax)) return UNAVAILABLE
  const isThere = (events: readonly SeenEvent[]): boolean => valuesOf(events, of).length > 0 || (per !== undefined && valuesOf(events, per).length > 0)
  const judged = groups.filter(([, events]) => isThere(events)).map(([group, events]) => [String(group), judge(events)] as const)
  if (judged.some(([, judgement]) => judgement.status === 'UNAVAILABLE')) return UNAVAILABLE
  const sorted = judged.sort(([a], [b]) => compareStrings(a, b))
  return { status: 'PRESENT', groups: Object.fromEntries(sorted), ...(judged.some(([, { mayOverflow }]) => mayOverflow) && { mayOverflow: true }) }
}

function groupsBy<T>(items: readonly T[], keyOf: (item: T) => Value): [Exclude<Value, null>, T[]][] {
  const groups = new Map<Exclude<Value, null>, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    if (key === null) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return [...groups]
}

/** The values of an argument that are not NULL, with their events; every event counts where there is no argument. */
function valuesOf(events: readonly SeenEvent[], argument: string | null): Counted[] {
  return events.flatMap((event) => {
    const value = argument === null ? true : event.valueOf(argument)
    return value === null ? [] : [{ event, value }]
  })
}

function judgeEvents(aggregation: AggregationDefinition, columns: Columns, events: readonly SeenEvent[], atMs: number): Judgement {
  const { op, of, k = 0 } = aggregation
  const counted = valuesOf(events, of)
  const values = counted.map(({ value }) => value)
  const sorted = [...values].sort(compareValues)
  const isInteger = of !== null && columns.isInteger(of)
  switch (op) {
    case 'count': return present(values.length)
    case 'sum': return isInteger ? integerSum(values) : doubleSum(values)
    case 'mean': return mean(values, isInteger)
    case 'variance': case 'stddev': return spread(values, op)
    case 'min': return firstOf(sorted)
    case 'max': return firstOf(sorted.reverse())
    case 'first': return firstOf(values)
    case 'last': return firstOf(values.reverse())
    case 'firstK': return listOf(values, k)
    case 'lastK': return listOf(values.reverse(), k)
    case 'topK': return listOf(sorted.reverse(), k)
    case 'bottomK': return listOf(sorted, k)
    case 'uniqueCount': case 'histogram': return distinct(values, op, aggregation.valuesMax ?? VALUES_MAX_DEFAULT)
    case 'approxUniqueCount': return approximateDistinct(values, aggregation.error)
    case 'quantile': return quantileOf(sorted, aggregation)
    case 'ratio': return ratio(values, isInteger, valuesOf(events, aggregation.per!).map(({ value }) => value), columns.isInteger(aggregation.per!))
    case 'timeSinceLast': return counted.length === 0 ? NULL_VALUE : present(atMs - counted.at(-1)!.event.timeMs)
  }
}

const firstOf = (values: readonly Value[]): Judgement => (values[0] === undefined ? NULL_VALUE : present(values[0]))
const listOf = (values: readonly Value[], k: number): Judgement => (values.length === 0 ? NULL_VALUE : present(values.slice(0, k)))
const exacts = (values: readonly Value[]): bigint[] => values.map((value) => toExact(value as number | bigint))

function integerSum(values: readonly Value[]): Judgement {
  if (values.length === 0) return NULL_VALUE
  const sum = sumOf(values.map((value) => BigInt(value as number | bigint)))
  return sum < INT64_MIN || sum > INT64_MAX ? UNAVAILABLE : present(canonicalInt64(sum))
}

/** The magnitudes' sum bounds what any order of additions can reach, and is what the slack is a part of. */
function magnitudeSum(values: readonly Value[]): number {
  return quotient(sumOf(exacts(values).map(magnitudeOf)), EXACT_ONE)
}

function doubleSum(values: readonly Value[]): Judgement {
  if (values.length === 0) return NULL_VALUE
  const sum = quotient(sumOf(exacts(values)), EXACT_ONE)
  const magnitude = magnitudeSum(values)
  if (!Number.isFinite(sum)) return UNAVAILABLE
  return { ...present(sum, FLOAT_SLACK * magnitude), ...(!Number.isFinite(magnitude) && { mayOverflow: true }) }
}

function mean(values: readonly Value[], isInteger: boolean): Judgement {
  const sum = isInteger && values.length > 0 ? present(quotient(sumOf(exacts(values)), EXACT_ONE)) : doubleSum(values)
  if (sum.status !== 'PRESENT') return sum
  const value = quotient(sumOf(exacts(values)), EXACT_ONE * BigInt(values.length))
  // An integer mean is one exact sum, divided: three roundings at most.
  return { ...sum, value, slack: isInteger ? 4 * Number.EPSILON * Math.abs(value) : sum.slack! / values.length }
}

/** Population variance, (n Σx² - (Σx)²) / n², exactly. */
function spread(values: readonly Value[], op: 'variance' | 'stddev'): Judgement {
  if (values.length === 0) return NULL_VALUE
  const magnitude = Math.max(...values.map((value) => Math.abs(Number(value))))
  if (magnitude > MOMENT_MAGNITUDE_MAX) return UNAVAILABLE
  const [n, terms] = [BigInt(values.length), exacts(values)]
  const variance = quotient(n * sumOf(terms.map((x) => x * x)) - sumOf(terms) ** 2n, (n * EXACT_ONE) ** 2n)
  const slack = FLOAT_SLACK * Math.max(variance, magnitude ** 2)
  return op === 'variance' ? present(variance, slack) : { ...present(Math.sqrt(variance), slack), isSlackOfSquare: true }
}

function ratio(tops: readonly Value[], isTopInteger: boolean, bottoms: readonly Value[], isBottomInteger: boolean): Judgement {
  if (tops.length === 0 || bottoms.length === 0) return NULL_VALUE
  const [top, bottom] = [sumOf(exacts(tops)), sumOf(exacts(bottoms))]
  const [topSlack, bottomSlack] = [isTopInteger ? 0 : FLOAT_SLACK * magnitudeSum(tops), isBottomInteger ? 0 : FLOAT_SLACK * magnitudeSum(bottoms)]
  const mayOverflow = [topSlack, bottomSlack].some((slack) => !Number.isFinite(slack))
  const divisor = Math.abs(quotient(bottom, EXACT_ONE))
  if (bottom === 0n && bottomSlack === 0) return NULL_VALUE
  // A divisor within its own slack of zero may come out as zero, or as anything.
  if (divisor <= bottomSlack) return { status: 'PRESENT', value: 0, slack: Infinity, mayOverflow: true }
  const value = quotient(top, bottom)
  if (!Number.isFinite(value)) return { ...UNAVAILABLE, mayOverflow: true }
  const slack = (topSlack + Math.abs(value) * bottomSlack) / (divisor - bottomSlack) + 4 * Number.EPSILON * Math.abs(value)
  return { ...present(value, slack), ...(mayOverflow && { mayOverflow: true }) }
}

function distinct(values: readonly Value[], op: 'uniqueCount' | 'histogram', valuesMax: number): Judgement {
  const groups = groupsBy(values, (value) => value)
  if (groups.length > valuesMax) return UNAVAILABLE
  if (op === 'uniqueCount') return present(groups.length)
  return present(Object.fromEntries(groups.map(([value, same]) => [String(value), same.length] as const).sort(([a], [b]) => compareStrings(a, b))))
}

/** A whole number, of the registers alone: exactly this one, unless the estimate lies in the middle of two. */
function approximateDistinct(values: readonly Exclude<Value, null>[], error: number | undefined): Judgement {
  const estimate = estimateDistinct(values.map(hashText), precisionFor(error))
  const isBetweenTwo = Math.abs(estimate - Math.floor(estimate) - 0.5) < 1e-9 * estimate
  return present(Math.round(estimate), isBetweenTwo ? 1 : 0)
}

/** The value of rank floor(q (n - 1)), as its bin's representative. */
function quantileOf(sorted: readonly Value[], { quantile = 0, error }: AggregationDefinition): Judgement {
  if (sorted.length === 0) return NULL_VALUE
  const exact = Number(sorted[Math.floor(quantile * (sorted.length - 1))])
  const value = representativeOf(binOf(exact, error), error)
  return value === null ? UNAVAILABLE : present(value)
}
