// One poll: what was fetched of several partitions, once or, where work is held back, several times, each record with its epoch and decoded
// once for all views. Its columns are kept from poll to poll, so that a record costs no object of ours.

import type { Row } from '@tidemark/feature-schema/value'
import type { LogBatch, LogRecord } from '@tidemark/ports/event-log'
import { changeSealRegister, readSealRegister } from '../log/change-seal-register.ts'
import type { DecodeLogRecord } from '../log/decoded-record.ts'
import type { PrepareDecoder } from '../log/log-decoder.ts'
import { markOf, type PartitionPosition, type PartitionReader } from '../log/partition-position.ts'
import { isExpected, withUnexpected, type SealRegister } from '../log/seal-register.ts'
import type { RejectedRecord } from './dead-letter.ts'
import { partitionWhere, type IngestContext } from './ingest-context.ts'
import type { OwnedPartition } from './owned-partition.ts'
import type { SpeedView } from './speed-view.ts'
import { stopWhereReplaced } from './take-up.ts'

/** What was taken of one partition: some records of the poll, and the fetch positions up to the position's. */
export interface PolledPart {
  readonly owned: OwnedPartition
  readonly pollFrom: number
  /** In the poll, ascending. */
  readonly indexes: number[]
  /** After all of them. */
  position: PartitionPosition
  readonly rejected: RejectedRecord[]
}

export class Poll {
  readonly records: LogRecord[] = []
  /** null: the record could not be decoded. */
  readonly rows: (Row | null)[] = []
  readonly eventTimes: number[] = []
  /** The log's, or the declared ones. */
  readonly appendTimes: number[] = []
  readonly epochs: number[] = []
  readonly knownTimes: number[] = []
  /** One of each partition. */
  readonly parts: PolledPart[] = []

  clear(): void {
    for (const column of [this.records, this.rows, this.eventTimes, this.appendTimes, this.epochs, this.knownTimes, this.parts]) column.length = 0
  }

  /** A partition's part, to which what was fetched at the position is added. */
  partAt(owned: OwnedPartition, position: PartitionPosition): PolledPart {
    let part = this.parts.find((each) => each.owned === owned)
    if (part === undefined) this.parts.push((part = { owned, pollFrom: position.next, indexes: [], position, rejected: [] }))
    else if (part.position.next !== position.next) throw new Error(`Partition ${owned.partition} was polled up to ${part.position.next}, and is polled again at ${position.next}.`)
    return part
  }

  /** The position after a record, before the next one. */
  positionAfter(index: number): PartitionPosition {
    const record = this.records[index]!
    return { next: record.offset + 1, epoch: this.epochs[index]!, knownTimeMs: this.knownTimes[index]!, mark: markOf(record) }
  }
}

export interface FetchedPartition {
  readonly owned: OwnedPartition
  readonly batch: LogBatch
}

/**
 * Takes what was fetched into the poll, as far as it may be folded. A partition whose log is another one by now, or whose next record
 * was appended too far ahead, stands still. The seal register as it was read after the fetch.
 */
export async function takeFetched(
  context: IngestContext, prepareDecoder: PrepareDecoder, poll: Poll, views: readonly SpeedView[], fetched: readonly FetchedPartition[], last: SealRegister,
): Promise<SealRegister> {
  const { registers, source, rules, clock } = context
  const decode = await prepareDecoder(fetched.map(({ batch }) => batch.records))
  // Before the register: what it does not yet announce as another time is then judged by a clock of before (declare-append-time.ts).
  const aheadMs = clock.nowMs() + source.skewMaxMs
  let register = await rules.registerAfterPoll(async () => (await readSealRegister(registers, source)).register, last)
  for (const { owned, batch } of fetched) {
    const reader = owned.reader!
    // After the fetch: what the reader stands on is still there, so what was fetched is what follows it; and what fences stand on that it comes
    // past, so that what follows them is what their buckets lack.
    if (await stopWhereReplaced(context, owned, [reader.position(), ...fencesWithin(views, owned.partition, reader.next, batch.next)])) continue
    register = await takeBatch(context, decode, poll, owned, reader, batch, register, aheadMs)
  }
  return register
}

