// The way on where a record was stamped far ahead, and archiver and processors stand before it: an operator declares its append time. It has one meaning
// for all readers, though the clock may come up to the stamp at the same moment and somebody take the record as it is stamped:
//
//   1. It is announced in the register. Whoever reads the register from then on does not take the record, whatever the clock says.
//   2. The clock is read. Only if the stamp is still ahead of it, by more than a reader allows and clocks may differ, is the time declared: a reader of the
//      register as it was before read its own clock earlier still, and so did not take the record. Else the announcement is taken back.
//
// A reader reads its clock before the register. Who announces and dies leaves the partition standing; the declaration can be made again.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Clock } from '@tidemark/ports/clock'
import type { EventLog } from '@tidemark/ports/event-log'
import type { RegisterStore } from '@tidemark/ports/register-store'
import { topicOf } from '../names.ts'
import { changeSealRegister } from './change-seal-register.ts'
import { withAppendTime, withoutAnnouncement, type AppendTimeOverride } from './seal-register.ts'

export interface DeclarePorts {
  readonly registers: RegisterStore
  readonly log: EventLog
  readonly clock: Clock
}

export interface DeclaredAppendTime extends AppendTimeOverride {
  readonly appendTimeMs: number
}

/** Twice is once. Throws USAGE where the record is not there, not stamped ahead, or its epoch is settled; and what the ports throw. */
export async function declareAppendTime({ registers, log, clock }: DeclarePorts, source: SourceDefinition, declared: DeclaredAppendTime): Promise<void> {
  const { partition, offset, appendTimeMs } = declared
  const { skewMaxMs } = source
  const refuse = (message: string, action: string): TidemarkError =>
    new TidemarkError([{ code: 'USAGE', message, where: `source ${source.name}, partition ${partition}, offset ${offset}`, action }])
  if (appendTimeMs > clock.nowMs() + skewMaxMs) throw refuse('The declared time is itself later than now.', 'Declare the time at which the record came.')
  const { register } = await changeSealRegister(registers, source, (before) => withAppendTime(before, { partition, offset, appendTimeMs: null }, appendTimeMs))
  if (register.overrides.some((one) => one.partition === partition && one.offset === offset && one.appendTimeMs === appendTimeMs)) return
  const stampedMs = await stampOf(log, source, partition, offset)
  if (stampedMs !== null && stampedMs > clock.nowMs() + 2 * skewMaxMs) {
    await changeSealRegister(registers, source, (before) => withAppendTime(before, declared, appendTimeMs))
    return
  }
  await changeSealRegister(registers, source, (before) => withoutAnnouncement(before, partition, offset))
  if (stampedMs === null) throw refuse('The log has no record there.', 'Name the record that the alarm names.')
  throw refuse(`The record was appended at ${stampedMs}, which is not ahead of now any more, or soon will not be: it counts as it is stamped.`, 'Nothing is to be declared; the partition goes on by itself.')
}

/** null: there is no record. */
async function stampOf(log: EventLog, source: SourceDefinition, partition: number, offset: number): Promise<number | null> {
  const { start, end } = await log.extent(topicOf(source), partition)
  if (offset < start || offset >= end) return null
  const { records } = await log.fetch(topicOf(source), partition, offset, { countMax: 1, sizeMaxBytes: 32 * 1_048_576, waitMaxMs: 0 })
  return records.find((record) => record.offset === offset)?.appendTimeMs ?? null
}
