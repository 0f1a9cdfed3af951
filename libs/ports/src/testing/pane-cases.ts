// Which pane an event lives in, whose it is, and which events are asked for.
import { expect, it } from '@jest/globals'
import type { LadderGrouping, RungGrouping } from '../batch-engine.ts'
import {
  clicks, expressionOf, groupPanes, HOUR_MS, lifetimeRung, measureOf, MINUTE_MS, withoutGroup, type BatchEngineHarness,
} from './batch-engine-fixture.ts'
import { expectRows, type PlainRow } from './collect-streams.ts'
import type { JsonRecord } from './record-files.ts'

/** One-minute panes for a window of 5 minutes, rolled up into hours for a window of 3 hours. */
const minutes: RungGrouping = { lengthMs: MINUTE_MS, horizonMs: 5 * MINUTE_MS, alignMs: HOUR_MS }
const hours: RungGrouping = { lengthMs: HOUR_MS, horizonMs: 3 * HOUR_MS, alignMs: HOUR_MS }
const count = measureOf('count')
const ladderOf = (...rungs: RungGrouping[]): { ladders: LadderGrouping[] } => ({ ladders: [{ rungs, measures: [count] }] })
const click = (at: number, more: JsonRecord = {}): JsonRecord => ({ at, user: 'ann', ...more })
const appended = { columns: { appendTime: 'appended' } }

function places(rows: readonly PlainRow[]): PlainRow[] {
  return rows.map(({ rung, start, n }) => ({ rung: rung!, start: start!, n: n! }))
}

