// What each measure says of a small set of events: the cases that every batch engine passes, by pane and by training row alike.
// All of them are one input and one query, each case an entity of its own.
import type { Value } from '@tidemark/feature-schema/value'
import type { Measure } from '../batch-engine.ts'
import { measureOf } from './batch-engine-fixture.ts'
import type { JsonRecord } from './record-files.ts'

export interface MeasureCase {
  readonly title: string
  readonly measure: Measure
  /** Fields beside `user`. */
  readonly records: readonly JsonRecord[]
  /** The measure's rows, in any order; offsets count from the case's first record. */
  readonly rows: readonly Readonly<Record<string, Value>>[]
}

const amounts = (...values: (number | null)[]): JsonRecord[] => values.map((amount) => ({ amount }))
const prices = (...values: (number | null)[]): JsonRecord[] => values.map((price) => ({ price }))
const notes = (...values: (string | null)[]): JsonRecord[] => values.map((note) => ({ note }))
const bigs = (...values: (string | number | null)[]): JsonRecord[] => values.map((big) => ({ big }))

const INT64_MAX_TEXT = '9223372036854775807'
const INT64_MIN_TEXT = '-9223372036854775808'
const at = (value: Value, eventTimeMs: number, offset: number): Record<string, Value> => ({ value, eventTimeMs, partition: 0, offset })

const counts: MeasureCase[] = [
  { title: 'count of every event', measure: measureOf('count'), records: amounts(1, null, 3), rows: [{ n: 3 }] },
  { title: 'count skips NULL', measure: measureOf('count', { of: 'amount' }), records: amounts(1, null, 3), rows: [{ n: 2 }] },
  { title: 'count of only NULL has no row', measure: measureOf('count', { of: 'amount' }), records: amounts(null, null), rows: [] },
  {
    title: 'where counts only when true, not when false or NULL',
    measure: measureOf('count', { where: 'amount > 1' }),
    records: amounts(1, null, 3),
    rows: [{ n: 1 }],
  },
  {
    title: 'groupBy gives a row for each value and none for NULL',
    measure: measureOf('count', { groupBy: 'note' }),
    records: notes('b', null, 'a', 'b', '日本', '😀'),
    rows: [{ grp: 'a', n: 1 }, { grp: 'b', n: 2 }, { grp: '日本', n: 1 }, { grp: '😀', n: 1 }],
  },
  {
    title: 'groupBy of a boolean, beside where and of',
    measure: measureOf('sum', { of: 'amount', where: 'amount != 5', groupBy: 'paid' }),
    records: [{ amount: 1, paid: true }, { amount: 2, paid: true }, { amount: 5, paid: false }, { amount: null, paid: false }, { amount: 7, paid: false }],
    rows: [{ grp: false, n: 1, sum: 7 }, { grp: true, n: 2, sum: 3 }],
  },
]

const sums: MeasureCase[] = [
  { title: 'sum of int32', measure: measureOf('sum', { of: 'amount' }), records: amounts(1, null, -3), rows: [{ n: 2, sum: -2 }] },
  { title: 'sum of an expression', measure: measureOf('sum', { of: 'amount * 2 + 1' }), records: amounts(1, 2), rows: [{ n: 2, sum: 8 }] },
  {
    title: 'sum of int64 is exact beyond 64 bits',
    measure: measureOf('sum', { of: 'big' }),
    records: bigs(INT64_MAX_TEXT, INT64_MAX_TEXT, INT64_MAX_TEXT),
    rows: [{ n: 3, sum: 3n * (2n ** 63n - 1n) }],
  },
  {
    title: 'sum of int64 comes back from beyond 64 bits',
    measure: measureOf('sum', { of: 'big' }),
    records: bigs(INT64_MAX_TEXT, INT64_MAX_TEXT, INT64_MIN_TEXT, INT64_MIN_TEXT),
    rows: [{ n: 4, sum: -2 }],
  },
  { title: 'sum of double', measure: measureOf('sum', { of: 'price' }), records: prices(0.5, null, 0.25), rows: [{ n: 2, sum: 0.75 }] },
  { title: 'sum of nothing but negative zero', measure: measureOf('sum', { of: 'price' }), records: prices(-0), rows: [{ n: 1, sum: 0 }] },
  {
    title: 'sum of a double division by zero skips NULL',
    measure: measureOf('sum', { of: 'price / amount' }),
    records: [{ price: 1, amount: 0 }, { price: 3, amount: 2 }],
    rows: [{ n: 1, sum: 1.5 }],
  },
  { title: 'moments', measure: measureOf('moments', { of: 'price' }), records: prices(1, 2, null, 6), rows: [{ n: 3, mean: 3, m2: 14 }] },
  {
    title: 'moments of values too large to square',
    measure: measureOf('moments', { of: 'price' }),
    records: prices(1, -2e150),
    rows: [{ n: 2, mean: null, m2: null }],
  },
]

