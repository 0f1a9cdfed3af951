// A measure as SQL, in three steps that compose: `foldSql` groups events into state rows, `mergeSql` groups state rows into coarser ones
// (any number of times), `outputSql` turns state rows into the columns that the batch engine's port names. Merging is associative,
// so cells may be merged in any shape. One-row measures without groupBy share one query; any other measure has its own.

import type { Measure } from '@tidemark/ports/batch-engine'
import { orderColumnsSql } from './event-order.ts'

/** A measure whose expressions are SQL over the relation of events. `order` is that relation's event order (event-order.ts). */
export interface BoundMeasure {
  readonly measure: Measure
  /** Position in its ladder or window; the prefix of its columns is `m${index}_` where it shares a query. */
  readonly index: number
  readonly of: string | null
  readonly where: string | null
  readonly groupBy: string | null
  /** Table with the columns (boundary DOUBLE, bin BIGINT, 1-based), for bins. */
  readonly boundariesTable: string | null
  /** Table of `sketchedValuesSql` for every value there is, where many queries fold the same events; else each query looks them up. */
  readonly sketchedValues?: string
}

/** Whether the measure makes one row a group and so may share a query with others. */
export function isOneRow(measure: Measure): boolean {
  return measure.groupBy === null && isOneRowKind(measure)
}

/** Kinds that make one row for each group and value of groupBy. */
function isOneRowKind(measure: Measure): measure is OneRowMeasure {
  return ONE_ROW_KINDS.has(measure.kind)
}

/** Whether the relation of events needs the column `event_order`. */
export function needsOrder(measure: Measure): boolean {
  return ORDERED_KINDS.has(measure.kind)
}

/** State rows by the columns `by`, from a relation of events. `measures`: one-row ones, or exactly one other. */
export function foldSql(measures: readonly BoundMeasure[], from: string, by: readonly string[]): string {
  if (measures.every(({ measure }) => isOneRow(measure))) {
    return aggregateSql(measures.flatMap((bound) => oneRowState(bound).fold), from, by)
  }
  const bound = onlyOne(measures)
  const { measure } = bound
  const counting = countingEvents(bound, from, by)
  const groups = stateGroups(bound, by)
  if (isOneRowKind(measure)) return aggregateSql(oneRowState({ ...bound, of: 'value', where: null }).fold, counting, groups)
  switch (measure.kind) {
    case 'values':
      return aggregateSql([['n', 'count(*)']], counting, [...groups, 'value'])
    case 'registers':
      return sketchSql(bound, ['register', 'max(rank) AS rank'], counting, groups)
    case 'bins':
      return sketchSql(bound, ['bin', 'count(*) AS n'], counting, groups)
    case 'firstK':
    case 'lastK':
      return listSql(measure, `SELECT ${groups.join(', ')}, value, event_order AS ord FROM ${counting}`, groups)
    case 'topK':
    case 'bottomK':
      return listSql(measure, `SELECT ${groups.join(', ')}, value FROM ${counting}`, groups)
  }
}

/** Coarser state rows by the columns `by`, from a relation of state rows. */
export function mergeSql(measures: readonly BoundMeasure[], from: string, by: readonly string[]): string {
  if (measures.every(({ measure }) => isOneRow(measure))) {
    return aggregateSql(measures.flatMap((bound) => oneRowState(bound).merge), from, by)
  }
  const bound = onlyOne(measures)
  const { measure } = bound
  const groups = stateGroups(bound, by)
  if (isOneRowKind(measure)) return aggregateSql(oneRowState(bound).merge, from, groups)
  switch (measure.kind) {
    case 'values':
      return aggregateSql([['n', 'sum(n)']], from, [...groups, 'value'])
    case 'registers':
      return aggregateSql([['rank', 'max(rank)']], from, [...groups, 'register'])
    case 'bins':
      return aggregateSql([['n', 'sum(n)']], from, [...groups, 'bin'])
    case 'firstK':
    case 'lastK':
    case 'topK':
    case 'bottomK':
      return listSql(measure, `SELECT * FROM ${from}`, groups)
  }
}

/**
 * The port's columns of state rows: the columns `by` as they are, `grp` with groupBy, then the measures' own, prefixed `m${index}_` where
 * there are two or more. Rows in which no measure counts an event are left out.
 */
