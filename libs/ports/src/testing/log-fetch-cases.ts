// Reading: limits, ends, waiting, offsets that are gone or never seen.
import { expect, it } from '@jest/globals'
import { appendOf, appendTexts, code, NO_LIMITS, offsetsOf, readTexts, stepUntil, textsOf, turn, type EventLogHarness } from './log-cases.ts'
import { forSeeds, textOf } from './store-cases.ts'

export function fetchCases(createHarness: () => Promise<EventLogHarness>): void {
  it('reads an empty partition, and nothing before or past it', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
    expect(await log.fetch('t', 0, 0, NO_LIMITS)).toMatchObject({ from: 0, next: 0, records: [], isAtEnd: true })
    for (const from of [-1, 1, 1e12]) await expect(log.fetch('t', 0, from, NO_LIMITS)).rejects.toThrow(code('LOG_OFFSET_GONE'))
  })

  it('reads from any offset, and comes back empty-handed at the end', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    await appendTexts(log, 't', 0, 'a', 'b', 'c')
    await appendTexts(log, 't', 0, 'd')
    for (let from = 0; from <= 4; from++) {
      const batch = await log.fetch('t', 0, from, NO_LIMITS)
      expect({ ...batch, records: textsOf(batch) }).toMatchObject({ from, next: 4, records: ['a', 'b', 'c', 'd'].slice(from) })
    }
    await expect(log.fetch('t', 0, 5, NO_LIMITS)).rejects.toThrow(code('LOG_OFFSET_GONE'))
    await expect(log.fetch('t', 0, 5, { ...NO_LIMITS, waitMaxMs: 1_000 })).rejects.toThrow(code('LOG_OFFSET_GONE'))
  })

  it('stops at a count and at a size, and gives one record whatever its size', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    await appendTexts(log, 't', 0, 'x'.repeat(100), 'y'.repeat(100))
    await appendTexts(log, 't', 0, 'z'.repeat(100), 'w')
    const nextOf = async (from: number, limits: { countMax?: number; sizeMaxBytes?: number }): Promise<number> => (await log.fetch('t', 0, from, { ...NO_LIMITS, ...limits })).next
    expect(await nextOf(0, { countMax: 1 })).toBe(1)
    expect(await nextOf(1, { countMax: 2 })).toBe(3)
    expect(await nextOf(0, { countMax: 4 })).toBe(4)
    expect(await nextOf(0, { sizeMaxBytes: 1 })).toBe(1)
    expect(await nextOf(0, { sizeMaxBytes: 250 })).toBe(2)
    expect(await nextOf(1, { sizeMaxBytes: 200 })).toBe(3)
    expect(await nextOf(2, { sizeMaxBytes: 0 })).toBe(3)
  })

  it('reads the same in any pieces', async () => {
    await forSeeds(4, async (chance) => {
      await using harness = await createHarness()
      const { log, other, markerCount = 0 } = harness
      const below = (limit: number): number => Math.floor(chance() * limit)
      await log.ensureTopic('t', 2)
      const truth: { offset: number; text: string }[][] = [[], []]
      for (let round = 0; round < 12; round++) {
        const appends = Array.from({ length: 1 + below(3) }, (_, i) => appendOf('t', below(2), ...Array.from({ length: below(30) }, (_, j) => `${round}.${i}.${j}${'.'.repeat(below(80))}`)))
        const appended = await (chance() < 0.5 ? log : other).append(appends)
        for (const [i, { partition, records }] of appends.entries()) {
          const { length } = truth[partition]!
          if (records.length > 0 && markerCount === 0) expect(appended[i]!.firstOffset).toBe(length)
          truth[partition]!.push(...records.map(({ value }, j) => ({ offset: appended[i]!.firstOffset + j, text: textOf(value!) })))
        }
        for (const [partition, all] of truth.entries()) {
          const { end } = await log.extent('t', partition)
          expect(end - (all.at(-1)?.offset ?? -1) - 1).toBeLessThanOrEqual(markerCount)
          const from = below(end + 1)
          const limits = { countMax: 1 + below(50), sizeMaxBytes: below(2_000), waitMaxMs: 0 }
          const batch = await log.fetch('t', partition, from, limits)
          expect(batch.records.map(({ offset, value }) => ({ offset, text: textOf(value!) }))).toEqual(all.filter(({ offset }) => offset >= from && offset < batch.next))
          expect(batch.next > from).toBe(from < end)
          const left = all.find(({ offset }) => offset >= batch.next)
          expect(left === undefined ? batch.next === end || batch.records.length === limits.countMax : batch.records.length === limits.countMax || textsOf(batch).join('').length + left.text.length > limits.sizeMaxBytes).toBe(true)
        }
      }
      for (const [partition, all] of truth.entries()) expect(await readTexts(other, 't', partition, 0, 1 + below(7))).toEqual(all.map(({ text }) => text))
    })
  })

  it('waits at the end until its time is over', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    await appendTexts(log, 't', 0, 'a')
    expect((await log.fetch('t', 0, 0, { ...NO_LIMITS, waitMaxMs: 1_000 })).next).toBe(1)
    const { result, steppedMs } = await stepUntil(harness, 100, log.fetch('t', 0, 1, { ...NO_LIMITS, waitMaxMs: 1_000 }))
    expect(result).toMatchObject({ from: 1, next: 1, records: [] })
    expect(steppedMs).toBeGreaterThanOrEqual(1_000)
  })

  it('is woken by an append to the partition, and by no other', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 2)
    let isDone = false
    const fetched = log.fetch('t', 0, 0, { ...NO_LIMITS, waitMaxMs: 60_000 }).finally(() => (isDone = true))
    await turn()
    await appendTexts(log, 't', 1, 'elsewhere')
    await turn()
    expect(isDone).toBe(false)
    await appendTexts(log, 't', 0, 'here')
    expect(textsOf(await fetched)).toEqual(['here'])
  })

  it('finds what another client appended while it waited', async () => {
    await using harness = await createHarness()
    const { log, other } = harness
    await log.ensureTopic('t', 1)
    const fetched = log.fetch('t', 0, 0, { ...NO_LIMITS, waitMaxMs: 60_000 })
    await turn()
    await appendTexts(other, 't', 0, 'from afar')
    const { result, steppedMs } = await stepUntil(harness, 20, fetched)
    expect(textsOf(result)).toEqual(['from afar'])
    expect(steppedMs).toBeLessThanOrEqual(1_000)
  })

  it('is sent home by a signal, now or later, without an error', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    await appendTexts(log, 't', 0, 'a')
    const empty = { from: 1, next: 1, records: [] }
    expect(await log.fetch('t', 0, 1, { ...NO_LIMITS, waitMaxMs: 60_000 }, AbortSignal.abort())).toMatchObject(empty)
    const abort = new AbortController()
    const fetched = log.fetch('t', 0, 1, { ...NO_LIMITS, waitMaxMs: 60_000 }, abort.signal)
    await turn()
    abort.abort()
    expect(await fetched).toMatchObject(empty)
    expect(textsOf(await log.fetch('t', 0, 0, { ...NO_LIMITS, waitMaxMs: 60_000 }, AbortSignal.abort()))).toEqual(['a'])
  })

  it('goes home when its log is closed', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    const fetched = log.fetch('t', 0, 0, { ...NO_LIMITS, waitMaxMs: 60_000 })
    await turn()
    await log[Symbol.asyncDispose]()
    expect(await fetched).toMatchObject({ from: 0, next: 0, records: [] })
  })

  it('has nothing before its start once that has moved', async () => {
    await using harness = await createHarness()
    const { log, other, moveStart } = harness
    await log.ensureTopic('t', 1)
    await appendTexts(log, 't', 0, 'a', 'b', 'c')
    await appendTexts(log, 't', 0, 'd', 'e')
    await moveStart('t', 0, 2)
    expect(await other.extent('t', 0)).toEqual({ start: 2, end: 5, appendedEnd: 5 })
    for (const from of [0, 1]) await expect(log.fetch('t', 0, from, { ...NO_LIMITS, waitMaxMs: 1_000 })).rejects.toThrow(code('LOG_OFFSET_GONE'))
    expect(await readTexts(log, 't', 0, 2)).toEqual(['c', 'd', 'e'])
    await moveStart('t', 0, 1)
    expect(await log.extent('t', 0)).toEqual({ start: 2, end: 5, appendedEnd: 5 })
    await moveStart('t', 0, 5)
    expect(await log.extent('t', 0)).toEqual({ start: 5, end: 5, appendedEnd: 5 })
    await expect(log.fetch('t', 0, 4, NO_LIMITS)).rejects.toThrow(code('LOG_OFFSET_GONE'))
    expect((await appendTexts(log, 't', 0, 'f')).firstOffset).toBe(5)
    expect(await readTexts(other, 't', 0, 5)).toEqual(['f'])
  })

  it('steps over offsets that nobody sees', async () => {
    await using harness = await createHarness()
    const { log, appendInvisible } = harness
    if (appendInvisible === undefined) return
    await log.ensureTopic('t', 1)
    await appendInvisible('t', 0, 2)
    expect(await log.fetch('t', 0, 0, { ...NO_LIMITS, waitMaxMs: 60_000 })).toMatchObject({ from: 0, next: 2, records: [] })
    await appendTexts(log, 't', 0, 'a', 'b')
    await appendInvisible('t', 0, 1)
    await appendTexts(log, 't', 0, 'c')
    await appendInvisible('t', 0, 3)
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 9, appendedEnd: 9 })
    const all = await log.fetch('t', 0, 0, NO_LIMITS)
    expect([all.next, offsetsOf(all), textsOf(all)]).toEqual([9, [2, 3, 5], ['a', 'b', 'c']])
    const two = await log.fetch('t', 0, 1, { ...NO_LIMITS, countMax: 2 })
    expect(offsetsOf(two)).toEqual([2, 3])
    expect([4, 5]).toContain(two.next)
    expect(await readTexts(log, 't', 0, 4, 1)).toEqual(['c'])
    expect(await log.fetch('t', 0, 6, NO_LIMITS)).toMatchObject({ from: 6, next: 9, records: [] })
    expect(await log.fetch('t', 0, 9, NO_LIMITS)).toMatchObject({ from: 9, next: 9, records: [], isAtEnd: true })
  })
}