const extremes: MeasureCase[] = [
  { title: 'min of int32', measure: measureOf('min', { of: 'amount' }), records: amounts(4, null, -3), rows: [{ value: -3 }] },
  { title: 'max of double', measure: measureOf('max', { of: 'price' }), records: prices(-4.5, -3.25, null), rows: [{ value: -3.25 }] },
  { title: 'min of int64', measure: measureOf('min', { of: 'big' }), records: bigs(3, INT64_MIN_TEXT), rows: [{ value: -(2n ** 63n) }] },
  {
    title: 'max of int64 tells neighbours beyond 2^53 apart',
    measure: measureOf('max', { of: 'big' }),
    records: bigs('9007199254740992', '9007199254740993'),
    rows: [{ value: 9007199254740993n }],
  },
  { title: 'max of timestamp', measure: measureOf('max', { of: 'seen' }), records: [{ seen: 5 }, { seen: -1 }], rows: [{ value: 5 }] },
  {
    title: 'max of string is by code point, so emoji come after the private use area',
    measure: measureOf('max', { of: 'note' }),
    records: notes('z', '\ue000', '😀', 'é'),
    rows: [{ value: '😀' }],
  },
  { title: 'min of string', measure: measureOf('min', { of: 'note' }), records: notes('b', 'B', 'a'), rows: [{ value: 'B' }] },
  {
    title: 'topK keeps duplicates',
    measure: measureOf({ kind: 'topK', k: 3 }, { of: 'amount' }),
    records: amounts(1, 5, 5, null, 2, 5),
    rows: [{ value: 5 }, { value: 5 }, { value: 5 }],
  },
  {
    title: 'bottomK of fewer than k',
    measure: measureOf({ kind: 'bottomK', k: 4 }, { of: 'note' }),
    records: notes('b', null, 'a'),
    rows: [{ value: 'a' }, { value: 'b' }],
  },
  {
    title: 'topK in groups',
    measure: measureOf({ kind: 'topK', k: 1 }, { of: 'amount', groupBy: 'note' }),
    records: [{ note: 'x', amount: 1 }, { note: 'x', amount: 2 }, { note: 'y', amount: null }, { note: 'z', amount: 3 }],
    rows: [{ grp: 'x', value: 2 }, { grp: 'z', value: 3 }],
  },
]

const ordered: MeasureCase[] = [
  {
    title: 'law 2: first and last go by event time, not by order of arrival (first)',
    measure: measureOf('first', { of: 'note' }),
    records: [{ at: 30, note: 'c' }, { at: 10, note: 'a' }, { at: 20, note: 'b' }],
    rows: [at('a', 10, 1)],
  },
  {
    title: 'law 2: last of one event time is the one with the highest offset',
    measure: measureOf('last', { of: 'amount' }),
    records: [{ at: 10, amount: 1 }, { at: 10, amount: 2 }, { at: 10, amount: null }, { at: 5, amount: 4 }],
    rows: [at(2, 10, 1)],
  },
  {
    title: 'law 2: first of one event time is the one with the lowest offset',
    measure: measureOf('first', { of: 'paid' }),
    records: [{ at: 12, paid: true }, { at: 10, paid: null }, { at: 10, paid: false }, { at: 10, paid: true }],
    rows: [at(false, 10, 2)],
  },
  {
    title: 'last of a timestamp and of an int64',
    measure: measureOf('last', { of: 'big' }),
    records: bigs(1, INT64_MAX_TEXT),
    rows: [at(2n ** 63n - 1n, 2, 1)],
  },
  {
    title: 'law 2: lastK by event time, then offset',
    measure: measureOf({ kind: 'lastK', k: 2 }, { of: 'amount' }),
    records: [{ at: 10, amount: 1 }, { at: 10, amount: 2 }, { at: 10, amount: 3 }, { at: 9, amount: 4 }],
    rows: [at(2, 10, 1), at(3, 10, 2)],
  },
  {
    title: 'law 2: firstK in groups',
    measure: measureOf({ kind: 'firstK', k: 1 }, { of: 'amount', groupBy: 'note' }),
    records: [{ at: 10, amount: 1, note: 'x' }, { at: 9, amount: 2, note: 'x' }, { at: 8, amount: 3, note: 'y' }],
    rows: [{ grp: 'x', ...at(2, 9, 1) }, { grp: 'y', ...at(3, 8, 2) }],
  },
  {
    title: 'last of every event: the newest event time',
    measure: measureOf('last', { of: 'true' }),
    records: [{ at: 7 }, { at: 9 }, { at: 8 }],
    rows: [at(true, 9, 1)],
  },
]