export function outputSql(measures: readonly BoundMeasure[], from: string, by: readonly string[]): string {
  if (measures.every(({ measure }) => isOneRow(measure))) {
    const states = measures.map((bound) => ({ ...oneRowState(bound), prefix: measures.length === 1 ? '' : `m${bound.index}_` }))
    const columns = states.flatMap(({ output, prefix }) => output.map(([name, sql]): Column => [prefix + name, sql]))
    const present = states.map((state) => state.present).join(' OR ')
    return `SELECT ${[...by, ...columns.map(aliased)].join(', ')} FROM ${from} WHERE ${present}`
  }
  const bound = onlyOne(measures)
  const { measure } = bound
  const groups = stateGroups(bound, by)
  const select = (columns: readonly Column[]) => `SELECT ${[...groups, ...columns.map(aliased)].join(', ')} FROM ${from}`
  if (isOneRowKind(measure)) return select(oneRowState(bound).output)
  switch (measure.kind) {
    case 'values': {
      const first = `row_number() OVER (PARTITION BY ${groups.join(', ')}) <= ${measure.limit + 1}`
      return `${select([['value', plainNumberSql(bound, 'value')], ['n', 'n::DOUBLE']])} QUALIFY ${first}`
    }
    case 'registers':
      return select([['register', 'register::DOUBLE'], ['rank', 'rank::DOUBLE']])
    case 'bins':
      return select([['bin', 'bin::DOUBLE'], ['n', 'n::DOUBLE']])
    case 'firstK':
    case 'lastK':
      return select([['value', plainNumberSql(bound, 'value')], ...Object.entries(orderColumnsSql('ord'))])
    case 'topK':
    case 'bottomK':
      return select([['value', plainNumberSql(bound, 'value')]])
  }
}

type Column = readonly [name: string, sql: string]

type OneRowMeasure = Extract<Measure, { kind: 'count' | 'sum' | 'moments' | 'min' | 'max' | 'first' | 'last' }>

const ONE_ROW_KINDS: ReadonlySet<Measure['kind']> = new Set(['count', 'sum', 'moments', 'min', 'max', 'first', 'last'])
const ORDERED_KINDS: ReadonlySet<Measure['kind']> = new Set(['first', 'last', 'firstK', 'lastK'])

/** Beyond this magnitude a squared difference may not fit a double. */
const MOMENTS_MAGNITUDE_MAX = '1e150::DOUBLE'

interface OneRowState {
  /** Aggregates over events, and over states. */
  readonly fold: Column[]
  readonly merge: Column[]
  /** The port's columns of a state, by their plain names. */
  readonly output: Column[]
  /** Whether the state holds an event. */
  readonly present: string
}

/** The state of a one-row measure; its columns are prefixed with the measure's index, so that states can stand side by side. */
function oneRowState(bound: BoundMeasure): OneRowState {
  const { measure, of, where } = bound
  if (!isOneRowKind(measure)) throw new Error(`${measure.kind} makes several rows a group`)
  const own = (name: string): string => `m${bound.index}_${name}`
  const n = own('n')
  const value = own('value')
  const only = where === null ? '' : ` FILTER (WHERE ${where})`
  const count: Column = [n, of === null ? `count(*)${only}` : `count(${of})${only}`]
  const counted = { present: `${n} > 0`, output: ['n', `nullif(${n}, 0)::DOUBLE`] as Column, merge: [n, `sum(${n})`] as Column }
  switch (measure.kind) {
    case 'count':
      return { fold: [count], merge: [counted.merge], output: [counted.output], present: counted.present }
    case 'sum': {
      const sum = own('sum')
      return {
        fold: [count, [sum, `sum(${of})${only}`]],
        merge: [counted.merge, [sum, `sum(${sum})`]],
        output: [counted.output, ['sum', sum]],
        present: counted.present,
      }
    }
    case 'moments': {
      const mean = own('mean')
      const m2 = own('m2')
      const x = `(${of})::DOUBLE`
      const bounded = `CASE WHEN abs(${x}) <= ${MOMENTS_MAGNITUDE_MAX} THEN ${x} END`
      // A value that does not count here, but does in n, makes mean and m2 NULL, and NULL they stay when merged.
      const all = `count(${bounded})${only} = ${count[1]}`
      const mergedMean = `sum(${n} * ${mean}) / sum(${n})`
      const apart = `list_sum(list_transform(list({'n': ${n}, 'mean': ${mean}}) FILTER (WHERE ${n} > 0), c -> c.n * pow(c.mean - ${mergedMean}, 2)))`
      const whole = `NOT coalesce(bool_or(${n} > 0 AND ${mean} IS NULL), false)`
      return {
        fold: [
          count,
          [mean, `CASE WHEN ${all} THEN avg(${bounded})${only} END`],
          [m2, `CASE WHEN ${all} THEN var_pop(${bounded})${only} * ${count[1]} END`],
        ],
        merge: [
          counted.merge,
          [mean, `CASE WHEN ${whole} THEN ${mergedMean} END`],
          [m2, `CASE WHEN ${whole} THEN sum(${m2}) + ${apart} END`],
        ],
        output: [counted.output, ['mean', mean], ['m2', m2]],
        present: counted.present,
      }
    }
    case 'min':
    case 'max':
      return {
        fold: [[value, `${measure.kind}(${of})${only}`]],
        merge: [[value, `${measure.kind}(${value})`]],
        output: [['value', plainNumberSql(bound, value)]],
        present: `${value} IS NOT NULL`,
      }
    case 'first':
    case 'last': {
      const ord = own('ord')
      const [best, extreme] = measure.kind === 'first' ? ['arg_min', 'min'] : ['arg_max', 'max']
      const counts = [`${of} IS NOT NULL`, ...(where === null ? [] : [`(${where})`])].join(' AND ')
      return {
        fold: [
          [value, `${best}(${of}, event_order)${only}`],
          [ord, `${extreme}(event_order) FILTER (WHERE ${counts})`],
        ],
        merge: [[value, `${best}(${value}, ${ord})`], [ord, `${extreme}(${ord})`]],
        output: [['value', plainNumberSql(bound, value)], ...Object.entries(orderColumnsSql(ord))],
        present: `${ord} IS NOT NULL`,
      }
    }
  }
}

