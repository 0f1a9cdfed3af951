// Topics, and what is kept of what is appended.
import { expect, it } from '@jest/globals'
import type { LogAppend } from '../event-log.ts'
import { appendOf, appendTexts, code, NO_LIMITS, plain, readTexts, recordOf, type Append, type EventLogHarness } from './log-cases.ts'
import { bytesOf, race } from './store-cases.ts'

export function appendCases(createHarness: () => Promise<EventLogHarness>): void {
  it('knows no topic until it is made', async () => {
    await using harness = await createHarness()
    const { log } = harness
    const position = { group: 'g', topic: 'nowhere', partition: 0, offset: 1 }
    expect(await log.topics()).toEqual([])
    await expect(log.partitionCount('nowhere')).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.append([appendOf('nowhere', 0, 'a')])).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.fetch('nowhere', 0, 0, NO_LIMITS)).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.extent('nowhere', 0)).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.commit(position)).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.appendAndCommit([], position, null)).rejects.toThrow(code('UNKNOWN_NAME'))
    expect(await log.committed('g', 'nowhere', 0)).toBeNull()
    await log.ensureTopic('somewhere', 2)
    for (const partition of [2, -1, 0.5]) {
      await expect(log.append([appendOf('somewhere', partition, 'a')])).rejects.toThrow(code('UNKNOWN_NAME'))
      await expect(log.fetch('somewhere', partition, 0, NO_LIMITS)).rejects.toThrow(code('UNKNOWN_NAME'))
      await expect(log.extent('somewhere', partition)).rejects.toThrow(code('UNKNOWN_NAME'))
    }
  })

  it('makes topics, adds partitions, and takes none away', async () => {
    await using harness = await createHarness()
    const { log, other } = harness
    await race(4, (i) => (i % 2 ? log : other).ensureTopic('b', 2))
    await log.ensureTopic('a', 1)
    await log.ensureTopic('b', 1)
    expect(await other.topics()).toEqual(['a', 'b'])
    expect([await other.partitionCount('a'), await other.partitionCount('b')]).toEqual([1, 2])
    await appendTexts(log, 'b', 1, 'x')
    await other.ensureTopic('b', 4)
    expect(await log.partitionCount('b')).toBe(4)
    expect(await readTexts(log, 'b', 1)).toEqual(['x'])
    expect(await log.extent('b', 3)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
    await expect(log.ensureTopic('c', 0)).rejects.toThrow(RangeError)
    expect(await log.topics()).toEqual(['a', 'b'])
  })

  it('does not mix topics and partitions whose names are alike', async () => {
    await using harness = await createHarness()
    const { log, hasAsciiNames } = harness
    const topics = ['t', 't.dead-letters', 't1', 'tt', hasAsciiNames ? 'T' : 'é']
    for (const topic of topics) await log.ensureTopic(topic, 12)
    for (const topic of topics) for (const partition of [0, 1, 11]) await appendTexts(log, topic, partition, `${topic} ${partition}`)
    for (const topic of topics) for (const partition of [0, 1, 11]) expect(await readTexts(log, topic, partition)).toEqual([`${topic} ${partition}`])
    expect(await log.extent('t', 2)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
  })

  it('gives back each record byte by byte', async () => {
    await using harness = await createHarness()
    const { log, other } = harness
    await log.ensureTopic('t', 1)
    const records: Append[] = [
      { key: null, value: null },
      { key: new Uint8Array(0), value: new Uint8Array(0) },
      { key: Uint8Array.of(0), value: Uint8Array.of(0, 0, 255, 0) },
      { key: Uint8Array.of(0, 0), value: new Uint8Array(256).map((_, i) => i), headers: {} },
      { key: bytesOf('k'), value: null, headers: { reason: bytesOf('no date'), empty: new Uint8Array(0), 'ünï cödé': Uint8Array.of(0, 1) } },
      { key: null, value: bytesOf('last') },
    ]
    const [appended] = await log.append([{ topic: 't', partition: 0, records }])
    const { records: read } = await other.fetch('t', 0, 0, NO_LIMITS)
    expect(read.map(plain)).toEqual(records.map((record, i) => plain({ headers: {}, ...record, offset: i, appendTimeMs: appended!.appendTimeMs })))
  })

  it('keeps its own copy', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    const record = { key: bytesOf('key'), value: bytesOf('value'), headers: { h: bytesOf('header') } }
    await log.append([{ topic: 't', partition: 0, records: [record] }])
    for (const bytes of [record.key, record.value, record.headers.h]) bytes.fill(0)
    const { records: [read] } = await log.fetch('t', 0, 0, NO_LIMITS)
    expect(plain(read!)).toMatchObject({ key: [...bytesOf('key')], value: [...bytesOf('value')], headers: [['h', [...bytesOf('header')]]] })
  })

  it('says where each append begins, several to one partition too', async () => {
    await using harness = await createHarness()
    const { log, markerCount = 0 } = harness
    await log.ensureTopic('t', 2)
    await log.ensureTopic('u', 1)
    await appendTexts(log, 't', 0, 'a', 'b')
    const appended = await log.append([appendOf('t', 0, 'c'), appendOf('u', 0, 'x', 'y'), appendOf('t', 0), appendOf('t', 0, 'd', 'e'), appendOf('t', 1, 'f')])
    expect(appended.map(({ firstOffset }) => firstOffset)).toEqual([2, 0, 3, 3, 0])
    expect(await log.append([])).toEqual([])
    expect(await readTexts(log, 't', 0)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 5 + markerCount, appendedEnd: 5 + markerCount })
    expect(await readTexts(log, 'u', 0)).toEqual(['x', 'y'])
  })

  it('gives the extent of each partition, also where several are asked for at once', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 4)
    for (const partition of [0, 1, 3]) await appendTexts(log, 't', partition, ...Array<string>(partition + 1).fill('a'))
    const extents = await Promise.all([3, 0, 2, 1, 3].map((partition) => log.extent('t', partition)))
    expect(extents.map(({ start, end, appendedEnd }) => [start, end, appendedEnd])).toEqual([4, 1, 0, 2, 4].map((end) => [0, end, end]))
  })

  it('stamps records by its clock, back too where that is set back', async () => {
    await using harness = await createHarness()
    const { log, nowMs, step, hasServerClock } = harness
    await log.ensureTopic('t', 1)
    const times: number[] = []
    for (const byMs of hasServerClock ? [0, 5, 20] : [0, 5, -3, 1_000, -2_000]) {
      await step(byMs)
      const beforeMs = nowMs()
      const { appendTimeMs } = await appendTexts(log, 't', 0, 'a', 'b')
      expect(appendTimeMs).toBeGreaterThanOrEqual(beforeMs)
      expect(appendTimeMs).toBeLessThanOrEqual(nowMs())
      times.push(appendTimeMs, appendTimeMs)
    }
    const { records } = await log.fetch('t', 0, 0, NO_LIMITS)
    expect(records.map(({ appendTimeMs }) => appendTimeMs)).toEqual(times)
  })

  it('appends all or nothing', async () => {
    await using harness = await createHarness()
    const { log, recordSizeMaxBytes } = harness
    await log.ensureTopic('t', 2)
    const tooLarge: LogAppend = { topic: 't', partition: 1, records: [recordOf('small'), { key: null, value: new Uint8Array(recordSizeMaxBytes + 1) }] }
    await expect(log.append([appendOf('t', 0, 'a'), appendOf('nowhere', 0, 'b')])).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.append([appendOf('t', 0, 'a'), appendOf('t', 2, 'b')])).rejects.toThrow(code('UNKNOWN_NAME'))
    await expect(log.append([appendOf('t', 0, 'a'), tooLarge])).rejects.toThrow(code('EVENT_TOO_LARGE'))
    for (const partition of [0, 1]) expect(await log.extent('t', partition)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
    await appendTexts(log, 't', 0, 'c')
    expect(await readTexts(log, 't', 0)).toEqual(['c'])
  })

  it('takes a record of ten megabytes, alone and among others', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    const large = new Uint8Array(10_000_000).map((_, i) => i * 7)
    await log.append([{ topic: 't', partition: 0, records: [recordOf('before'), { key: bytesOf('k'), value: large }, recordOf('after')] }])
    const batch = await log.fetch('t', 0, 0, { countMax: 10, sizeMaxBytes: 1_000, waitMaxMs: 0 })
    expect(batch.next).toBe(1)
    const { records: [record] } = await log.fetch('t', 0, 1, { countMax: 10, sizeMaxBytes: 1_000, waitMaxMs: 0 })
    expect(Buffer.compare(record!.value!, large)).toBe(0)
    expect(await readTexts(log, 't', 0, 2)).toEqual(['after'])
  })

  it('counts keys and headers to the size of a record', async () => {
    await using harness = await createHarness()
    const { log, recordSizeMaxBytes } = harness
    await log.ensureTopic('t', 1)
    const half = new Uint8Array(recordSizeMaxBytes / 2)
    await expect(log.append([{ topic: 't', partition: 0, records: [{ key: half, value: half, headers: { h: Uint8Array.of(1) } }] }])).rejects.toThrow(code('EVENT_TOO_LARGE'))
    await log.append([{ topic: 't', partition: 0, records: [{ key: half, value: half }] }])
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 1, appendedEnd: 1 })
  })

  it('gives no offset twice and leaves none out, whoever appends', async () => {
    await using harness = await createHarness()
    const { log, other } = harness
    await log.ensureTopic('t', 2)
    const appended = await race(40, async (i) => {
      const values = Array.from({ length: 1 + (i % 5) }, (_, j) => `${i}.${j}`)
      return { partition: i % 2, values, ...(await appendTexts(i % 3 ? log : other, 't', i % 2, ...values)) }
    })
    for (const partition of [0, 1]) {
      const texts = await readTexts(other, 't', partition)
      const own = appended.filter((each) => each.partition === partition)
      for (const { firstOffset, values } of own) expect(texts.slice(firstOffset, firstOffset + values.length)).toEqual(values)
      expect(texts).toHaveLength(own.reduce((sum, { values }) => sum + values.length, 0))
    }
  })
}
