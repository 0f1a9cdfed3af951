// The oracle: what a view's features are, by brute force over raw events. It shares no code with the panes, partials and blobs
// that it judges: only the definition types, the order of values and the expression closures.

import type { AggregationDefinition, FeatureViewDefinition, SourceDefinition, WindowDefinition } from '@tidemark/feature-schema/definition'
import { compareValues, type Row, type Value } from '@tidemark/feature-schema/value'
import { judgeAggregation, type Judgement } from './oracle-aggregations.ts'
import { openColumns, type Columns } from './oracle-columns.ts'

/** One accepted record. */
export interface OracleEvent {
  /** The source's fields, in the order of its definition. */
  readonly fields: Row
  readonly eventTimeMs: number
  readonly appendTimeMs: number
  readonly partition: number
  readonly offset: number
  /** The running maximum of floor(append time / epoch length) over the partition. */
  readonly epoch: number
}

export interface OracleQuestion {
  /** Join keys' values, in the order of the view's entity. */
  readonly entity: readonly Value[]
  readonly atMs: number
  /** Which events the answer is made of; `acrossTheSeam` is serving's, append times before t are a training row's. */
  readonly has: (event: OracleEvent) => boolean
}

/** What a feature must be; `agreement.ts` compares an answer with it. */
export interface OracleFeature extends Judgement {
  readonly name: string
  /** UNAVAILABLE because its `exact` window holds more instants than are kept (exact-cap.ts). */
  readonly isTruncated?: true
}

/** An event that counts for the entity, with its columns; `timeMs` is the event time that every rule uses. */
export interface SeenEvent {
  readonly timeMs: number
  readonly partition: number
  readonly offset: number
  /** The value of an expression over fields and derived columns. */
  readonly valueOf: (expression: string) => Value
}

/** The seam: batch has each event of an epoch up to the cut, speed each offset up to the partition's fence; an event in both counts once. */
export function acrossTheSeam(cut: number, fences: ReadonlyMap<number, number>): OracleQuestion['has'] {
  return (event) => event.epoch <= cut || event.offset <= (fences.get(event.partition) ?? -1)
}

/** The view's features, in the order of aggregations, then windows. */
export function oracleValues(view: FeatureViewDefinition, source: SourceDefinition, events: readonly OracleEvent[], question: OracleQuestion): OracleFeature[] {
  const { atMs } = question
  const columns = openColumns(view, source)
  const seen = eventsOf(view, columns, events, question)
  const within = (window: WindowDefinition): SeenEvent[] => seen.filter((event) => event.timeMs >= tailOf(window, atMs) && event.timeMs < atMs)
  const newest = within(longestWindow(view)).at(-1)
  return view.aggregations.flatMap((aggregation) =>
    aggregation.windows.map((window) => ({
      name: `${aggregation.name}_${window.name}`,
      ...judgeFeature(view, columns, aggregation, within(window), newest, atMs),
    })),
  )
}

function judgeFeature(
  view: FeatureViewDefinition, columns: Columns, aggregation: AggregationDefinition, events: readonly SeenEvent[],
  newest: SeenEvent | undefined, atMs: number,
): Judgement {
  if (newest === undefined) return { status: 'NOT_FOUND' }
  if (view.maxAgeMs !== undefined && atMs - newest.timeMs > view.maxAgeMs) return { status: 'OUTSIDE_MAX_AGE' }
  return judgeAggregation(aggregation, columns, events, atMs)
}

/** The entity's events that pass the view's filter, in the order of (event time, partition, offset). */
function eventsOf(
  view: FeatureViewDefinition, columns: Columns, events: readonly OracleEvent[], question: OracleQuestion,
): SeenEvent[] {
  const isEntity = (event: SeenEvent): boolean => view.entity.every(({ column }, i) => event.valueOf(column) !== null && event.valueOf(column) === question.entity[i])
  return events
    .filter(question.has)
    .map(({ fields, eventTimeMs, appendTimeMs, partition, offset }) => ({ timeMs: Math.min(eventTimeMs, appendTimeMs), partition, offset, valueOf: columns.read(fields) }))
    .filter((event) => isEntity(event) && (view.where === undefined || event.valueOf(view.where) === true))
    .sort((a, b) => a.timeMs - b.timeMs || a.partition - b.partition || a.offset - b.offset)
}

/** t - W, rounded down to the window's resolution; lifetime has no tail. */
function tailOf({ lengthMs, resolutionMs }: WindowDefinition, atMs: number): number {
  if (lengthMs === null || resolutionMs === null) return -Infinity
  const start = atMs - lengthMs
  return start - (((start % resolutionMs) + resolutionMs) % resolutionMs)
}

/** The window that decides whether an entity is found: lifetime, else the longest; of equal ones the coarsest, which reaches back furthest. */
function longestWindow(view: FeatureViewDefinition): WindowDefinition {
  const windows = view.aggregations.flatMap((aggregation) => aggregation.windows)
  const reach = (window: WindowDefinition): [number, number] => [window.lengthMs ?? Infinity, window.resolutionMs ?? Infinity]
  return windows.reduce((longest, window) => {
    const [length, resolution] = reach(window)
    const [lengthMax, resolutionMax] = reach(longest)
    return compareValues(length, lengthMax) > 0 || (length === lengthMax && resolution > resolutionMax) ? window : longest
  })
}
