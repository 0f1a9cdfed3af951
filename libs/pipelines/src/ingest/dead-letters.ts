// What people do with dead letters: list them, look at one, and put them back once their cause is mended.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventLog, LogAppend } from '@tidemark/ports/event-log'
import { deadLetterTopicOf } from '../names.ts'
import { decodeDeadLetter, type DeadLetter } from './dead-letter.ts'
import { deadLetterReplayGroupOf } from './group-names.ts'

const PAGE = { countMax: 500, sizeMaxBytes: 4 * 1_048_576, waitMaxMs: 0 } as const

/** A source's dead letters, partition by partition in the order of their offsets; none where none was ever emitted. */
export async function* listDeadLetters(log: EventLog, source: SourceDefinition): AsyncGenerator<DeadLetter> {
  const topic = deadLetterTopicOf(source)
  for (let partition = 0, count = await letterPartitionCount(log, source); partition < count; partition++) {
    const { start, end } = await log.extent(topic, partition)
    yield* lettersFrom(log, source, partition, start, end)
  }
}

/** The dead letter of a source's record. Throws UNKNOWN_NAME where the record is none. */
export async function showDeadLetter(log: EventLog, source: SourceDefinition, partition: number, offset: number): Promise<DeadLetter> {
  if (partition < (await letterPartitionCount(log, source))) {
    const { start, end } = await log.extent(deadLetterTopicOf(source), partition)
    for await (const letter of lettersFrom(log, source, partition, start, end)) if (letter.offset === offset) return letter
  }
  const where = `source ${source.name}, partition ${partition}`
  throw new TidemarkError([{ code: 'UNKNOWN_NAME', message: `The record at offset ${offset} is no dead letter.`, where, action: 'List the dead letters for the offsets that there are.' }])
}

export interface DeadLetterReplay {
  readonly log: EventLog
  readonly source: SourceDefinition
  /** Which are put back; the others are passed over for good. Default: all. */
  readonly isWanted?: (letter: DeadLetter) => boolean
  readonly signal?: AbortSignal
  /** How many are put back so far, which stay so whatever ends the rest. */
  readonly onPutBack?: (count: number) => void
}

/**
 * Puts the dead letters that there are now, and that were not put back before, into the source's topic again, each once: one transaction
 * with the position in the dead letters. A record that still cannot be decoded becomes a dead letter again; one that a letter has left in the
 * topic is put back from there, if it is still there. Returns how many were put back.
 */
export async function replayDeadLetters({ log, source, isWanted = () => true, signal, onPutBack }: DeadLetterReplay): Promise<number> {
  const [topic, group] = [deadLetterTopicOf(source), deadLetterReplayGroupOf(source)]
  let replayedCount = 0
  for (let partition = 0, count = await letterPartitionCount(log, source); partition < count; partition++) {
    const { start, end } = await log.extent(topic, partition)
    for (;;) {
      signal?.throwIfAborted()
      const committed = await log.committed(group, topic, partition)
      const from = Math.max(committed ?? 0, start)
      if (from >= end) break
      const { records, next } = await log.fetch(topic, partition, from, PAGE)
      const letters = records.filter(({ offset }) => offset < end).map((record) => decodeDeadLetter(record, whereOf(source, partition, record.offset))).filter(isWanted)
      const appends: LogAppend[] = []
      for (const letter of letters) {
        const record = letter.isRecordLeft ? await leftRecord(log, letter) : letter.record
        if (record !== null) appends.push({ topic: letter.topic, partition: letter.partition, records: [record] })
      }
      const position = { group, topic, partition, offset: Math.min(next, end) }
      if (!(await log.appendAndCommit(appends, position, committed))) continue
      replayedCount += appends.length
      onPutBack?.(replayedCount)
    }
  }
  return replayedCount
}

async function* lettersFrom(log: EventLog, source: SourceDefinition, partition: number, start: number, end: number): AsyncGenerator<DeadLetter> {
  for (let at = start; at < end; ) {
    const { records, next } = await log.fetch(deadLetterTopicOf(source), partition, at, PAGE)
    for (const record of records) yield decodeDeadLetter(record, whereOf(source, partition, record.offset))
    if (next === at) return
    at = next
  }
}

/** null: the log does not keep it any more; the archive does. */
async function leftRecord(log: EventLog, { topic, partition, offset }: DeadLetter): Promise<DeadLetter['record'] | null> {
  if (offset < (await log.extent(topic, partition)).start) return null
  const { records } = await log.fetch(topic, partition, offset, { countMax: 1, sizeMaxBytes: 1, waitMaxMs: 0 })
  return records.find((record) => record.offset === offset) ?? null
}

async function letterPartitionCount(log: EventLog, source: SourceDefinition): Promise<number> {
  const topic = deadLetterTopicOf(source)
  return (await log.topics()).includes(topic) ? log.partitionCount(topic) : 0
}

function whereOf(source: SourceDefinition, partition: number, offset: number): string {
  return `topic ${deadLetterTopicOf(source)}, partition ${partition}, offset ${offset}`
}
