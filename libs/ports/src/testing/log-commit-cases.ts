// Positions of consumer groups, and appends that are made once because of a record.
import { expect, it } from '@jest/globals'
import type { CommittedPosition } from '../event-log.ts'
import { appendOf, code, readTexts, type EventLogHarness } from './log-cases.ts'
import { race } from './store-cases.ts'

const at = (offset: number, where: Partial<CommittedPosition> = {}): CommittedPosition => ({ group: 'g', topic: 't', partition: 0, offset, ...where })

export function commitCases(createHarness: () => Promise<EventLogHarness>): void {
  it('keeps the position of each group, topic and partition, whichever way it moves', async () => {
    await using harness = await createHarness()
    const { log, other } = harness
    await log.ensureTopic('t', 2)
    await log.ensureTopic('u', 2)
    expect(await log.committed('g', 't', 0)).toBeNull()
    await log.commit(at(5))
    await log.commit(at(0, { partition: 1 }))
    await other.commit(at(7, { group: 'h' }))
    await other.commit(at(9, { topic: 'u' }))
    await log.commit(at(3))
    const positions = await Promise.all([['g', 't', 0], ['g', 't', 1], ['h', 't', 0], ['g', 'u', 0], ['h', 'u', 0]].map(([group, topic, partition]) => other.committed(group as string, topic as string, partition as number)))
    expect(positions).toEqual([3, 0, 7, 9, null])
  })

  it('appends and commits together', async () => {
    await using harness = await createHarness()
    const { log, other, markerCount = 0 } = harness
    await log.ensureTopic('t', 1)
    await log.ensureTopic('u', 1)
    const first = await log.appendAndCommit([appendOf('t', 0, 'a'), appendOf('u', 0, 'b', 'c')], at(1), null)
    expect(first?.map(({ firstOffset }) => firstOffset)).toEqual([0, 0])
    expect(await other.committed('g', 't', 0)).toBe(1)
    const second = await other.appendAndCommit([appendOf('u', 0, 'd')], at(2), 1)
    expect(second?.map(({ firstOffset }) => firstOffset)).toEqual([2 + markerCount])
    expect(await log.appendAndCommit([], at(3), 2)).toEqual([])
    expect(await log.committed('g', 't', 0)).toBe(3)
    expect(await readTexts(log, 'u', 0)).toEqual(['b', 'c', 'd'])
  })

  it('does nothing where the position is another one', async () => {
    await using harness = await createHarness()
    const { log } = harness
    await log.ensureTopic('t', 1)
    expect(await log.appendAndCommit([appendOf('t', 0, 'a')], at(1), 0)).toBeNull()
    await log.commit(at(4))
    for (const expected of [null, 0, 3, 5]) expect(await log.appendAndCommit([appendOf('t', 0, 'a')], at(9), expected)).toBeNull()
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
    expect(await log.committed('g', 't', 0)).toBe(4)
  })

  it('commits nothing where an append is refused', async () => {
    await using harness = await createHarness()
    const { log, recordSizeMaxBytes } = harness
    await log.ensureTopic('t', 1)
    const tooLarge = { topic: 't', partition: 0, records: [{ key: null, value: new Uint8Array(recordSizeMaxBytes + 1) }] }
    await expect(log.appendAndCommit([appendOf('t', 0, 'a'), tooLarge], at(1), null)).rejects.toThrow(code('EVENT_TOO_LARGE'))
    await expect(log.appendAndCommit([appendOf('t', 0, 'a'), appendOf('nowhere', 0, 'b')], at(1), null)).rejects.toThrow(code('UNKNOWN_NAME'))
    expect(await log.extent('t', 0)).toEqual({ start: 0, end: 0, appendedEnd: 0 })
    expect(await log.committed('g', 't', 0)).toBeNull()
  })

  it('lets one of many append because of a record', async () => {
    await using harness = await createHarness()
    const { log, other } = harness
    await log.ensureTopic('t', 1)
    for (let round = 0; round < 3; round++) {
      const expected = round === 0 ? null : round
      const results = await race(10, (i) => (i % 2 ? log : other).appendAndCommit([appendOf('t', 0, `${round}`)], at(round + 1), expected))
      expect(results.filter((result) => result !== null)).toHaveLength(1)
    }
    expect(await readTexts(log, 't', 0)).toEqual(['0', '1', '2'])
  })
}
