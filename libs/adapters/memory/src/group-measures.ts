// What each measure says of a group of events: plain loops over arrays, so that it can be read beside the contract's words.
import { createHash } from 'node:crypto'
import type { Measure } from '@tidemark/ports/batch-engine'
import { canonicalDouble, compareValues, hashText, type Row, type Value } from '@tidemark/feature-schema/value'
import type { PlainRow } from './column-batches.ts'
import type { LogEvent } from './read-events.ts'

type Present = Exclude<Value, null>
type Evaluate = (row: Row) => Value




/** A measure whose expressions are closures over rows. */
export interface BoundMeasure {
  readonly measure: Measure
  readonly of: Evaluate | null
  readonly where: Evaluate | null
  readonly groupBy: Evaluate | null
}

interface Counted {
  readonly value: Present
  readonly event: LogEvent
}

/** Whether a group has at most one row of it, so that it may share a stream. */
export function isOneRowMeasure(measure: Measure): boolean {
  return measure.groupBy === null && ['count', 'sum', 'moments', 'min', 'max', 'first', 'last'].includes(measure.kind)
}

/** The columns of a measure's rows. */
export function measureColumns(measure: Measure): readonly string[] {
  return measure.groupBy === null ? valueColumns(measure) : ['grp', ...valueColumns(measure)]
}

function valueColumns(measure: Measure): readonly string[] {
  switch (measure.kind) {
    case 'count':
      return ['n']
    case 'sum':
      return ['n', 'sum']
    case 'moments':
      return ['n', 'mean', 'm2']
    case 'min':
    case 'max':
    case 'topK':
    case 'bottomK':
      return ['value']
    case 'first':
    case 'last':
    case 'firstK':
    case 'lastK':
      return ['value', 'eventTimeMs', 'partition', 'offset']
    case 'values':
      return ['value', 'n']
    case 'registers':
      return ['register', 'rank']
    case 'bins':
      return ['bin', 'n']
  }
}

/** The measure's rows over one group; `events` in the order (event time, partition, offset). */
export function groupMeasure(bound: BoundMeasure, events: readonly LogEvent[]): PlainRow[] {
  const counted = events.flatMap<Counted>((event) => {
    const value = bound.of === null ? true : bound.of(event.row)
    return value === null || (bound.where !== null && bound.where(event.row) !== true) ? [] : [{ value, event }]
  })
  const { groupBy } = bound
  if (groupBy === null) return counted.length === 0 ? [] : rowsOf(bound.measure, counted)
  const groups = Map.groupBy(counted, ({ event }) => groupBy(event.row))
  groups.delete(null)
  return [...groups].flatMap(([grp, inner]) => rowsOf(bound.measure, inner).map((row) => ({ grp, ...row })))
}

function rowsOf(measure: Measure, counted: readonly Counted[]): PlainRow[] {
  const values = counted.map((c) => c.value)
  switch (measure.kind) {
    case 'count':
      return [{ n: values.length }]
    case 'sum':
      return [{ n: values.length, sum: sumOf(values, measure.of!.type === 'double') }]
    case 'moments':
      return [momentsOf(values.map(Number))]
    case 'min':
      return [{ value: values.reduce((a, b) => (compareValues(b, a) < 0 ? b : a)) }]
    case 'max':
      return [{ value: values.reduce((a, b) => (compareValues(b, a) > 0 ? b : a)) }]
    case 'first':
      return counted.slice(0, 1).map(withOrder)
    case 'last':
      return counted.slice(-1).map(withOrder)
    case 'firstK':
      return counted.slice(0, measure.k).map(withOrder)
    case 'lastK':
      return counted.slice(-measure.k).map(withOrder)
    case 'topK':
      return values.sort((a, b) => compareValues(b, a)).slice(0, measure.k).map((value) => ({ value }))
    case 'bottomK':
      return values.sort(compareValues).slice(0, measure.k).map((value) => ({ value }))
    case 'values':
      return [...tally(values)].slice(0, measure.limit + 1).map(([value, n]) => ({ value, n }))
    case 'registers':
      return [...registersOf(values, measure.precision)].map(([register, rank]) => ({ register, rank }))
    case 'bins':
      return [...tally(values.map((value) => binOf(Number(value), measure.boundaries)))].map(([bin, n]) => ({ bin, n }))
  }
}

function withOrder({ value, event }: Counted): PlainRow {
  return { value, eventTimeMs: event.eventTimeMs, partition: event.partition, offset: event.offset }
}

function sumOf(values: readonly Present[], isDouble: boolean): Value {
  if (isDouble) return canonicalDouble(values.reduce<number>((sum, value) => sum + Number(value), 0))
  return values.reduce<bigint>((sum, value) => sum + BigInt(value), 0n)
}

const MOMENTS_MAGNITUDE_MAX = 1e150

function momentsOf(values: readonly number[]): PlainRow {
  const n = values.length
  if (values.some((value) => Math.abs(value) > MOMENTS_MAGNITUDE_MAX)) return { n, mean: null, m2: null }
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  return { n, mean, m2: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) }
}

function tally<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

function registersOf(values: readonly Present[], precision: number): Map<number, number> {
  const ranks = new Map<number, number>()
  for (const value of values) {
    const bits = createHash('md5').update(hashText(value)).digest().readBigUInt64BE(0).toString(2).padStart(64, '0')
    const register = parseInt(bits.slice(0, precision), 2)
    const leadingZeros = bits.slice(precision).indexOf('1')
    const rank = (leadingZeros < 0 ? 64 - precision : leadingZeros) + 1
    ranks.set(register, Math.max(rank, ranks.get(register) ?? 0))
  }
  return ranks
}

function binOf(value: number, boundaries: Float64Array): number {
  const magnitude = Math.abs(value)
  if (magnitude < boundaries[0]!) return 0
  const index = boundaries.findIndex((boundary) => boundary >= magnitude)
  return Math.sign(value) * ((index < 0 ? boundaries.length : index) + 1)
}
