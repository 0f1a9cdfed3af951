// Law 4 for training rows: what a row at t sees of the log, and that every row keeps its place.
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { AsOfWindow, EventInput, RowsInput } from '../batch-engine.ts'
import {
  clicks, expressionOf, groupAsOf, HOUR_MS, measureOf, MINUTE_MS, withoutGroup, type AsOfSelected, type BatchEngineHarness,
} from './batch-engine-fixture.ts'
import { expectRows, type PlainRow } from './collect-streams.ts'
import { measureCases, measureRecords, titlesOfMeasures } from './measure-cases.ts'
import type { JsonRecord } from './record-files.ts'

const count = measureOf('count')
const notes = measureOf({ kind: 'values', limit: 99 }, { of: 'note' })
const click = (at: number, note: string, more: JsonRecord = {}): JsonRecord => ({ at, user: 'ann', note, ...more })
const appended = { columns: { appendTime: 'appended' } }

export function asOfCases(createHarness: () => Promise<BatchEngineHarness>): void {
  /** The notes that the rows of 'ann' at these times see, joined, a text for each row. */
  async function notesAt(
    records: readonly JsonRecord[],
    timesMs: readonly number[],
    more: AsOfSelected & { window?: Omit<AsOfWindow, 'measures'>; source?: Partial<SourceDefinition> } = {},
  ): Promise<string[]> {
    await using harness = await createHarness()
    const { window = { lengthMs: null, resolutionMs: null }, source = {}, ...selected } = more
    const hasAppend = records.some((record) => 'appended' in record)
    const input = await harness.inputOf({ ...clicks, ...source }, records, hasAppend ? appended : {})
    const rows = await harness.rowsOf(timesMs.map((t) => ({ user: 'ann', t })), 't')
    const { rowsOf } = await groupAsOf(harness, input, rows, { windows: [{ ...window, measures: [notes] }] }, selected)
    return timesMs.map((_, i) => rowsOf(0, 0).filter(({ row }) => row === i).map(({ value }) => value).sort().join(''))
  }

  describe('measures', () => {
    let answer: Awaited<ReturnType<typeof groupAsOf>>

    beforeAll(async () => {
      await using harness = await createHarness()
      const input = await harness.inputOf(clicks, measureRecords)
      const rows = await harness.rowsOf([...titlesOfMeasures.map((user) => ({ user, t: 1_000 })), { user: titlesOfMeasures[0], t: 0 }, { user: 'bob', t: 1_000 }], 't')
      answer = await groupAsOf(harness, input, rows, measureCases.map(({ measure }) => measure), { knownAt: 'event' })
    })

    it.each(measureCases)('$title', ({ title, rows }) => {
      const index = titlesOfMeasures.indexOf(title)
      expectRows(withoutGroup(answer.rowsOf(0, index).filter(({ row }) => row === index)), rows)
      expect(answer.rowsOf(0, index).every(({ row }) => Number(row) < titlesOfMeasures.length)).toBe(true)
    })
  })

  it('law 4: a row at t comes before what is appended at t', async () => {
    const records = [click(1, 'a', { appended: 9 }), click(2, 'b', { appended: 10 }), click(3, 'c', { appended: 11 })]
    expect(await notesAt(records, [9, 10, 11, 12])).toEqual(['', 'a', 'ab', 'abc'])
  })

  it('law 4: without append times, the running maximum of the event time says when an event was known', async () => {
    expect(await notesAt([click(1, 'a'), click(9, 'b'), click(3, 'c')], [2, 4, 9, 10])).toEqual(['a', 'a', 'a', 'abc'])
  })

  it('law 4: an append time that steps back is known no earlier than the record before it', async () => {
    const records = [click(1, 'a', { appended: 5 }), click(2, 'b', { appended: 20 }), click(3, 'c', { appended: 8 })]
    expect(await notesAt(records, [6, 9, 20, 21])).toEqual(['a', 'a', 'a', 'abc'])
  })

  it('law 4: a row of a batch table counts from its own availability time, whatever the order of the file', async () => {
    const records = [click(1, 'a', { appended: 5 }), click(2, 'b', { appended: 20 }), click(3, 'c', { appended: 8 })]
    expect(await notesAt(records, [6, 8, 9, 21], { source: { kind: 'batch-table' } })).toEqual(['a', 'a', 'ac', 'abc'])
  })

  it('law 4: --known-at event lets the event time stand for the append time', async () => {
    const late = [click(1, 'a', { appended: 50 }), click(7, 'b', { appended: 20 })]
    expect(await notesAt(late, [1, 2, 7, 8], { knownAt: 'event' })).toEqual(['', 'a', 'a', 'ab'])
    expect(await notesAt([click(9, 'a'), click(1, 'b')], [2, 9, 10], { knownAt: 'event' })).toEqual(['b', 'b', 'ab'])
  })

  it("law 4: the source's delay is taken from t; --known-at event leaves it out with the rest of the condition", async () => {
    const records = [click(1, 'a', { appended: 10 }), click(2, 'b', { appended: 11 })]
    expect(await notesAt(records, [15, 16, 17], { source: { delayMs: 5 } })).toEqual(['', 'a', 'ab'])
    expect(await notesAt(records, [1, 2, 3], { source: { delayMs: 5 }, knownAt: 'event' })).toEqual(['', 'a', 'ab'])
  })

  it('law 4: a window begins at its tail, t less its length rounded down to the resolution', async () => {
    const at = [0, MINUTE_MS - 1, MINUTE_MS, 2 * MINUTE_MS]
    const records = at.map((time, i) => click(time, 'abcd'[i]!))
    const window = { lengthMs: 3 * MINUTE_MS, resolutionMs: MINUTE_MS }
    const t = 4 * MINUTE_MS
    expect(await notesAt(records, [t - 1, t, t + MINUTE_MS - 1, t + MINUTE_MS, t + 3 * MINUTE_MS], { window })).toEqual(['abcd', 'cd', 'cd', 'd', ''])
  })

  it('law 4: an exact window begins at its millisecond, before 1970 too', async () => {
    const records = [-1001, -1000, -1].map((time, i) => click(time, 'abc'[i]!))
    expect(await notesAt(records, [-1, 0, 999, 1000], { window: { lengthMs: 1000, resolutionMs: 1 } })).toEqual(['ab', 'bc', 'c', ''])
    expect(await notesAt(records, [0], { window: { lengthMs: 1500, resolutionMs: 1000 } })).toEqual(['abc'])
  })

  it('law 4: an event time later than its append time counts as the append time', async () => {
    const records = [click(90 * MINUTE_MS, 'a', { appended: MINUTE_MS })]
    const window = { lengthMs: MINUTE_MS, resolutionMs: 1 }
    expect(await notesAt(records, [MINUTE_MS + 1, 2 * MINUTE_MS, 2 * MINUTE_MS + 1], { window })).toEqual(['a', 'a', ''])
  })

  it('law 2: breaks ties by event time, then offset, among what the row knows', async () => {
    await using harness = await createHarness()
    const records = [click(5, 'a', { appended: 30 }), click(5, 'b', { appended: 10 }), click(5, 'c', { appended: 40 }), click(4, 'd', { appended: 40 })]
    const input = await harness.inputOf(clicks, records, appended)
    const rows = await harness.rowsOf([30, 31, 41].map((t) => ({ user: 'ann', t })), 't')
    const { rowsOf } = await groupAsOf(harness, input, rows, [measureOf('last', { of: 'note' }), measureOf('first', { of: 'note' })])
    const valuesOf = (measure: number): PlainRow[] => rowsOf(0, measure).map(({ row, value, offset }) => ({ row: row!, value: value!, offset: offset! }))
    expectRows(valuesOf(0), [{ row: 1, value: 'b', offset: 1 }, { row: 2, value: 'c', offset: 2 }])
    expectRows(valuesOf(1), [{ row: 1, value: 'a', offset: 0 }, { row: 2, value: 'd', offset: 3 }])
  })

  it('keeps every row in its place, those without a time, a key or an event too', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(1, 'a'), { at: 2, user: null }])
    const rows = await harness.rowsOf([
      { user: 'bob', t: 5, label: 1 },
      { user: null, t: 5, label: 2 },
      { user: 'ann', t: null, label: 3 },
      { user: 'ann', t: 5, label: 4 },
      { user: 'ann', t: 5, label: 4 },
      { user: 'ann', t: 0, label: 5 },
    ], 't')
    const answer = await groupAsOf(harness, input, rows, [count])
    expect(answer.rows).toEqual([
      { row: 0, timeMs: 5, key_0: 'bob' },
      { row: 1, timeMs: 5, key_0: null },
      { row: 2, timeMs: null, key_0: 'ann' },
      { row: 3, timeMs: 5, key_0: 'ann' },
      { row: 4, timeMs: 5, key_0: 'ann' },
      { row: 5, timeMs: 0, key_0: 'ann' },
    ])
    expectRows(answer.rowsOf(0, 0), [{ row: 3, n: 1 }, { row: 4, n: 1 }])
    expect(answer.report).toMatchObject({ readCount: 2, acceptedCount: 2, nullKeyCount: 1 })
  })

  it('takes times as ISO text, and counts what it cannot read as no time', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(4_999, 'a'), click(5_000, 'b')])
    const rows = await harness.rowsOf([{ user: 'ann', t: '1970-01-01T00:00:05Z' }, { user: 'ann', t: 'soon' }, { user: 'ann', t: '1970-01-01 02:00:05+02:00' }], 't')
    const answer = await groupAsOf(harness, input, rows, [count])
    expect(answer.rows.map(({ timeMs }) => timeMs)).toEqual([5_000, null, 5_000])
    expectRows(answer.rowsOf(0, 0), [{ row: 0, n: 1 }, { row: 2, n: 1 }])
  })

  it('matches several keys, by the columns that the rows file names', async () => {
    await using harness = await createHarness()
    const max = '9223372036854775807'
    const records = [click(1, 'a', { shop: max }), click(2, 'b', { shop: 7 }), click(3, 'c', { shop: 7, user: '日本' }), click(4, 'd', { shop: null })]
    const rows = await harness.rowsOf([{ who: 'ann', where: 7, t: 9 }, { who: '日本', where: 7, t: 9 }, { who: 'ann', where: max, t: 9 }, { who: '日本', where: 8, t: 9 }], 't')
    const keys = [{ key: 'shop_id', column: 'shop', type: 'int64' as const }, { key: 'name', column: 'user', type: 'string' as const }]
    const answer = await groupAsOf(harness, await harness.inputOf(clicks, records), rows, [notes], { keys, rowKeys: { shop_id: 'where', name: 'who' } })
    expectRows(answer.rowsOf(0, 0), [{ row: 0, value: 'b', n: 1 }, { row: 1, value: 'c', n: 1 }, { row: 2, value: 'a', n: 1 }])
    expect(answer.rows.map(({ key_0 }) => key_0)).toEqual([7, 7, 2n ** 63n - 1n, 8])
  })

  it('answers several windows with several measures each, filtered and grouped', async () => {
    await using harness = await createHarness()
    const records = [click(0, 'x', { amount: 1 }), click(HOUR_MS, 'y', { amount: 2 }), click(HOUR_MS + 1, 'y', { amount: 4 }), click(HOUR_MS + 2, 'z', { amount: -8 })]
    const input = await harness.inputOf(clicks, records)
    const rows = await harness.rowsOf([HOUR_MS + 9, 1].map((t) => ({ user: 'ann', t })), 't')
    const sum = measureOf('sum', { of: 'amount' })
    const grouped = measureOf('sum', { of: 'amount', groupBy: 'note' })
    const windows = [
      { lengthMs: MINUTE_MS, resolutionMs: 1_000, measures: [sum, count, grouped] },
      { lengthMs: null, resolutionMs: null, measures: [grouped, sum] },
    ]
    const { rowsOf } = await groupAsOf(harness, input, rows, { windows }, { where: expressionOf('amount > 0') })
    expectRows(rowsOf(0, 0), [{ row: 0, n: 2, sum: 6 }, { row: 1, n: 1, sum: 1 }])
    expectRows(rowsOf(0, 1), [{ row: 0, n: 2 }, { row: 1, n: 1 }])
    expectRows(rowsOf(0, 2), [{ row: 0, grp: 'y', n: 2, sum: 6 }, { row: 1, grp: 'x', n: 1, sum: 1 }])
    expectRows(rowsOf(1, 0), [{ row: 0, grp: 'x', n: 1, sum: 1 }, { row: 0, grp: 'y', n: 2, sum: 6 }, { row: 1, grp: 'x', n: 1, sum: 1 }])
    expectRows(rowsOf(1, 1), [{ row: 0, n: 3, sum: 7 }, { row: 1, n: 1, sum: 1 }])
  })

  it('law 9: says of which windows the different event times are more than asked, an instant being known from its first event on', async () => {
    await using harness = await createHarness()
    const records = [
      click(1, 'a', { appended: 90 }), click(1, 'b', { appended: 10 }), click(2, 'c', { appended: 20, amount: 7 }), click(2, 'd', { appended: 20 }),
      click(3, 'e', { appended: 60, amount: 7 }), click(4, 'f', { appended: 30, user: 'bob' }), click(70, 'g', { appended: 5 }),
    ]
    const rows = await harness.rowsOf([{ user: 'ann', t: 20 }, { user: 'ann', t: 21 }, { user: 'ann', t: 61 }, { user: 'ann', t: 100 }, { user: 'bob', t: 100 }, { user: null, t: 9 }], 't')
    const instants = [{ where: null, countMax: 1 }, { where: expressionOf('amount > 3'), countMax: 1 }, { where: null, countMax: 3 }]
    const windows = [{ lengthMs: 99, resolutionMs: 1, measures: [count], instants }, { lengthMs: 59, resolutionMs: 1, measures: [], instants: instants.slice(0, 1) }]
    const { rowsOf } = await groupAsOf(harness, await harness.inputOf({ ...clicks, kind: 'batch-table' }, records, appended), rows, { windows })
    // What was appended at 5 happened at 5 at the latest.
    expectRows(rowsOf(0, 1), [{ row: 0, n: 2 }, { row: 1, n: 3 }, { row: 2, n: 4 }, { row: 3, n: 4 }])
    expectRows(rowsOf(0, 2), [{ row: 2, n: 2 }, { row: 3, n: 2 }])
    expectRows(rowsOf(0, 3), [{ row: 2, n: 4 }, { row: 3, n: 4 }])
    expectRows(rowsOf(1, 0), [{ row: 0, n: 2 }, { row: 1, n: 3 }, { row: 2, n: 3 }])
  })

  it('answers windows that share some measures, over a history long enough to be summed up beforehand', async () => {
    await using harness = await createHarness()
    const eventCount = 3_000
    const records = Array.from({ length: eventCount }, (_, i) => click(i * 2_000, 'x', { amount: 1, price: 0.5, big: i }))
    const input = await harness.inputOf(clicks, records)
    const rows = await harness.rowsOf([{ user: 'bob', t: 1 }, { user: 'ann', t: eventCount * 2_000 }, { user: 'ann', t: 1_234_567 }], 't')
    const sum = measureOf('sum', { of: 'amount' })
    const newest = measureOf('last', { of: 'big' })
    const [short, long] = [37 * MINUTE_MS, 69 * MINUTE_MS]
    const windows = [
      { lengthMs: long, resolutionMs: MINUTE_MS, measures: [measureOf('max', { of: 'price' }), measureOf('moments', { of: 'price' }), sum] },
      { lengthMs: short, resolutionMs: MINUTE_MS, measures: [sum, newest] },
      { lengthMs: null, resolutionMs: null, measures: [newest, count] },
    ]
    const { rowsOf } = await groupAsOf(harness, input, rows, { windows })
    const seen = (t: number, lengthMs: number): number => {
      const tail = Math.floor((t - lengthMs) / MINUTE_MS) * MINUTE_MS
      return records.filter(({ at }) => Number(at) >= tail && Number(at) < t).length
    }
    const all = [eventCount * 2_000, 1_234_567].map((t, i) => ({ row: i + 1, t, last: Math.ceil(t / 2_000) - 1 }))
    const newestOf = ({ row, last }: { row: number; last: number }): PlainRow => ({ row, value: last, eventTimeMs: last * 2_000, partition: 0, offset: last })
    expectRows(rowsOf(0, 0), all.map(({ row }) => ({ row, value: 0.5 })))
    expectRows(rowsOf(0, 1), all.map(({ row, t }) => ({ row, n: seen(t, long), mean: 0.5, m2: 0 })))
    expectRows(rowsOf(0, 2), all.map(({ row, t }) => ({ row, n: seen(t, long), sum: seen(t, long) })))
    expectRows(rowsOf(1, 0), all.map(({ row, t }) => ({ row, n: seen(t, short), sum: seen(t, short) })))
    expectRows(rowsOf(1, 1), all.map(newestOf))
    expectRows(rowsOf(2, 0), all.map(newestOf))
    expectRows(rowsOf(2, 1), all.map(({ row, t }) => ({ row, n: seen(t, Infinity) })))
  })

  it('answers many rows in order over many batches', async () => {
    await using harness = await createHarness()
    const input: EventInput = await harness.inputOf(clicks, Array.from({ length: 300 }, (_, i) => click(i, `note ${i % 4}`, { user: `user ${i % 3}` })))
    const rows: RowsInput = await harness.rowsOf(Array.from({ length: 3_000 }, (_, i) => ({ user: `user ${i % 3}`, t: (i * 7) % 300 })), 't')
    const { rowsOf } = await groupAsOf(harness, input, rows, [count, notes])
    const seen = (i: number): number => Math.floor(((i * 7) % 300 - 1 - (i % 3)) / 3) + 1
    const expected = Array.from({ length: 3_000 }, (_, row) => ({ row, n: seen(row) })).filter(({ n }) => n > 0)
    expectRows(rowsOf(0, 0), expected)
    expect(rowsOf(0, 1).reduce((sum, { n }) => sum + Number(n), 0)).toBe(expected.reduce((sum, { n }) => sum + n, 0))
  })
}
