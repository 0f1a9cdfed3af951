// Law 4 in a replay: a question at t comes before the records that are known at t.

import { expect, it } from '@jest/globals'
import { eventSource, int32, timestamp } from '@tidemark/feature-schema/dsl'
import type { FileRecords } from '@tidemark/ports/record-reader'
import { RecordFeed, type TimedRecord } from './record-feed.ts'

const ticks = eventSource('ticks', { fields: { at: timestamp(), n: int32() }, eventTime: 'at' }).definition

/** A feed of events at times, with append times where the file has a column of them; and what it appended. */
function feedOf(timesMs: readonly number[], appendTimesMs: readonly (number | null)[] | null = null): { feed: RecordFeed; appended: TimedRecord[] } {
  const appended: TimedRecord[] = []
  async function* records(): AsyncGenerator<FileRecords> {
    yield await Promise.resolve({ file: 'ticks.csv', values: timesMs.map((at) => JSON.stringify({ at, n: 1 })), appendTimesMs: [...(appendTimesMs ?? timesMs.map(() => null))] })
  }
  const append = (_: string, some: readonly TimedRecord[]): Promise<void> => Promise.resolve(void appended.push(...some))
  return { appended, feed: new RecordFeed(ticks, records(), appendTimesMs !== null, append) }
}

it('appends what is known before a time, and at that time the rest', async () => {
  const { feed } = feedOf([5, 10, 10, 11])
  expect([await feed.firstTimeMs(), await feed.appendBefore(5), await feed.appendBefore(10), await feed.appendBefore(10), await feed.appendBefore(11), await feed.appendBefore(12)])
    .toEqual([5, 0, 1, 0, 2, 1])
})

it('knows in which file a record stands, and where', async () => {
  async function* records(): AsyncGenerator<FileRecords> {
    for (const [file, count] of [['a.csv', 2], ['a.csv', 1], ['b.csv', 2]] as const) yield await Promise.resolve({ file, values: Array<string>(count).fill('{"at":1,"n":1}'), appendTimesMs: Array<null>(count).fill(null) })
  }
  const feed = new RecordFeed(ticks, records(), false, () => Promise.resolve())
  while ((await feed.appendBefore(2)) > 0);
  expect([0, 1, 2, 3, 4].map((offset) => feed.placeOf(offset))).toEqual([
    { file: 'a.csv', row: 0 }, { file: 'a.csv', row: 1 }, { file: 'a.csv', row: 2 }, { file: 'b.csv', row: 0 }, { file: 'b.csv', row: 1 },
  ])
})

it('knows a record at the newest time before it, and appends it at its own', async () => {
  const { feed, appended } = feedOf([1, 2, 3, 4], [null, 20, 10, 30])
  expect([await feed.firstTimeMs(), await feed.appendBefore(20), await feed.appendBefore(21), await feed.appendBefore(31)]).toEqual([20, 1, 2, 1])
  expect(appended.map(({ appendTimeMs }) => appendTimeMs)).toEqual([20, 20, 10, 30])
})
