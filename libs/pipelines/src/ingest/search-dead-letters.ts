// Looking for dead letters: in what a poll took, where the search is as far as that; else behind the poll, page by page, while there is nothing
// to fold, so that what is rejected delays nobody.

import type { DecodeLogRecord } from '../log/log-decoder.ts'
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
    const isDue = (rejected.at(-1)?.record.offset ?? -1) >= letters.through || clock.nowMs() >= owned.lettersCommittedAtMs + limits.letterCommitMs
    if (isDue) {
      count += await emitDeadLetters(log, source, partition, letters, rejected, position.next)
      owned.lettersCommittedAtMs = clock.nowMs()
    } else {
      letters.through = position.next
    }
  }
  return count
}

/** Searches one page of each partition that is searched less far than it is read. How many were emitted; null: there was nothing to search. */
export async function searchBehind(context: IngestContext, decode: DecodeLogRecord, partitions: readonly OwnedPartition[]): Promise<number | null> {
  const { log, topic, source, limits: { fetchCountMax: countMax, fetchSizeMaxBytes: sizeMaxBytes } } = context
  let count: number | null = null
  for (const owned of partitions) {
    const { letters, partition, reader } = owned
    if (reader === null || letters.through >= reader.next) continue
    // What retention has removed is not there to be kept.
    const from = Math.max(letters.through, (await log.extent(topic, partition)).start)
    const batch = await log.fetch(topic, partition, from, { countMax, sizeMaxBytes, waitMaxMs: 0 })
    const through = Math.min(batch.next, reader.next)
    const rejected = batch.records.flatMap((record): RejectedRecord[] => {
      const { rejection } = record.offset < through ? decode(record) : { rejection: null }
      return rejection === null ? [] : [{ record, code: rejection.code, reason: rejection.message }]
    })
    count = (count ?? 0) + (await emitDeadLetters(log, source, partition, letters, rejected, through))
  }
  return count
}
