// The way on where records were stamped far ahead, and archiver and processors stand before them: an operator declares the append time of the first. It
// is that of the whole run: of what follows it without a break and is stamped ahead too, up to the log's end as it is by then. It has one meaning
// for all readers, though the clock may come up to a stamp at the same moment and somebody take the record as it is stamped:
//
//   1. It is announced in the register, with where the run ends. Whoever reads the register from then on takes none of the run, whatever the clock says.
//   2. The fences of all views are looked at. Where one contains a record of the run, somebody whose clock was ahead has taken it as it is stamped, and
//      the announcement is taken back: the stamp is what counts. All others are barred: who took records before the announcement, and has not
//      written them yet, is refused, and reads them again under the register as it is by then.
//   3. The clock is read. Only if every stamp is still ahead of it, by more than a reader allows and clocks may differ, is the time declared: a reader of
//      the register as it was before read its own clock earlier still, and so took none of them. Else the announcement is taken back.
//
// An archiver seals by compare-and-set on the same register. Accepting the stamps needs none of this: whoever has taken a record has taken it so.
// A reader reads its clock before the register. Who announces and dies leaves the partition standing; the declaration can be made again.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Clock } from '@tidemark/ports/clock'
import type { EventLog } from '@tidemark/ports/event-log'
import type { RegisterStore } from '@tidemark/ports/register-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { topicOf, viewId } from '../names.ts'
import { changeSealRegister, readSealRegister, replaceSealRegister } from './change-seal-register.ts'
import { barFence, decodeFence } from './fence.ts'
import { covers, settledError, withAppendTime, withoutAnnouncement, type SealRegister } from './seal-register.ts'

export interface DeclarePorts {
  readonly registers: RegisterStore
  readonly log: EventLog
  readonly clock: Clock
  readonly speedViews: Pick<SpeedViewStore, 'read' | 'write'>
  /** Every view version of the source that there is: asked after the announcement, before which nobody can have begun one that is not told. */
  readViews(): Promise<readonly SpeedStateName[]>
}

export type SpeedStateName = Pick<FeatureViewDefinition, 'name' | 'version' | 'bucketCount'>

export interface DeclaredAppendTime {
  readonly partition: number
  /** Of the first record of the run. */
  readonly offset: number
  /** 'stamped': as the log has it, each of the run its own. */
  readonly appendTimeMs: number | 'stamped'
}

/** Of what one fetch reads of a run. */
const FETCH_COUNT_MAX = 10_000
const FETCH_SIZE_MAX_BYTES = 32 * 1_048_576

/**
 * The last offset that the time is declared of. Twice is once. Throws USAGE where the record is not there, not stamped ahead, or declared already;
 * APPEND_TIME_SETTLED where the archive or a view's state contains one of the run; and what the ports throw.
 */
export async function declareAppendTime(ports: DeclarePorts, source: SourceDefinition, declared: DeclaredAppendTime): Promise<number> {
  const { registers, log, clock } = ports
  const { partition, offset, appendTimeMs } = declared
  const { skewMaxMs } = source
  const refuse = (message: string, action: string): TidemarkError =>
    new TidemarkError([{ code: 'USAGE', message, where: `source ${source.name}, partition ${partition}, offset ${offset}`, action }])
  if (appendTimeMs === 'stamped') {
    const nowMs = clock.nowMs()
    const run = await runFrom(log, source, partition, offset, nowMs)
    if (run.firstMs === null) throw refuse('The log has no record there.', 'Name the record that the alarm names.')
    if (run.firstMs <= nowMs) throw refuse(`The record was appended at ${run.firstMs}, which is not ahead of now.`, 'Nothing is to be accepted; the partition goes on by itself.')
    const { register } = await changeSealRegister(registers, source, (found) => withAppendTime(found, { partition, offset, through: run.through, appendTimeMs }))
    return declaredAs(register, declared)!
  }
  if (appendTimeMs > clock.nowMs() + skewMaxMs) throw refuse('The declared time is itself later than now.', 'Declare the time at which the record came.')
  for (;;) {
    const { register: before } = await readSealRegister(registers, source)
    // Refuses what cannot be declared, before anything is read of the log.
    withAppendTime(before, { partition, offset, through: offset, appendTimeMs: null }, appendTimeMs)
    const run = await runFrom(log, source, partition, offset, clock.nowMs() + 2 * skewMaxMs)
    const announced = { partition, offset, through: run.through, appendTimeMs: null }
    const { register, revision } = await changeSealRegister(registers, source, (found) => withAppendTime(found, announced, appendTimeMs))
    const known = declaredAs(register, declared)
    if (known !== null) return known
    const takeBack = async (): Promise<void> => {
      await changeSealRegister(registers, source, (found) => withoutAnnouncement(found, partition, offset))
    }
    try {
      if (run.leastMs > clock.nowMs() + 2 * skewMaxMs) await barFences(ports, source, declared)
    } catch (error) {
      await takeBack()
      throw error
    }
    if (run.leastMs > clock.nowMs() + 2 * skewMaxMs) {
      // Only in the register that has been the same since: where somebody has taken the announcement back in between, a reader may have taken the record by now.
      const replaced = await replaceSealRegister(registers, revision, withAppendTime(register, { ...announced, appendTimeMs }, appendTimeMs))
      if (replaced !== null) return declaredAs(replaced.register, declared)!
      continue
    }
    await takeBack()
    if (run.firstMs === null) throw refuse('The log has no record there.', 'Name the record that the alarm names.')
    // Only a later one of the run is not ahead any more: the run is shorter.
    if (run.firstMs > clock.nowMs() + 2 * skewMaxMs) continue
    throw refuse(`The record was appended at ${run.firstMs}, which is not ahead of now any more, or soon will not be: it counts as it is stamped.`, 'Nothing is to be declared; the partition goes on by itself.')
  }
}

