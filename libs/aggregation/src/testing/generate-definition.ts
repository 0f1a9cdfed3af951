// Random views over one source that has a field of every type: every operation, argument type, filter, grouping and kind of window.

import type {
  AggregationDefinition, AggregationOp, DerivedColumnDefinition, FeatureViewDefinition, SourceDefinition, WindowDefinition,
} from '@tidemark/feature-schema/definition'
import type { Random } from './random.ts'

export const ALL_OPS: readonly AggregationOp[] = [
  'count', 'sum', 'mean', 'min', 'max', 'variance', 'stddev', 'first', 'last', 'firstK', 'lastK', 'topK', 'bottomK',
  'uniqueCount', 'approxUniqueCount', 'quantile', 'histogram', 'ratio', 'timeSinceLast',
]

const NUMBERS = ['small', 'big', 'real', 'late', 'twice', 'small + 1', 'big - small', 'real / 4', '-small']
const TEXTS = ['text', 'label']
const EXACTLY_COMPARED = ['small', 'big', 'late', 'flag', 'seen', 'text', 'label', 'small % 3']
const ORDERED = [...NUMBERS, ...TEXTS, 'seen']
const ANYTHING = [...ORDERED, 'flag']

/** What each operation may be asked of. */
const ARGUMENTS: Readonly<Record<AggregationOp, readonly (string | null)[]>> = {
  count: [null, ...ANYTHING], timeSinceLast: [null],
  sum: NUMBERS, mean: NUMBERS, variance: NUMBERS, stddev: NUMBERS, quantile: NUMBERS, ratio: NUMBERS,
  min: ORDERED, max: ORDERED, topK: ORDERED, bottomK: ORDERED,
  first: ANYTHING, last: ANYTHING, firstK: ANYTHING, lastK: ANYTHING,
  uniqueCount: EXACTLY_COMPARED, histogram: EXACTLY_COMPARED, approxUniqueCount: EXACTLY_COMPARED,
}

const FILTERS = ['small > 2', 'flag', 'real < 10.5 AND small != 3', 'late = 1 OR text IS NULL', "label != 'a'"]
const GROUPS = ['text', 'flag', 'small % 3', 'region', 'late']

const DERIVED: readonly DerivedColumnDefinition[] = [
  { name: 'late', type: 'int32', expression: 'small > 15 ? 1 : 0' },
  { name: 'twice', type: 'double', expression: 'real * 2.0' },
  { name: 'label', type: 'string', expression: "coalesce(text, 'none')" },
]

/** The source of every random view; only the epoch length is drawn. */
export function generateSource(random: Random): SourceDefinition {
  const nullable = true
  return {
    kind: 'event', name: 'events', version: 1, eventTime: 'at', skewMaxMs: 30_000, delayMs: 0,
    epochLengthMs: random.pick([1, 100, 60_000, 3_600_000, 86_400_000]),
    fields: [
      { name: 'user', type: 'string', nullable }, { name: 'region', type: 'int32', nullable }, { name: 'at', type: 'timestamp', nullable: false },
      { name: 'small', type: 'int32', nullable }, { name: 'big', type: 'int64', nullable }, { name: 'real', type: 'double', nullable },
      { name: 'text', type: 'string', nullable }, { name: 'flag', type: 'boolean', nullable }, { name: 'seen', type: 'timestamp', nullable },
    ],
  }
}

/** A random view of one to six aggregations, each over some of the windows. */
export function generateView(random: Random, source: SourceDefinition, windows = generateWindows(random)): FeatureViewDefinition {
  const count = random.between(1, 6)
  const taste = generateTaste(random)
  const longestMs = Math.max(...windows.map(({ lengthMs }) => lengthMs ?? 0), 1000)
  return {
    name: 'view', version: 1, source: source.name, sourceVersion: source.version, bucketCount: 64, derive: DERIVED,
    entity: [{ key: 'user', column: 'user' }, ...(random.chance(0.2) ? [{ key: 'region', column: 'region' }] : [])],
    aggregations: Array.from({ length: count }, (_, i) => generateAggregation(random, random.pick(ALL_OPS), `f${i}`, windows, taste)),
    ...(random.chance(0.3) && { where: random.pick(FILTERS) }),
    ...(random.chance(0.2) && { maxAgeMs: random.between(0, longestMs) }),
  }
}

/** The filters, groupings and numbers that a view's aggregations choose from: few, so that some of them share partials. */
interface Taste {
  readonly filters: readonly (string | undefined)[]
  readonly groups: readonly (string | undefined)[]
  readonly numbers: readonly string[]
}

function generateTaste(random: Random): Taste {
  const nothing = [undefined, undefined, undefined]
  if (random.chance(0.5)) {
    const numbers = [random.pick(NUMBERS), random.pick(NUMBERS)]
    return { filters: [...nothing, random.pick(FILTERS)], groups: [...nothing, random.pick(GROUPS)], numbers }
  }
  return { filters: [...nothing, ...nothing, ...FILTERS], groups: [...nothing, ...nothing, ...nothing, ...GROUPS], numbers: NUMBERS }
}

export function generateAggregation(
  random: Random, op: AggregationOp, name: string, windows: readonly WindowDefinition[], taste = generateTaste(random),
): AggregationDefinition {
  const of = random.pick(ARGUMENTS[op])
  const where = random.pick(taste.filters)
  const groupBy = random.pick(taste.groups)
  return {
    name, op, of: ARGUMENTS[op] === NUMBERS ? random.pick(taste.numbers) : of, windows: random.some(windows, 0.6),
    ...(where !== undefined && { where }),
    ...(groupBy !== undefined && { groupBy, groupsMax: random.pick([2, 4, 100]) }),
    ...(op === 'ratio' && { per: random.pick(taste.numbers) }),
    ...(op.endsWith('K') && { k: random.pick([1, 2, 3, 5, 30]) }),
    ...(op === 'quantile' && { quantile: random.pick([0, 0.1, 0.5, 0.95, 1]), error: random.pick([0.01, 0.05, 0.1]) }),
    ...(op === 'approxUniqueCount' && random.chance(0.7) && { error: random.pick([0.02, 0.05, 0.26]) }),
    ...((op === 'uniqueCount' || op === 'histogram') && { valuesMax: random.pick([2, 5, 100]) }),
  }
}

/** One to five windows whose resolutions are multiples of each other; the lengths are anything, so a finer one may be the longer. */
export function generateWindows(random: Random, finestMs = random.pick([1, 1, 10, 1000, 7000, 60_000, 3_600_000])): WindowDefinition[] {
  const windows: WindowDefinition[] = []
  let resolutionMs = finestMs
  const rungCount = random.between(1, 3)
  for (let rung = 0; rung < rungCount; rung++) {
    for (let i = random.between(1, 2); i > 0; i--) {
      const lengthMs = random.chance(0.5) ? resolutionMs * random.between(1, 70) : random.between(1, resolutionMs * 70)
      windows.push({ name: `w${windows.length}`, lengthMs, resolutionMs })
    }
    resolutionMs *= random.pick([2, 3, 5, 24])
  }
  if (random.chance(0.4)) windows.push({ name: 'lifetime', lengthMs: null, resolutionMs: null })
  return windows
}
