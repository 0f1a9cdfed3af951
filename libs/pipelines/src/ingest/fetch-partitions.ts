// Fetching from several partitions: at once what there is, and where there is nothing, whatever comes first.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { LogBatch } from '@tidemark/ports/event-log'
import { momentOf } from '@tidemark/ports/moment'
import type { IngestContext } from './ingest-context.ts'
import type { IngestLimits } from './ingest-limits.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { FetchedPartition } from './poll.ts'

/** What is next in the partitions, without those where nothing is; waits for it at most so long. A position that is gone rewinds its partition. */
export async function fetchPartitions(context: IngestContext, owned: readonly OwnedPartition[], waitMaxMs: number, signal: AbortSignal | undefined): Promise<FetchedPartition[]> {
  const atOnce = await fetchAll(context, owned, 0, signal)
  const wait = Math.min(waitMaxMs, context.limits.pollWaitMaxMs)
  const readable = owned.filter(({ reader }) => reader !== null)
  if (atOnce.length > 0 || wait <= 0 || readable.length === 0) return atOnce
  return fetchAll(context, readable, wait, signal)
}

async function fetchAll(context: IngestContext, owned: readonly OwnedPartition[], waitMaxMs: number, signal: AbortSignal | undefined): Promise<FetchedPartition[]> {
  const { clock, limits: { fetchSizeMaxBytes: sizeMaxBytes }, log, topic } = context
  const countMax = shareOf(context.limits, owned.length)
  const first = new AbortController()
  const either = waitMaxMs === 0 ? signal : AbortSignal.any(signal === undefined ? [first.signal] : [signal, first.signal])
  const batches = await Promise.all(owned.map(async (one): Promise<LogBatch | null> => {
    const at = momentOf(clock)
    const batch = await orGone(one, log.fetch(topic, one.partition, one.reader!.next, { countMax, sizeMaxBytes, waitMaxMs }, either))
    if (batch === null) return null
    if (batch.next > batch.from) first.abort()
    // RULE lag: what cannot be read yet, behind a transaction that is not decided, is lacking all the same.
    else if (batch.isAtEnd) one.sawEnd(batch.next, waitMaxMs === 0 ? at : one.logEndSeenAt)
    return batch
  }))
  return batches.flatMap((batch, i) => (batch === null || batch.next === batch.from ? [] : [{ owned: owned[i]!, batch }]))
}

function shareOf({ pollCountMax, shareCountMin, fetchCountMax }: IngestLimits, partitionCount: number): number {
  return Math.min(fetchCountMax, Math.max(shareCountMin, Math.floor(pollCountMax / partitionCount)))
}

/** null: the position is not in the log; taking the partition up again finds out why. */
async function orGone(owned: OwnedPartition, fetching: Promise<LogBatch>): Promise<LogBatch | null> {
  try {
    return await fetching
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'LOG_OFFSET_GONE') throw error
    owned.rewind()
    return null
  }
}
