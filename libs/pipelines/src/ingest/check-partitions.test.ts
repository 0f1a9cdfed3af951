import { expect, it } from '@jest/globals'
import type { CommittedPosition, EventLog } from '@tidemark/ports/event-log'
import { commitPositions } from './check-partitions.ts'
import type { IngestContext } from './ingest-context.ts'
import { INGEST_LIMITS } from './ingest-limits.ts'
import { OwnedPartition } from './owned-partition.ts'

it('commits where a position has moved, and again where it has not for a minute, or committing failed', async () => {
  let nowMs = 0
  let isAway = false
  let told: string[] = []
  const commit: EventLog['commit'] = async ({ group, partition, offset }: CommittedPosition) => {
    if (isAway) throw new Error('away')
    told.push(`${group} ${partition} ${offset}`)
  }
  const context = { clock: { nowMs: () => nowMs, steadyMs: () => nowMs }, limits: INGEST_LIMITS, log: { commit }, topic: 'trips', source: { name: 'trips' } } as unknown as IngestContext
  const moved = { next: 3 }
  const [resting, moving, notTakenUp] = [new OwnedPartition(0, 0), new OwnedPartition(1, 0), new OwnedPartition(2, 0)]
  resting.reader = { next: 0 } as NonNullable<OwnedPartition['reader']>
  moving.reader = moved as NonNullable<OwnedPartition['reader']>
  const committed = async (atMs: number): Promise<string[]> => {
    nowMs = atMs
    told = []
    await commitPositions(context, [resting, moving, notTakenUp]).catch(() => undefined)
    return told.map((each) => each.split(' ').slice(1).join(' at '))
  }
  expect(await committed(0)).toEqual(['0 at 0', '1 at 3'])
  expect(await committed(1_000)).toEqual([])
  moved.next = 4
  isAway = true
  expect(await committed(2_000)).toEqual([])
  isAway = false
  expect(await committed(3_000)).toEqual(['1 at 4'])
  expect(await committed(59_999)).toEqual([])
  expect(await committed(60_000)).toEqual(['0 at 0'])
  expect(await committed(63_000)).toEqual(['1 at 4'])
})
