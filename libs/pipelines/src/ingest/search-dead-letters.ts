// Looking for dead letters: in what a poll took, where the search is as far as that; else behind the poll, page by page, while there is nothing
// to fold, so that what is rejected delays nobody.

import type { PrepareDecoder } from '../log/log-decoder.ts'
import { ArchivedRanges, type OffsetRange } from './archived-ranges.ts'
import { emitDeadLetters, type RejectedRecord } from './dead-letter.ts'
import type { IngestContext } from './ingest-context.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { Poll } from './poll.ts'

/** Emits what a poll found, in partitions that are searched up to it. How many were emitted. */
export async function emitPolled({ log, source, clock, limits }: IngestContext, { parts }: Poll): Promise<number> {
  let count = 0
  for (const { owned, pollFrom, position, rejected } of parts) {
    const { letters, partition } = owned
    if (letters.through < pollFrom || letters.through >= position.next) continue
    // What has no dead letter is remembered now and then.
    const isDue = (rejected.at(-1)?.record.offset ?? -1) >= letters.through || clock.steadyMs() >= owned.lettersCommittedAtMs + limits.letterCommitMs
    if (isDue) {
      count += await emitDeadLetters(log, source, partition, letters, rejected, position.next)
      owned.lettersCommittedAtMs = clock.steadyMs()
    } else {
      letters.through = position.next
    }
  }
  return count
}

/** Searches one page of each partition that is searched less far than it is read. How many were emitted; null: there was nothing to search. */
export async function searchBehind(context: IngestContext, prepareDecoder: PrepareDecoder, partitions: readonly OwnedPartition[]): Promise<number | null> {
  const { log, topic, source } = context
  let count: number | null = null
  for (const owned of partitions) {
    const { letters, partition, reader } = owned
    if (reader === null || letters.through >= reader.next) continue
    count ??= 0
    // What retention has removed is not there to be kept.
    const from = Math.max(letters.through, (await log.extent(topic, partition)).start)
    const range = await rangeToSearch(context, owned, { from, to: reader.next })
    if (range === null) continue
    const { rejected, through } = await searchRange(context, prepareDecoder, partition, range)
    count += await emitDeadLetters(log, source, partition, letters, rejected, through)
  }
  return count
}

/** What is to be decoded next of a range, up to its end at most; it is empty where nothing is. null: the archive's account is still being read. */
async function rangeToSearch(context: IngestContext, owned: OwnedPartition, { from, to }: OffsetRange): Promise<OffsetRange | null> {
  // One page is searched as soon as the archive is asked.
  if (owned.archived === null && to - from <= context.limits.fetchCountMax) return { from, to }
  owned.archived ??= await ArchivedRanges.of(context, owned.partition)
  if (!(await owned.archived.readBack(context, from))) return null
  const next = owned.archived.next(from)
  return { from: Math.min(next.from, to), to: Math.min(next.to, to) }
}

/** Decodes the first page of a range; `through` is where the search goes on. */
async function searchRange({ log, topic, limits }: IngestContext, prepareDecoder: PrepareDecoder, partition: number, { from, to }: OffsetRange): Promise<{ readonly rejected: RejectedRecord[]; readonly through: number }> {
  if (from >= to) return { rejected: [], through: to }
  const countMax = Math.min(limits.fetchCountMax, to - from)
  const batch = await log.fetch(topic, partition, from, { countMax, sizeMaxBytes: limits.fetchSizeMaxBytes, waitMaxMs: 0 })
  const decode = await prepareDecoder([batch.records])
  const rejected = batch.records.flatMap((record): RejectedRecord[] => {
    const { rejection } = record.offset < to ? decode(record) : { rejection: null }
    return rejection === null ? [] : [{ record, code: rejection.code, reason: rejection.message }]
  })
  return { rejected, through: Math.min(batch.next, to) }
}
