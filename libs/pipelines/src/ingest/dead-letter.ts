// Records that cannot be decoded, kept: each goes once to the topic of dead letters, to the partition of the same number, with its
// key, its value as it was and its headers, and one header more:
//
//   tidemark-dead-letter   JSON, version 1: { formatVersion, topic, partition, offset, appendTimeMs, code, reason }
//                          version 2, of a record that with this header is larger than the log takes: isRecordLeft: true too; key, value and
//                          headers are left where they are, in the source's topic and its archive
//
// The position of a consumer group moves in the same transaction, so that whoever reads the records again emits none twice. It is not a fence's: a view starts after its
// floor, and what was rejected before that is found all the same.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventLog, LogRecord } from '@tidemark/ports/event-log'
import { z } from 'zod'
import { deadLetterTopicOf, topicOf } from '../names.ts'
import { decodeVersioned } from '../versioned-json.ts'
import { deadLetterGroupOf } from './group-names.ts'

export const DEAD_LETTER_VERSION = 2
export const DEAD_LETTER_HEADER = 'tidemark-dead-letter'

/** Where a dead letter came from, and why it is one. */
export interface DeadLetterReason {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly appendTimeMs: number
  /** EVENT_MALFORMED, EVENT_TOO_LARGE, SCHEMA_UNKNOWN. */
  readonly code: string
  readonly reason: string
}

export interface DeadLetter extends DeadLetterReason {
  /** Its own offset in the topic of dead letters. */
  readonly letterOffset: number
  /** The record is not in the letter, being too large for one: it is where it was. */
  readonly isRecordLeft: boolean
  /** The record as it was; empty where it is left. */
  readonly record: Pick<LogRecord, 'key' | 'value' | 'headers'>
}

/** A record that was found to be one. */
export interface RejectedRecord {
  readonly record: LogRecord
  readonly code: string
  readonly reason: string
}

const schema: z.ZodType<DeadLetterReason & { readonly formatVersion: number; readonly isRecordLeft?: true | undefined }> = z.strictObject({
  formatVersion: z.literal([1, DEAD_LETTER_VERSION]),
  isRecordLeft: z.literal(true).optional(),
  topic: z.string(),
  partition: z.int().min(0),
  offset: z.int().min(0),
  appendTimeMs: z.int(),
  code: z.string(),
  reason: z.string(),
})

/** Through where a partition was searched for dead letters. */
export interface LetterLane {
  /** As the log has it of the group; null: nothing was committed. */
  committed: number | null
  /** What is before it was searched, and what was rejected is emitted; at or after `committed`. */
  through: number
}

export async function readLetterLane(log: EventLog, source: SourceDefinition, partition: number, logStart: number): Promise<LetterLane> {
  const committed = await log.committed(deadLetterGroupOf(source), topicOf(source), partition)
  return { committed, through: Math.max(committed ?? 0, logStart) }
}

/**
 * Emits what was rejected between the lane's `through` and another offset, each once, and moves the lane there. Whoever was faster has moved
 * it further. How many were emitted.
 */
export async function emitDeadLetters(
  log: EventLog, source: SourceDefinition, partition: number, lane: LetterLane, rejected: readonly RejectedRecord[], through: number,
): Promise<number> {
  const [topic, letters, group] = [topicOf(source), deadLetterTopicOf(source), deadLetterGroupOf(source)]
  if (rejected.length > 0) await log.ensureTopic(letters, await log.partitionCount(topic))
  const left = new Set<RejectedRecord>()
  for (;;) {
    const fresh = rejected.filter(({ record }) => record.offset >= lane.through)
    const records = fresh.map((letter) => letterOf(topic, partition, letter, left.has(letter)))
    const appends = records.length === 0 ? [] : [{ topic: letters, partition, records }]
    let isEmitted: boolean
    try {
      isEmitted = (await log.appendAndCommit(appends, { group, topic, partition, offset: through }, lane.committed)) !== null
    } catch (error) {
      const [largest] = fresh.filter((letter) => !left.has(letter)).sort((a, b) => sizeOf(b) - sizeOf(a))
      if (!(error instanceof TidemarkError) || error.code !== 'EVENT_TOO_LARGE' || largest === undefined) throw error
      left.add(largest)
      continue
    }
    lane.committed = isEmitted ? through : await log.committed(group, topic, partition)
    lane.through = lane.committed ?? lane.through
    if (isEmitted) return fresh.length
    if (lane.through >= through) return 0
  }
}

function letterOf(topic: string, partition: number, { record, code, reason }: RejectedRecord, isRecordLeft: boolean): Pick<LogRecord, 'key' | 'value' | 'headers'> {
  const { offset, appendTimeMs, key, value, headers } = record
  const why = { formatVersion: isRecordLeft ? DEAD_LETTER_VERSION : 1, topic, partition, offset, appendTimeMs, code, reason, ...(isRecordLeft && { isRecordLeft }) }
  const header = { [DEAD_LETTER_HEADER]: Buffer.from(JSON.stringify(why)) }
  return isRecordLeft ? { key: null, value: null, headers: header } : { key, value, headers: { ...headers, ...header } }
}

function sizeOf({ record: { key, value, headers } }: RejectedRecord): number {
  return Object.values(headers).reduce((sum, { byteLength }) => sum + byteLength, (key?.byteLength ?? 0) + (value?.byteLength ?? 0))
}

/** Reads a record of the topic of dead letters. Throws STORE_DAMAGED or STORE_TOO_NEW. */
export function decodeDeadLetter({ offset, key, value, headers }: LogRecord, where: string): DeadLetter {
  const { [DEAD_LETTER_HEADER]: header, ...original } = headers
  if (header === undefined) {
    const action = 'Only Tidemark writes to this topic: find out who else does.'
    throw new TidemarkError([{ code: 'STORE_DAMAGED', message: `It has no header ${DEAD_LETTER_HEADER}.`, where, action }])
  }
  const { formatVersion: _, isRecordLeft = false, ...reason } = decodeVersioned(schema, DEAD_LETTER_VERSION, header, where)
  return { ...reason, isRecordLeft, letterOffset: offset, record: { key, value, headers: original } }
}
