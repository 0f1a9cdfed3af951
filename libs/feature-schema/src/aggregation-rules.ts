// What each aggregation takes and gives, as one table: the DSL, the checks and the reference in docs/definitions.md follow it.

import type { AggregationDefinition, AggregationOp } from './definition.ts'
import { QUANTILE_ERROR_DEFAULT, UNIQUE_ERROR_DEFAULT, VALUES_MAX_DEFAULT } from './limits.ts'
import type { ValueType } from './value.ts'

export type AggregationParameter = 'per' | 'k' | 'quantile' | 'error' | 'valuesMax'

export interface AggregationRule {
  /** Types that its argument may have. Empty: it takes no argument. */
  readonly of: readonly ValueType[]
  readonly ofOptional: boolean
  readonly required: readonly AggregationParameter[]
  /** Optional parameters and what they are where nothing is declared. */
  readonly defaults: Readonly<Partial<Record<Exclude<AggregationParameter, 'per'>, number>>>
  /** Type of the final value; 'argument': that of the argument; 'sum': int64 for integers, double for doubles. */
  readonly value: 'int64' | 'double' | 'argument' | 'sum' | 'list' | 'map'
}

const NUMERIC = ['int32', 'int64', 'double'] as const
const ORDERED = [...NUMERIC, 'timestamp', 'string'] as const
const ANY = [...ORDERED, 'boolean'] as const
// Not double: two engines may differ in a computed double's last digit, and would then count different values.
const COUNTED = ['boolean', 'int32', 'int64', 'string', 'timestamp'] as const

export type NumericType = (typeof NUMERIC)[number]
export type OrderedType = (typeof ORDERED)[number]
export type CountedType = (typeof COUNTED)[number]

/** Types that a group-by expression may have. */
export const GROUP_TYPES: readonly ValueType[] = COUNTED

export const AGGREGATION_RULES: Readonly<Record<AggregationOp, AggregationRule>> = {
  count: { of: ANY, ofOptional: true, required: [], defaults: {}, value: 'int64' },
  sum: rule(NUMERIC, 'sum'),
  mean: rule(NUMERIC, 'double'),
  min: rule(ORDERED, 'argument'),
  max: rule(ORDERED, 'argument'),
  variance: rule(NUMERIC, 'double'),
  stddev: rule(NUMERIC, 'double'),
  first: rule(ANY, 'argument'),
  last: rule(ANY, 'argument'),
  firstK: rule(ANY, 'list', ['k']),
  lastK: rule(ANY, 'list', ['k']),
  topK: rule(ORDERED, 'list', ['k']),
  bottomK: rule(ORDERED, 'list', ['k']),
  uniqueCount: rule(COUNTED, 'int64', [], { valuesMax: VALUES_MAX_DEFAULT }),
  approxUniqueCount: rule(COUNTED, 'int64', [], { error: UNIQUE_ERROR_DEFAULT }),
  quantile: rule(NUMERIC, 'double', ['quantile'], { error: QUANTILE_ERROR_DEFAULT }),
  histogram: rule(COUNTED, 'map', [], { valuesMax: VALUES_MAX_DEFAULT }),
  ratio: rule(NUMERIC, 'double', ['per']),
  timeSinceLast: rule([], 'int64'),
}

function rule(
  of: readonly ValueType[],
  value: AggregationRule['value'],
  required: readonly AggregationParameter[] = [],
  defaults: AggregationRule['defaults'] = {},
): AggregationRule {
  return { of, ofOptional: false, required, defaults, value }
}

/** Type of an aggregation's final value, given its argument's type; `list` and `map` values have no scalar type. */
export function finalType(aggregation: AggregationDefinition, of: ValueType | null): ValueType | 'list' | 'map' {
  if (aggregation.groupBy !== undefined) return 'map'
  const { value } = AGGREGATION_RULES[aggregation.op]
  if (value === 'sum') return of === 'double' ? 'double' : 'int64'
  return value === 'argument' ? (of ?? 'int64') : value
}