/** The events that a measure counts, as a relation in parentheses: the columns `by`, grp, value, and event_order where it is needed. */
function countingEvents(bound: BoundMeasure, from: string, by: readonly string[]): string {
  const conditions = [
    ...(bound.where === null ? [] : [`(${bound.where})`]),
    ...(bound.of === null ? [] : [`(${bound.of}) IS NOT NULL`]),
    ...(bound.groupBy === null ? [] : [`(${bound.groupBy}) IS NOT NULL`]),
  ]
  const columns = [
    ...by,
    ...(bound.groupBy === null ? [] : [`${bound.groupBy} AS grp`]),
    `${bound.of ?? 'true'} AS value`,
    ...(needsOrder(bound.measure) ? ['event_order'] : []),
  ]
  return `(SELECT ${columns.join(', ')} FROM ${from}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''})`
}

/** What a sketch makes of each value, once for each distinct value of a relation: (value, register, rank) or (value, bin). */
export function sketchedValuesSql({ measure, boundariesTable }: BoundMeasure, values: string): string {
  if (measure.kind === 'registers') return registersSql(measure.precision, values)
  if (measure.kind !== 'bins' || boundariesTable === null) throw new Error('only registers and bins, with their boundaries, are sketches')
  return binsSql(boundariesTable, measure.boundaries.length, values)
}

function sketchSql(bound: BoundMeasure, [key, state]: readonly [string, string], counting: string, groups: readonly string[]): string {
  const sketched = bound.sketchedValues ?? `(${sketchedValuesSql(bound, counting)})`
  return `SELECT ${[...groups, key, state].join(', ')} FROM ${counting} JOIN ${sketched} USING (value) GROUP BY ${[...groups, key].join(', ')}`
}

function registersSql(precision: number, values: string): string {
  const restBits = 64 - precision
  const hashes = `SELECT value, ('0x' || left(md5(value::VARCHAR), 16))::UBIGINT AS hash FROM (SELECT DISTINCT value FROM ${values})`
  const rest = `(hash & ${(1n << BigInt(restBits)) - 1n})`
  const rank = `${restBits + 1} - CASE WHEN ${rest} = 0 THEN 0 ELSE length(bin(${rest})) END`
  return `SELECT value, (hash >> ${restBits})::USMALLINT AS register, (${rank})::UTINYINT AS rank FROM (${hashes})`
}

/** The bin of a value is that of the first boundary that is not below its magnitude. */
function binsSql(boundariesTable: string, boundaryCount: number, values: string): string {
  const magnitudes = `SELECT DISTINCT value, abs(value::DOUBLE) AS magnitude FROM ${values}`
  const unsigned = `CASE WHEN magnitude < (SELECT min(boundary) FROM ${boundariesTable}) THEN 0 ELSE coalesce(bin, ${boundaryCount + 1}) END`
  return `SELECT value, (${unsigned} * sign(value))::INTEGER AS bin FROM (${magnitudes}) ASOF LEFT JOIN ${boundariesTable} ON magnitude <= boundary`
}

/** The best k of rows (value, and ord where the order decides), as rows again. */
function listSql(measure: Extract<Measure, { k: number }>, rows: string, groups: readonly string[]): string {
  const lists = {
    firstK: `arg_min({'value': value, 'ord': ord}, ord, ${measure.k})`,
    lastK: `arg_max({'value': value, 'ord': ord}, ord, ${measure.k})`,
    topK: `max(value, ${measure.k})`,
    bottomK: `min(value, ${measure.k})`,
  }
  const ordered = needsOrder(measure)
  const best = `SELECT ${groups.join(', ')}, unnest(${lists[measure.kind]}) AS best FROM (${rows}) GROUP BY ${groups.join(', ')}`
  return `SELECT ${groups.join(', ')}, ${ordered ? 'best.value AS value, best.ord AS ord' : 'best AS value'} FROM (${best})`
}

/** A value of the measure's expression; as a double where every value of its type is a safe integer. */
function plainNumberSql({ measure }: BoundMeasure, value: string): string {
  return measure.of?.type === 'int32' || measure.of?.type === 'timestamp' ? `${value}::DOUBLE` : value
}

function stateGroups(bound: BoundMeasure, by: readonly string[]): readonly string[] {
  return bound.groupBy === null ? by : [...by, 'grp']
}

function aggregateSql(columns: readonly Column[], from: string, by: readonly string[]): string {
  return `SELECT ${[...by, ...columns.map(aliased)].join(', ')} FROM ${from} GROUP BY ${by.join(', ')}`
}

function aliased([name, sql]: Column): string {
  return name === sql ? sql : `${sql} AS ${name}`
}

function onlyOne(measures: readonly BoundMeasure[]): BoundMeasure {
  const [bound, ...others] = measures
  if (bound === undefined || others.length > 0) throw new Error('a measure of several rows has a query of its own')
  return bound
}