/** The fences after one position and up to another: while a processor catches up, those of buckets that had more. */
function fencesWithin(views: readonly SpeedView[], partition: number, after: number, through: number): PartitionPosition[] {
  const fences: PartitionPosition[] = []
  for (const { buckets } of views) {
    for (const { lanes } of buckets) {
      const fence = lanes[partition]?.fence
      if (fence !== undefined && fence.next > after && fence.next <= through) fences.push(fence)
    }
  }
  return fences
}

async function takeBatch(
  context: IngestContext, decode: DecodeLogRecord, poll: Poll, owned: OwnedPartition, reader: PartitionReader, batch: LogBatch, found: SealRegister, aheadMs: number,
): Promise<SealRegister> {
  let register = found
  const part = poll.partAt(owned, reader.position())
  reader.follow(register)
  for (let at = 0; ; ) {
    at = takeRecords(decode, poll, part, reader, batch, at, register, aheadMs)
    const record = batch.records[at]
    if (record === undefined) {
      reader.skipTo(batch.next)
      if (owned.stopped !== null) owned.goOn()
      break
    }
    if (reader.appendTimeMs(record) > aheadMs && !reader.isAccepted(record)) {
      reader.skipTo(record.offset)
      owned.stop(aheadAlarm(context, owned.partition, record), context.clock.steadyMs() + context.limits.checkEveryMs, context.onAlarm)
      break
    }
    register = await makePlace(context, reader, owned.partition, record)
  }
  part.position = reader.position()
  return register
}

/** Takes records from `at` on, as long as nothing is wrong with them; where it ended. */
function takeRecords(
  decode: DecodeLogRecord, poll: Poll, { owned: { partition }, indexes, rejected }: PolledPart, reader: PartitionReader,
  { records }: LogBatch, at: number, register: SealRegister, aheadMs: number,
): number {
  const doubtfulThrough = Math.max(register.sealedThrough ?? -Infinity, register.closing?.through ?? -Infinity)
  let i = at
  for (; i < records.length; i++) {
    const record = records[i]!
    const appendTimeMs = reader.appendTimeMs(record)
    if (appendTimeMs > aheadMs && !reader.isAccepted(record)) return i
    if (reader.epoch <= doubtfulThrough && !isExpected(register, partition, record.offset, reader.epochOf(record))) return i
    reader.take(record)
    const { row, eventTimeMs, rejection } = decode(record)
    if (rejection !== null) rejected.push({ record, code: rejection.code, reason: rejection.message })
    indexes.push(poll.records.length)
    poll.records.push(record)
    poll.rows.push(row)
    poll.eventTimes.push(eventTimeMs)
    poll.appendTimes.push(appendTimeMs)
    poll.epochs.push(reader.epoch)
    poll.knownTimes.push(reader.knownTimeMs)
  }
  return i
}

/** Changes the register until the record is expected in its epoch. */
async function makePlace({ registers, source, onAlarm, topic }: IngestContext, reader: PartitionReader, partition: number, record: LogRecord): Promise<SealRegister> {
  let wasOpened = false
  const { register } = await changeSealRegister(registers, source, (before) => {
    reader.follow(before)
    const epoch = reader.epochOf(record)
    if (isExpected(before, partition, record.offset, epoch)) return before
    const after = withUnexpected(before, partition, record.offset, epoch)
    wasOpened = after.openings.length > before.openings.length
    return after
  })
  reader.follow(register)
  if (!isExpected(register, partition, record.offset, reader.epochOf(record))) throw new Error(`The record at offset ${record.offset} of ${topic} has no place after partition ${partition} was opened again.`)
  if (wasOpened) {
    onAlarm({
      code: 'SEAM_BROKEN',
      message: 'The record came for an epoch that was sealed without it, later than the source\'s declared skew. It counts in the first unsealed epoch; mend the broker\'s clock, or declare a larger skew.',
      where: `topic ${topic}, partition ${partition}, offset ${record.offset}`,
    })
  }
  return register
}

function aheadAlarm(context: IngestContext, partition: number, { offset, appendTimeMs }: LogRecord): { code: 'APPEND_TIME_AHEAD'; message: string; where: string } {
  return {
    code: 'APPEND_TIME_AHEAD',
    message: `The record was appended at ${appendTimeMs}, later than now by more than ${context.source.skewMaxMs} ms. The partition stands still before it; mend the broker's clock, and declare the append time of this offset, and with it of what follows and is stamped ahead too.`,
    where: `${partitionWhere(context, partition)}, offset ${offset}`,
  }
}