/** Throws APPEND_TIME_SETTLED where a fence contains the record. */
async function barFences({ speedViews, readViews }: DeclarePorts, source: SourceDefinition, { partition, offset }: DeclaredAppendTime): Promise<void> {
  for (const view of await readViews()) {
    for (let bucket = 0; bucket < view.bucketCount; ) {
      const key = { view: viewId(view), bucket }
      const [state] = await speedViews.read([{ ...key, entities: [], partitions: [partition] }])
      const bytes = state!.fences[0] ?? null
      // Without one nothing was folded, and whoever writes the first reads the register after that.
      if (bytes !== null) {
        const where = `fence of partition ${partition}, bucket ${bucket} of view ${key.view}`
        const { next } = decodeFence(bytes, where)
        if (next > offset) throw settledError(source.name, { partition, offset }, `The state of view ${key.view} contains the record: bucket ${bucket} has partition ${partition} up to offset ${next}. A processor took it whose clock was ahead.`)
        if (!(await speedViews.write(key, { expected: { fences: [{ partition, bytes }], chunks: [] }, put: { fences: [{ partition, bytes: barFence(bytes) }], chunks: [] } }))) continue
      }
      bucket++
    }
  }
}

/** Through which offset the time is declared; null: it is not. */
function declaredAs({ overrides }: SealRegister, { partition, offset, appendTimeMs }: DeclaredAppendTime): number | null {
  return overrides.find((one) => covers(one, partition, offset) && one.appendTimeMs === appendTimeMs)?.through ?? null
}

interface Run {
  /** The stamp of the record at the offset; null: there is none. */
  readonly firstMs: number | null
  /** The least stamp among the run; -Infinity: there is no record. */
  readonly leastMs: number
  /** The last record that is stamped later than asked, with all before it; at least the offset. */
  readonly through: number
}

/** The records from an offset on that are all stamped later than `aheadMs`. */
async function runFrom(log: EventLog, source: SourceDefinition, partition: number, offset: number, aheadMs: number): Promise<Run> {
  const topic = topicOf(source)
  const { start, end } = await log.extent(topic, partition)
  let run: Run = { firstMs: null, leastMs: -Infinity, through: offset }
  if (offset < start) return run
  for (let next = offset; next < end; ) {
    const batch = await log.fetch(topic, partition, next, { countMax: FETCH_COUNT_MAX, sizeMaxBytes: FETCH_SIZE_MAX_BYTES, waitMaxMs: 0 })
    for (const { offset: at, appendTimeMs } of batch.records) {
      if (run.firstMs === null) {
        if (at !== offset) return run
        run = { firstMs: appendTimeMs, leastMs: appendTimeMs, through: offset }
      } else if (appendTimeMs > aheadMs) {
        run = { firstMs: run.firstMs, leastMs: Math.min(run.leastMs, appendTimeMs), through: at }
      }
      if (appendTimeMs <= aheadMs) return run
    }
    if (batch.next === next) break
    next = batch.next
  }
  return run
}
