// Records that cannot be decoded, kept: each goes once to the topic of dead letters, to the partition of the same number, with its
// key, its value as it was and its headers, and one header more:
//
//   tidemark-dead-letter   JSON, version 1: { formatVersion, topic, partition, offset, appendTimeMs, code, reason }
//
// The position of a consumer group moves in the same transaction, so that whoever folds the records again emits none twice.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventLog, LogRecord } from '@tidemark/ports/event-log'
import { z } from 'zod'
import { deadLetterTopicOf, topicOf } from '../names.ts'
import { decodeVersioned } from '../versioned-json.ts'
import { deadLetterGroupOf } from './group-names.ts'

export const DEAD_LETTER_VERSION = 1
export const DEAD_LETTER_HEADER = 'tidemark-dead-letter'

/** Where a dead letter came from, and why it is one. */
export interface DeadLetterReason {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly appendTimeMs: number
  /** EVENT_MALFORMED, EVENT_TOO_LARGE. */
  readonly code: string
  readonly reason: string
}

export interface DeadLetter extends DeadLetterReason {
  /** Its own offset in the topic of dead letters. */
  readonly letterOffset: number
  /** The record as it was. */
  readonly record: Pick<LogRecord, 'key' | 'value' | 'headers'>
}

/** A record that was found to be one. */
export interface RejectedRecord {
  readonly record: LogRecord
  readonly code: string
  readonly reason: string
}

const schema: z.ZodType<DeadLetterReason & { readonly formatVersion: number }> = z.strictObject({
  formatVersion: z.literal(DEAD_LETTER_VERSION),
  topic: z.string(),
  partition: z.int().min(0),
  offset: z.int().min(0),
  appendTimeMs: z.int(),
  code: z.string(),
  reason: z.string(),
})

/**
 * Emits what was rejected of a partition, in the order of offsets, each once. `position`: through where that was done, as last read;
 * returns it as it is then.
 */
export async function emitDeadLetters(
  log: EventLog, source: SourceDefinition, partition: number, rejected: readonly RejectedRecord[], position: number | null,
): Promise<number | null> {
  const [topic, letters, group] = [topicOf(source), deadLetterTopicOf(source), deadLetterGroupOf(source)]
  for (let expected = position; ; expected = await log.committed(group, topic, partition)) {
    const fresh = rejected.filter(({ record }) => record.offset >= (expected ?? 0))
    if (fresh.length === 0) return expected
    await log.ensureTopic(letters, await log.partitionCount(topic))
    const next = fresh.at(-1)!.record.offset + 1
    const records = fresh.map((letter) => letterOf(topic, partition, letter))
    if (await log.appendAndCommit([{ topic: letters, partition, records }], { group, topic, partition, offset: next }, expected)) return next
  }
}

function letterOf(topic: string, partition: number, { record, code, reason }: RejectedRecord): Pick<LogRecord, 'key' | 'value' | 'headers'> {
  const { offset, appendTimeMs, key, value, headers } = record
  const why = { formatVersion: DEAD_LETTER_VERSION, topic, partition, offset, appendTimeMs, code, reason }
  return { key, value, headers: { ...headers, [DEAD_LETTER_HEADER]: Buffer.from(JSON.stringify(why)) } }
}

/** Reads a record of the topic of dead letters. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeDeadLetter({ offset, key, value, headers }: LogRecord, where: string): DeadLetter {
  const { [DEAD_LETTER_HEADER]: header, ...original } = headers
  if (header === undefined) {
    const action = 'Only Tidemark writes to this topic: find out who else does.'
    throw new TidemarkError([{ code: 'STORE_DAMAGED', message: `It has no header ${DEAD_LETTER_HEADER}.`, where, action }])
  }
  const { formatVersion: _, ...reason } = decodeVersioned(schema, DEAD_LETTER_VERSION, header, where)
  return { ...reason, letterOffset: offset, record: { key, value, headers: original } }
}
