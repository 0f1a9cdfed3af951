// The aggregations of the DSL: each function makes a builder, whose methods give changed copies of it.
// What each takes is in aggregation-rules.ts; texts are columns or expressions over fields and derived columns.

import { AGGREGATION_RULES, type CountedType, type NumericType, type OrderedType } from './aggregation-rules.ts'
import type { AggregationDefinition, AggregationOp } from './definition.ts'
import type { TypedUses, Use } from './dsl-types.ts'
import { GROUPS_MAX_DEFAULT } from './limits.ts'
import type { Value, ValueType } from './value.ts'
import { windowDefinition, type WindowSpec } from './window.ts'

/** An aggregation over windows. `Uses`: its texts with their types. `Window`: the names of its windows. */
export interface Aggregation<Uses = unknown, Window extends string = string> extends TypedUses<Uses> {
  readonly definition: Omit<AggregationDefinition, 'name'>
  /** The windows: '1h', '7d', 'lifetime', or one with a declared resolution, `{ window: '7d', resolution: '1h' }`. */
  over<const Specs extends readonly WindowSpec[]>(...windows: Specs): Aggregation<Uses, Window | WindowName<Specs[number]>>
  /** Only events for which this is true. */
  where<const Text extends string>(condition: Text): Aggregation<Uses | Use<Text, 'boolean'>, Window>
  /** A map value: one aggregate for each value of this. */
  groupBy<const Text extends string>(
    group: Text,
    options?: { readonly groupsMax?: number },
  ): Aggregation<Uses | Use<Text, CountedType>, Window>
  /** Given instead of no value where a request asks for defaults. */
  default(value: Value): Aggregation<Uses, Window>
  tags(...tags: readonly string[]): Aggregation<Uses, Window>
  owner(owner: string): Aggregation<Uses, Window>
  describe(description: string): Aggregation<Uses, Window>
}

type WindowName<Spec> = Spec extends string ? Spec : Spec extends { readonly window: infer Name extends string } ? Name : never

type Numeric<Text extends string> = Aggregation<Use<Text, NumericType>, never>
type Ordered<Text extends string> = Aggregation<Use<Text, OrderedType>, never>
type Counted<Text extends string> = Aggregation<Use<Text, CountedType>, never>
type Any<Text extends string> = Aggregation<Use<Text, ValueType>, never>

/** Number of events; with an argument, of those where it is not NULL. */
export function count(): Aggregation<never, never>
export function count<const Text extends string>(of: Text): Any<Text>
export function count(of?: string): Aggregation<never, never> {
  return aggregation('count', of ?? null)
}

/** Sum: of integers exact (int64, or "overflow"), of doubles a double. */
export function sum<const Text extends string>(of: Text): Numeric<Text> {
  return aggregation('sum', of)
}

export function mean<const Text extends string>(of: Text): Numeric<Text> {
  return aggregation('mean', of)
}

export function min<const Text extends string>(of: Text): Ordered<Text> {
  return aggregation('min', of)
}

export function max<const Text extends string>(of: Text): Ordered<Text> {
  return aggregation('max', of)
}

/** Population variance. */
export function variance<const Text extends string>(of: Text): Numeric<Text> {
  return aggregation('variance', of)
}

/** Population standard deviation. */
export function stddev<const Text extends string>(of: Text): Numeric<Text> {
  return aggregation('stddev', of)
}

/** The value of the earliest event, by (event time, partition, offset). */
export function first<const Text extends string>(of: Text): Any<Text> {
  return aggregation('first', of)
}

/** The value of the newest event, by (event time, partition, offset). */
export function last<const Text extends string>(of: Text): Any<Text> {
  return aggregation('last', of)
}

/** The values of the k earliest events, earliest first. */
export function firstK<const Text extends string>(of: Text, k: number): Any<Text> {
  return aggregation('firstK', of, { k })
}

/** The values of the k newest events, newest first. */
export function lastK<const Text extends string>(of: Text, k: number): Any<Text> {
  return aggregation('lastK', of, { k })
}

/** The k largest values, largest first, duplicates kept. */
export function topK<const Text extends string>(of: Text, k: number): Ordered<Text> {
  return aggregation('topK', of, { k })
}

/** The k smallest values, smallest first, duplicates kept. */
export function bottomK<const Text extends string>(of: Text, k: number): Ordered<Text> {
  return aggregation('bottomK', of, { k })
}

/** Number of distinct values, exact up to `valuesMax`; UNAVAILABLE beyond. */
export function uniqueCount<const Text extends string>(of: Text, options: { readonly valuesMax?: number } = {}): Counted<Text> {
  return aggregation('uniqueCount', of, options)
}

/** Number of distinct values by HyperLogLog; `error` is the relative standard error. */
export function approxUniqueCount<const Text extends string>(of: Text, options: { readonly error?: number } = {}): Counted<Text> {
  return aggregation('approxUniqueCount', of, options)
}

/** The `quantile` (0 to 1) by DDSketch; `error` is the relative error of the value. */
export function quantile<const Text extends string>(
  of: Text,
  quantile: number,
  options: { readonly error?: number } = {},
): Numeric<Text> {
  return aggregation('quantile', of, { quantile, ...options })
}

/** Each distinct value with its number, up to `valuesMax` values; UNAVAILABLE beyond. */
export function histogram<const Text extends string>(of: Text, options: { readonly valuesMax?: number } = {}): Counted<Text> {
  return aggregation('histogram', of, options)
}

/** sum(of) / sum(per). */
export function ratio<const Text extends string, const Per extends string>(
  of: Text,
  per: Per,
): Aggregation<Use<Text, NumericType> | Use<Per, NumericType>, never> {
  return aggregation('ratio', of, { per })
}

/** Milliseconds from the newest event to the time that is asked about. */
export function timeSinceLast(): Aggregation<never, never> {
  return aggregation('timeSinceLast', null)
}

type Parameters = Pick<AggregationDefinition, 'per' | 'k' | 'quantile' | 'error' | 'valuesMax'>

function aggregation<Uses>(op: AggregationOp, of: string | null, parameters: Parameters = {}): Aggregation<Uses, never> {
  const defaults: Parameters = AGGREGATION_RULES[op].defaults
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return buildAggregation<Uses, never>({ op, of, windows: [], ...defaults, ...Object.fromEntries(given) })
}

function buildAggregation<Uses, Window extends string>(definition: Aggregation['definition']): Aggregation<Uses, Window> {
  const changed = <MoreUses, MoreWindow extends string>(change: Partial<AggregationDefinition>) =>
    buildAggregation<MoreUses, MoreWindow>({ ...definition, ...change })
  return {
    definition,
    over: (...windows) => changed({ windows: [...definition.windows, ...windows.map(windowDefinition)] }),
    where: (where) => changed({ where }),
    groupBy: (groupBy, options) => changed({ groupBy, ...options, groupsMax: options?.groupsMax ?? GROUPS_MAX_DEFAULT }),
    default: (value) => changed({ default: value }),
    tags: (...tags) => changed({ tags }),
    owner: (owner) => changed({ owner }),
    describe: (description) => changed({ description }),
  }
}
