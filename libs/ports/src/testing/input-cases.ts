// What is read: files and partitions, what is rejected, skipped and counted, and how streams end.
import { basename, dirname } from 'node:path'
import { expect, it } from '@jest/globals'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '../batch-engine.ts'
import { clicks, expressionOf, groupPanes, HOUR_MS, lifetimeRung, measureOf, withoutGroup, type BatchEngineHarness } from './batch-engine-fixture.ts'
import { expectRows } from './collect-streams.ts'
import type { JsonRecord } from './record-files.ts'

const count = measureOf('count')
const click = (at: number, more: JsonRecord = {}): JsonRecord => ({ at, user: 'ann', ...more })

export function inputCases(createHarness: () => Promise<BatchEngineHarness>): void {
  it('counts what was read, rejected, filtered and without a key; each event in one of them', async () => {
    await using harness = await createHarness()
    const records = [
      click(1, { amount: 5 }),
      click(2, { amount: 1_000_001 }),
      click(3, { user: null, amount: 6 }),
      click(4, { amount: -7 }),
      click(5, { amount: null }),
      click(6, { user: null, amount: -8 }),
    ]
    const { entities, report } = await groupPanes(harness, await harness.inputOf(clicks, records), [count], { where: expressionOf('amount > 0') })
    expect(entities).toEqual([{ key_0: 'ann', logTimeMs: 1, eventCount: 1 }])
    expect(report).toMatchObject({ readCount: 6, acceptedCount: 5, rejectedCount: 1, filteredCount: 3, nullKeyCount: 1 })
    expect(report.rejectedSamples).toEqual([{ file: expect.any(String), row: 1, reason: expect.stringContaining('amount') }])
  })

  it('reads one entity alone, and counts what is filtered and without a key as ever', async () => {
    await using harness = await createHarness()
    const records = [click(1, { amount: 5 }), click(2, { user: null, amount: 6 }), click(3, { user: 'bob', amount: 7 }), click(4, { user: null, amount: -7 }), click(5, { user: 'bob', amount: -8 })]
    const input = await harness.inputOf(clicks, records)
    const { entities, report } = await groupPanes(harness, input, [count], { where: expressionOf('amount > 0'), entity: ['bob'] })
    expect(entities).toEqual([{ key_0: 'bob', logTimeMs: 3, eventCount: 1 }])
    expect(report).toMatchObject({ acceptedCount: 5, filteredCount: 2, nullKeyCount: 1 })
    const nobody = await groupPanes(harness, input, [count], { entity: ["it's"] })
    expect(nobody).toMatchObject({ entities: [], report: { acceptedCount: 5, filteredCount: 0, nullKeyCount: 2 } })
  })

  it('keeps some twenty samples of what was rejected, and the count of all', async () => {
    await using harness = await createHarness()
    const records = [click(1, { amount: 1 }), ...Array.from({ length: 30 }, (_, i) => click(i, { amount: -1_000_001 }))]
    const { report } = await groupPanes(harness, await harness.inputOf(clicks, records), [count])
    expect(report).toMatchObject({ readCount: 31, acceptedCount: 1, rejectedCount: 30 })
    expect(report.rejectedSamples).toHaveLength(20)
  })

  it('law 10: a rejected record keeps its row number and moves nothing else', async () => {
    await using harness = await createHarness()
    const records = [click(1), click(90 * HOUR_MS, { amount: 1_000_001 }), click(2, { note: 'kept' })]
    const input = await harness.inputOf(clicks, records)
    const { entities, rowsOf } = await groupPanes(harness, input, [measureOf('last', { of: 'note' })], { throughEpoch: 0 })
    expect(entities).toEqual([{ key_0: 'ann', logTimeMs: 2, eventCount: 2 }])
    expect(withoutGroup(rowsOf(0, 0))).toEqual([{ value: 'kept', eventTimeMs: 2, partition: 0, offset: 2 }])
  })

  it('reads an input whose every record is filtered, and one whose every record is rejected', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(1, { amount: 1_000_001 }), click(1, { amount: 3 })])
    const { entities, rowsOf, report } = await groupPanes(harness, input, [count], { where: expressionOf('amount > 3') })
    expect({ entities, rows: rowsOf(0, 0) }).toEqual({ entities: [], rows: [] })
    expect(report).toMatchObject({ readCount: 2, rejectedCount: 1, filteredCount: 1 })
  })

  it('takes timestamps as epoch milliseconds and as ISO text, with and without a zone', async () => {
    await using harness = await createHarness()
    for (const at of ['1970-01-01T00:00:05Z', '1970-01-01T02:00:05.000+02:00', '1970-01-01 00:00:05', 5000]) {
      const { entities } = await groupPanes(harness, await harness.inputOf(clicks, [{ at, user: 'ann' }]), [count])
      expect(entities).toEqual([{ key_0: 'ann', logTimeMs: 5000, eventCount: 1 }])
    }
  })

  it('law 3: refuses a file that is named twice: its events would count twice', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, [click(1), click(2)], { fileCount: 2 })
    if (input.kind === 'records') return
    const [first] = input.paths
    const twice = groupPanes(harness, { ...input, paths: [...input.paths, `${dirname(first!)}/./${basename(first!)}`] }, [count])
    await expect(twice).rejects.toMatchObject({ code: 'USAGE', problems: [{ where: expect.stringContaining(basename(first!)), message: 'The file is named twice.' }] })
  })

  it('law 4: tells which events are held back by an event time before them, and by which, where there are no append times', async () => {
    await using harness = await createHarness()
    const records = [click(1), click(9 * HOUR_MS, { amount: 1_000_001 }), click(5 * HOUR_MS), click(5 * HOUR_MS - 30_000), click(2), click(5 * HOUR_MS), click(3), click(6 * HOUR_MS)]
    const heldBackIn = async (input: EventInput): Promise<unknown> => (await groupPanes(harness, input, [count])).report.heldBack
    const oneFile = await harness.inputOf(clicks, records)
    expect(await heldBackIn(oneFile)).toEqual({ count: 2, by: { file: expect.any(String), row: 2, eventTimeMs: 5 * HOUR_MS } })
    expect(await heldBackIn(await harness.inputOf(clicks, records.slice(0, 4)))).toBeNull()
    const logged = records.map((record, i) => ({ ...record, logged: i }))
    expect(await heldBackIn(await harness.inputOf(clicks, logged, { columns: { appendTime: 'logged' } }))).toBeNull()
  })

  it('law 2: counts offsets over the files in their order', async () => {
    await using harness = await createHarness()
    const records = [1, 2, 3, 4, 5].map((amount) => click(7, { amount }))
    const input = await harness.inputOf(clicks, records, { fileCount: 3 })
    const { rowsOf } = await groupPanes(harness, input, [measureOf({ kind: 'lastK', k: 2 }, { of: 'amount' })])
    expectRows(withoutGroup(rowsOf(0, 0)), [
      { value: 4, eventTimeMs: 7, partition: 0, offset: 3 },
      { value: 5, eventTimeMs: 7, partition: 0, offset: 4 },
    ])
  })

  it('law 2: breaks ties of an archive by partition, then offset', async () => {
    await using harness = await createHarness()
    const place = (partition: number, offset: number, note: string): JsonRecord => click(7, { partition, offset, logged: 7, note })
    const records = [place(1, 4, 'second'), place(0, 12, 'first'), place(1, 5, 'third')]
    const columns = { appendTime: 'logged', partition: 'partition', offset: 'offset' }
    const { rowsOf } = await groupPanes(harness, await harness.inputOf(clicks, records, { columns }), [
      measureOf({ kind: 'firstK', k: 3 }, { of: 'note' }),
      measureOf('last', { of: 'note' }),
    ])
    expectRows(withoutGroup(rowsOf(0, 0)), [
      { value: 'first', eventTimeMs: 7, partition: 0, offset: 12 },
      { value: 'second', eventTimeMs: 7, partition: 1, offset: 4 },
      { value: 'third', eventTimeMs: 7, partition: 1, offset: 5 },
    ])
    expect(withoutGroup(rowsOf(0, 1))).toEqual([{ value: 'third', eventTimeMs: 7, partition: 1, offset: 5 }])
  })

  it('law 3: runs the maximum of append time in each partition, in the order of its offsets', async () => {
    await using harness = await createHarness()
    const place = (partition: number, offset: number, loggedHour: number, note: string): JsonRecord =>
      click(0, { partition, offset, logged: loggedHour * HOUR_MS, note })
    const records = [place(0, 2, 1, 'a2'), place(1, 7, 1, 'b7'), place(0, 1, 5, 'a1'), place(1, 8, 0, 'b8'), place(0, 0, 0, 'a0')]
    const columns = { appendTime: 'logged', partition: 'partition', offset: 'offset' }
    const input = await harness.inputOf(clicks, records, { columns })
    const values = measureOf({ kind: 'values', limit: 9 }, { of: 'note' })
    const notesOf = async (selected: { afterEpoch?: number; throughEpoch?: number; untilMs?: number }): Promise<string> =>
      withoutGroup((await groupPanes(harness, input, [values], selected)).rowsOf(0, 0)).map(({ value }) => value).sort().join()
    expect(await notesOf({ throughEpoch: 0 })).toBe('a0')
    expect(await notesOf({ throughEpoch: 1 })).toBe('a0,b7,b8')
    expect(await notesOf({ afterEpoch: 1 })).toBe('a1,a2')
    expect(await notesOf({ untilMs: HOUR_MS + 1 })).toBe('a0,b7,b8')
  })

  it('law 3: takes known times and epochs from an archive that has them, whatever its own records say', async () => {
    await using harness = await createHarness()
    const place = (offset: number, loggedHour: number, knownHour: number, epoch: number, note: string): JsonRecord =>
      click(0, { partition: 3, offset, logged: loggedHour * HOUR_MS, known: knownHour * HOUR_MS, epoch, note })
    const records = [place(7, 1, 1, 4, 'a'), place(8, 1, 3, 4, 'b'), place(9, 3, 5, 5, 'c')]
    const columns = { appendTime: 'logged', partition: 'partition', offset: 'offset', knownTime: 'known', epoch: 'epoch' }
    const input = await harness.inputOf(clicks, records, { columns })
    const values = measureOf({ kind: 'values', limit: 9 }, { of: 'note' })
    const notesOf = async (selected: { afterEpoch?: number; throughEpoch?: number; untilMs?: number }): Promise<string> =>
      withoutGroup((await groupPanes(harness, input, [values], selected)).rowsOf(0, 0)).map(({ value }) => value).sort().join()
    expect(await notesOf({ afterEpoch: 3, throughEpoch: 4 })).toBe('a,b')
    expect(await notesOf({ afterEpoch: 4 })).toBe('c')
    expect(await notesOf({ untilMs: 3 * HOUR_MS })).toBe('a')
    expect(await notesOf({ throughEpoch: 5, untilMs: 5 * HOUR_MS + 1 })).toBe('a,b,c')
    const { entities } = await groupPanes(harness, input, [count], { throughEpoch: 4 })
    expect(entities).toEqual([{ key_0: 'ann', logTimeMs: HOUR_MS, eventCount: 2 }])
  })

  it('law 3: a rejected record whose append time can be read moves the running maximum of its partition', async () => {
    await using harness = await createHarness()
    const place = (partition: number, offset: number, loggedHour: number | string, note: string, more: JsonRecord = {}): JsonRecord =>
      click(0, { partition, offset, logged: typeof loggedHour === 'string' ? loggedHour : loggedHour * HOUR_MS, note, ...more })
    const bad = { amount: 1_000_001 }
    const records = [
      place(0, 0, 0, 'a0'), place(0, 1, 3, 'a1', bad), place(0, 2, 1, 'a2'), place(0, 3, 'later', 'a3'), place(0, 4, 5, 'a4'),
      place(1, 0, 'soon', 'b0', bad), place(1, 1, 1, 'b1'), place(1, 2, 9, 'b2', { at: null }), place(1, 3, 2, 'b3'),
    ]
    const values = measureOf({ kind: 'values', limit: 9 }, { of: 'note' })
    const notesOf = async (columns: object, selected: { afterEpoch?: number; throughEpoch?: number; untilMs?: number }): Promise<string> =>
      withoutGroup((await groupPanes(harness, await harness.inputOf(clicks, records, { columns: { appendTime: 'logged', ...columns } }), [values], selected)).rowsOf(0, 0)).map(({ value }) => value).sort().join()
    const log = { partition: 'partition', offset: 'offset' }
    expect(await notesOf(log, { throughEpoch: 2 })).toBe('a0,b1')
    expect(await notesOf(log, { throughEpoch: 3 })).toBe('a0,a2,b1')
    expect(await notesOf(log, { afterEpoch: 3 })).toBe('a4,b3')
    expect(await notesOf(log, { untilMs: 5 * HOUR_MS + 1 })).toBe('a0,a2,a4,b1')
    expect(await notesOf({}, { throughEpoch: 4 })).toBe('a0,a2')
    expect(await notesOf({}, { afterEpoch: 5 })).toBe('b3')
  })

  it('law 4: an epoch of a batch table has the rows whose own availability time is in it, whatever the order of the file', async () => {
    await using harness = await createHarness()
    const source: SourceDefinition = { ...clicks, kind: 'batch-table', appendTime: 'seen' }
    const input = await harness.inputOf(source, [click(0, { seen: 5 * HOUR_MS, note: 'a' }), click(0, { seen: HOUR_MS, note: 'b' }), click(0, { seen: 0, note: 'c' })])
    const notesOf = async (selected: { afterEpoch?: number; throughEpoch?: number; untilMs?: number }): Promise<string> =>
      withoutGroup((await groupPanes(harness, input, [measureOf({ kind: 'values', limit: 9 }, { of: 'note' })], selected)).rowsOf(0, 0)).map(({ value }) => value).sort().join()
    expect(await notesOf({ throughEpoch: 1 })).toBe('b,c')
    expect(await notesOf({ afterEpoch: 0 })).toBe('a,b')
    expect(await notesOf({ untilMs: HOUR_MS })).toBe('c')
  })

  it('reads an append time that the source names among its fields', async () => {
    await using harness = await createHarness()
    const source: SourceDefinition = { ...clicks, appendTime: 'seen' }
    const { entities } = await groupPanes(harness, await harness.inputOf(source, [click(1, { seen: 3 * HOUR_MS })]), [count], { afterEpoch: 2 })
    expect(entities).toEqual([{ key_0: 'ann', logTimeMs: 3 * HOUR_MS, eventCount: 1 }])
  })

  it('gives many entities in order over many batches', async () => {
    await using harness = await createHarness()
    const records = Array.from({ length: 6_000 }, (_, i) => click(i, { user: `user ${i % 2_999}`, amount: i % 7, note: `note ${i % 3}` }))
    const input = await harness.inputOf(clicks, records)
    const { entities, rowsOf } = await groupPanes(harness, input, [
      count,
      measureOf('max', { of: 'amount', where: 'amount > 5' }),
      measureOf({ kind: 'values', limit: 9 }, { of: 'note' }),
    ])
    const total = (measure: number): number => rowsOf(0, measure).reduce((sum, row) => sum + Number(row['n']), 0)
    const usersOfSixes = new Set(records.filter(({ amount }) => amount === 6).map(({ user }) => user))
    expect(entities).toHaveLength(2_999)
    expect([total(0), total(2)]).toEqual([6_000, 6_000])
    expect(new Set(rowsOf(0, 1).map(({ entity }) => entity))).toEqual(usersOfSixes)
  })

  it('may be left before its streams are read, or in the middle, and goes on working', async () => {
    await using harness = await createHarness()
    const input = await harness.inputOf(clicks, Array.from({ length: 500 }, (_, i) => click(i, { user: `user ${i}` })))
    const query = {
      input, derive: [], where: null, keys: [{ key: 'user', column: 'user', type: 'string' as const }],
      afterEpoch: null, throughEpoch: null, untilMs: null, ladders: [{ rungs: [lifetimeRung], measures: [count] }],
    }
    await (await harness.engine.groupPanes(query))[Symbol.asyncDispose]()
    {
      await using result = await harness.engine.groupPanes(query)
      for await (const batch of result.entities) {
        expect(batch.rowCount).toBeGreaterThan(0)
        break
      }
    }
    expect((await groupPanes(harness, input, [count])).entities).toHaveLength(500)
  })

  it('answers two queries at once', async () => {
    await using harness = await createHarness()
    const first = await harness.inputOf(clicks, [click(1)])
    const second = await harness.inputOf(clicks, [click(1), click(2)])
    const answers = await Promise.all([first, second, first].map((input) => groupPanes(harness, input, [count])))
    expect(answers.map(({ rowsOf }) => rowsOf(0, 0)[0]?.['n'])).toEqual([1, 2, 1])
  })
}
