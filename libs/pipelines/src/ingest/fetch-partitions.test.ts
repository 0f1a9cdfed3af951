import { expect, it } from '@jest/globals'
import type { EventLog, LogBatch, LogRecord } from '@tidemark/ports/event-log'
import { fetchPartitions } from './fetch-partitions.ts'
import type { IngestContext } from './ingest-context.ts'
import { INGEST_LIMITS } from './ingest-limits.ts'
import { OwnedPartition } from './owned-partition.ts'

const NEXT = 5

function ownedAt(partition: number): OwnedPartition {
  const owned = new OwnedPartition(partition, 0)
  owned.reader = { next: NEXT } as NonNullable<OwnedPartition['reader']>
  return owned
}

// A wait that another partition's records cut off has not asked the log again: what came to this one meanwhile is not known.
it('law 7: a partition is caught up as of the look that found nothing, not of the wait after it', async () => {
  let nowMs = 100
  const record: LogRecord = { offset: NEXT, appendTimeMs: 0, key: null, value: Buffer.from('{}'), headers: {} }
  const nothing: LogBatch = { from: NEXT, next: NEXT, records: [], isAtEnd: true }
  const fetch: EventLog['fetch'] = async (_topic, partition, _from, { waitMaxMs = 0 }, signal) => {
    if (waitMaxMs === 0) {
      if (partition === 1) nowMs = 200
      return nothing
    }
    if (partition === 0) return { ...nothing, next: NEXT + 1, records: [record] }
    await new Promise<void>((resolve) => signal!.addEventListener('abort', () => resolve(), { once: true }))
    return nothing
  }
  const owned = [ownedAt(0), ownedAt(1)]
  const context = { clock: { nowMs: () => nowMs, steadyMs: () => nowMs }, limits: INGEST_LIMITS, log: { fetch }, topic: 'trips' } as unknown as IngestContext
  const fetched = await fetchPartitions(context, owned, 1_000, undefined)
  expect(fetched.map(({ owned: { partition } }) => partition)).toEqual([0])
  expect(owned[1]!.caughtUpAt).toEqual({ nowMs: 100, steadyMs: 100 })
})