const bins = new Float64Array([1, 2, 4, 8])

const sketches: MeasureCase[] = [
  {
    title: 'values with their counts',
    measure: measureOf({ kind: 'values', limit: 3 }, { of: 'note' }),
    records: notes('b', 'a', null, 'b'),
    rows: [{ value: 'a', n: 1 }, { value: 'b', n: 2 }],
  },
  {
    title: 'values of doubles count negative zero as zero',
    measure: measureOf({ kind: 'values', limit: 3 }, { of: 'price' }),
    records: prices(0, -0, 1.5),
    rows: [{ value: 0, n: 2 }, { value: 1.5, n: 1 }],
  },
  {
    title: 'values in groups',
    measure: measureOf({ kind: 'values', limit: 3 }, { of: 'amount', groupBy: 'paid' }),
    records: [{ amount: 1, paid: true }, { amount: 1, paid: true }, { amount: 1, paid: false }],
    rows: [{ grp: false, value: 1, n: 1 }, { grp: true, value: 1, n: 2 }],
  },
  {
    // md5('a') = 0cc175b9c0f1b6a8…, md5('b') = 92eb5ffee6ae2fec…: registers 0 and 9, then 1100… and 0010…
    title: 'registers and ranks of the md5',
    measure: measureOf({ kind: 'registers', precision: 4 }, { of: 'note' }),
    records: notes('a', 'b', null, 'a'),
    rows: [{ register: 0, rank: 1 }, { register: 9, rank: 3 }],
  },
  {
    // md5('1') = c4ca4238a0b92382…: register c4c, then 1010…; md5('true') = b326b5062b2f0e69…: register b32, then 0110…
    title: 'registers of an integer hash its decimal text',
    measure: measureOf({ kind: 'registers', precision: 12 }, { of: 'amount' }),
    records: amounts(1),
    rows: [{ register: 0xc4c, rank: 1 }],
  },
  {
    title: 'registers of a boolean hash true and false',
    measure: measureOf({ kind: 'registers', precision: 12 }, { of: 'paid' }),
    records: [{ paid: true }],
    rows: [{ register: 0xb32, rank: 2 }],
  },
  {
    title: 'bins: a boundary belongs to its own bin, signs mirror, past the last one is one more',
    measure: measureOf({ kind: 'bins', boundaries: bins }, { of: 'price' }),
    records: prices(0, 0.5, -0.99, 1, 1.5, 2, -2, 8, 8.5, -1e300, null),
    rows: [{ bin: 0, n: 3 }, { bin: 1, n: 1 }, { bin: 2, n: 2 }, { bin: -2, n: 1 }, { bin: 4, n: 1 }, { bin: 5, n: 1 }, { bin: -5, n: 1 }],
  },
  {
    title: 'bins of integers',
    measure: measureOf({ kind: 'bins', boundaries: bins }, { of: 'big' }),
    records: bigs(INT64_MIN_TEXT, 3, 3),
    rows: [{ bin: -5, n: 1 }, { bin: 3, n: 2 }],
  },
]

const drafts: readonly MeasureCase[] = [...counts, ...sums, ...extremes, ...ordered, ...sketches]

/** Every case's records in one input, each case's user named by its title; a record's time counts up from 1 in its case. */
export const measureRecords: readonly JsonRecord[] = drafts.flatMap(({ title, records }) =>
  records.map((record, i) => ({ at: i + 1, user: title, ...record })),
)

/** The cases, the offsets in their rows being those of `measureRecords`. */
export const measureCases: readonly MeasureCase[] = drafts.map((one) => {
  const firstOffset = measureRecords.findIndex(({ user }) => user === one.title)
  const rows = one.rows.map((row) => ('offset' in row ? { ...row, offset: Number(row['offset']) + firstOffset } : row))
  return { ...one, rows }
})

export const titlesOfMeasures: readonly string[] = drafts.map(({ title }) => title)