export function paneCases(createHarness: () => Promise<BatchEngineHarness>): void {
  it('gives each entity its own panes, log time and number of events', async () => {
    await using harness = await createHarness()
    const records = [click(1), click(2, { user: 'bob' }), click(MINUTE_MS), click(MINUTE_MS + 1), click(59_999)]
    const { entities, rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, records), ladderOf(minutes))
    expectRows(entities, [
      { key_0: 'ann', logTimeMs: MINUTE_MS + 1, eventCount: 4 },
      { key_0: 'bob', logTimeMs: 2, eventCount: 1 },
    ])
    expectRows(rowsOf(0, 0), [
      { entity: 'ann', rung: 0, start: 0, n: 2 },
      { entity: 'ann', rung: 0, start: MINUTE_MS, n: 2 },
      { entity: 'bob', rung: 0, start: 0, n: 1 },
    ])
  })

  it('law 9: keeps a pane of minutes up to the aligned edge, and one below it as an hour', async () => {
    await using harness = await createHarness()
    // At 10:04:59.999 the five-minute window of the next question starts at 10:00, so minutes are kept from there.
    const log = 10 * HOUR_MS + 5 * MINUTE_MS - 1
    const records = [click(log), click(10 * HOUR_MS), click(10 * HOUR_MS - 1), click(9 * HOUR_MS)]
    const { rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, records), ladderOf(minutes, hours))
    expectRows(places(rowsOf(0, 0)), [
      { rung: 0, start: 10 * HOUR_MS + 4 * MINUTE_MS, n: 1 },
      { rung: 0, start: 10 * HOUR_MS, n: 1 },
      { rung: 1, start: 9 * HOUR_MS, n: 2 },
    ])
  })

  it('law 9: a millisecond earlier the same minutes are still kept', async () => {
    await using harness = await createHarness()
    const log = 10 * HOUR_MS + 5 * MINUTE_MS - 2
    const records = [click(log), click(10 * HOUR_MS - 1), click(9 * HOUR_MS), click(9 * HOUR_MS - 1)]
    const { rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, records), ladderOf(minutes, hours))
    expectRows(places(rowsOf(0, 0)), [
      { rung: 0, start: 10 * HOUR_MS + 4 * MINUTE_MS, n: 1 },
      { rung: 0, start: 10 * HOUR_MS - MINUTE_MS, n: 1 },
      { rung: 0, start: 9 * HOUR_MS, n: 1 },
      { rung: 1, start: 8 * HOUR_MS, n: 1 },
    ])
  })

  it('law 9: drops what no rung keeps, and puts it into the lifetime pane where there is one', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(10 * HOUR_MS), click(7 * HOUR_MS), click(7 * HOUR_MS - 1), click(0)])
    const bounded = await groupPanes(harness, input, ladderOf(hours))
    expectRows(places(bounded.rowsOf(0, 0)), [{ rung: 0, start: 10 * HOUR_MS, n: 1 }, { rung: 0, start: 7 * HOUR_MS, n: 1 }])
    expect(bounded.entities).toEqual([{ key_0: 'ann', logTimeMs: 10 * HOUR_MS, eventCount: 4 }])
    const unbounded = await groupPanes(harness, input, ladderOf(hours, lifetimeRung))
    expectRows(places(unbounded.rowsOf(0, 0)), [
      { rung: 0, start: 10 * HOUR_MS, n: 1 }, { rung: 0, start: 7 * HOUR_MS, n: 1 }, { rung: 1, start: 0, n: 2 },
    ])
  })

  it('rounds the start of a pane down before 1970 too', async () => {
    await using harness = await createHarness()
    const { rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, [click(-1), click(-MINUTE_MS)]), ladderOf(minutes))
    expectRows(places(rowsOf(0, 0)), [{ rung: 0, start: -MINUTE_MS, n: 2 }])
  })

  it('goes by the newest append time of the entity, not of the log, and not of the event time', async () => {
    await using harness = await createHarness()
    const records = [
      click(0, { appended: 20 * HOUR_MS }),
      click(0, { user: 'bob', appended: HOUR_MS }),
      click(1, { user: 'bob', appended: 2 * HOUR_MS }),
      click(2, { user: 'bob', appended: 0.5 * HOUR_MS }),
    ]
    const input = await harness.inputOf(clicks, records, appended)
    const { entities, rowsOf } = await groupPanes(harness, input, ladderOf(hours))
    expectRows(entities, [
      { key_0: 'ann', logTimeMs: 20 * HOUR_MS, eventCount: 1 },
      { key_0: 'bob', logTimeMs: 2 * HOUR_MS, eventCount: 3 },
    ])
    expect(rowsOf(0, 0)).toEqual([{ entity: 'bob', rung: 0, start: 0, n: 3 }])
  })

  it('takes an event time later than the append time as the append time', async () => {
    await using harness = await createHarness()
    const records = [click(50 * MINUTE_MS, { appended: MINUTE_MS, note: 'ahead' }), click(MINUTE_MS + 1, { appended: 2 * MINUTE_MS, note: 'after' })]
    const input = await harness.inputOf(clicks, records, appended)
    const { rowsOf } = await groupPanes(harness, input, { ladders: [{ rungs: [minutes], measures: [measureOf('last', { of: 'note' })] }] })
    expect(rowsOf(0, 0)).toEqual([{ entity: 'ann', rung: 0, start: MINUTE_MS, value: 'after', eventTimeMs: MINUTE_MS + 1, partition: 0, offset: 1 }])
  })

  it('keeps ladders apart, with panes of their own', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(0, { amount: 1 }), click(HOUR_MS, { amount: 2 })])
    const sum = measureOf('sum', { of: 'amount' })
    const { rowsOf } = await groupPanes(harness, input, {
      ladders: [{ rungs: [hours], measures: [sum, count] }, { rungs: [lifetimeRung], measures: [count, sum, measureOf('max', { of: 'amount' })] }],
    })
    expectRows(places(rowsOf(0, 1)), [{ rung: 0, start: 0, n: 1 }, { rung: 0, start: HOUR_MS, n: 1 }])
    expectRows(rowsOf(0, 0), [
      { entity: 'ann', rung: 0, start: 0, n: 1, sum: 1 }, { entity: 'ann', rung: 0, start: HOUR_MS, n: 1, sum: 2 },
    ])
    expect(rowsOf(1, 1)).toEqual([{ entity: 'ann', rung: 0, start: 0, n: 2, sum: 3 }])
    expect(rowsOf(1, 2)).toEqual([{ entity: 'ann', rung: 0, start: 0, value: 2 }])
  })

  it('tells entities of several keys apart, whatever their texts', async () => {
    await using harness = await createHarness()
    const keys = [
      { key: 'shop', column: 'shop', type: 'int64' as const },
      { key: 'user', column: 'user', type: 'string' as const },
    ]
    const users = ['a', 'A', 'ä', 'a\u0308', '日本', '😀', "o'clock", 'a|b', '1', ' ']
    const records = users.flatMap((user, i) => [click(i, { user, shop: 1 }), click(i, { user, shop: '9223372036854775807' }), click(i, { user, shop: -1 })])
    const { entities, rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, records), [count], { keys })
    expect(new Set(entities.map(({ key_0, key_1 }) => `${key_0}/${key_1}`))).toEqual(
      new Set(users.flatMap((user) => ['1', '9223372036854775807', '-1'].map((shop) => `${shop}/${user}`))),
    )
    expect(withoutGroup(rowsOf(0, 0))).toEqual(users.flatMap(() => [{ n: 1 }, { n: 1 }, { n: 1 }]))
  })

  it('evaluates derived columns, in keys, filters, measures and each other', async () => {
    await using harness = await createHarness()
    const derive = [
      { definition: { name: 'late', type: 'int32' as const, expression: 'amount > 15 ? 1 : 0' }, expression: expressionOf('amount > 15 ? 1 : 0') },
      { definition: { name: 'later', type: 'int32' as const, expression: 'late * 2' }, expression: expressionOf('late * 2', { late: 'int32' }) },
    ]
    const sum = { ...measureOf('sum', {}), of: expressionOf('later', { later: 'int32' }) }
    const input = await harness.inputOf(clicks, [click(1, { amount: 16 }), click(2, { amount: 15 }), click(3, { amount: 99 }), click(4)])
    const { entities, rowsOf, report } = await groupPanes(harness, input, [sum], {
      derive,
      where: expressionOf('amount < 99 || late == 0', { late: 'int32' }),
      keys: [{ key: 'late', column: 'late', type: 'int32' }],
    })
    expectRows(entities, [{ key_0: 0, logTimeMs: 4, eventCount: 2 }, { key_0: 1, logTimeMs: 1, eventCount: 1 }])
    expectRows(rowsOf(0, 0), [
      { entity: '1', rung: 0, start: 0, n: 1, sum: 2 }, { entity: '0', rung: 0, start: 0, n: 2, sum: 0 },
    ])
    expect(report).toMatchObject({ acceptedCount: 4, filteredCount: 1 })
  })

  it('law 3: takes epochs after one and through another, by the running maximum of append time', async () => {
    await using harness = await createHarness()
    const hour = (appendedHour: number, note: string): JsonRecord => click(0, { appended: appendedHour * HOUR_MS, note })
    // Epochs 0, 1, 3, 3 (appended earlier, known later), 4.
    const records = [hour(0.5, 'a'), hour(1, 'b'), hour(3.99, 'c'), hour(2, 'd'), hour(4, 'e')]
    const input = await harness.inputOf(clicks, records, appended)
    const notesOf = async (afterEpoch: number | null, throughEpoch: number | null): Promise<string> => {
      const { rowsOf } = await groupPanes(harness, input, [measureOf({ kind: 'values', limit: 9 }, { of: 'note' })], { afterEpoch, throughEpoch })
      return withoutGroup(rowsOf(0, 0)).map(({ value }) => value).sort().join('')
    }
    expect(await notesOf(null, null)).toBe('abcde')
    expect(await notesOf(null, 0)).toBe('a')
    expect(await notesOf(null, 2)).toBe('ab')
    expect(await notesOf(2, null)).toBe('cde')
    expect(await notesOf(0, 3)).toBe('bcd')
    expect(await notesOf(3, 3)).toBe('')
  })

  it('law 3: judges the log time by the epochs that were asked for', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(0), click(5 * HOUR_MS), click(9 * HOUR_MS)])
    const { entities, rowsOf } = await groupPanes(harness, input, ladderOf(hours), { throughEpoch: 2 })
    expect(entities).toEqual([{ key_0: 'ann', logTimeMs: 0, eventCount: 1 }])
    expectRows(places(rowsOf(0, 0)), [{ rung: 0, start: 0, n: 1 }])
  })

  it('law 4: until a time takes only what was known before it', async () => {
    await using harness = await createHarness()
    const records = [click(1, { appended: 9 }), click(2, { appended: 10 }), click(3, { appended: 5 })]
    const input = await harness.inputOf(clicks, records, appended)
    const countUntil = async (untilMs: number): Promise<unknown> => (await groupPanes(harness, input, [count], { untilMs })).rowsOf(0, 0)[0]?.['n']
    expect(await countUntil(9)).toBeUndefined()
    expect(await countUntil(10)).toBe(1)
    expect(await countUntil(11)).toBe(3)
  })
}
