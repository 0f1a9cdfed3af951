// Whether a log is still the one that was read (law 6, RULE reset): a record that was read is looked up again. A topic made anew, a log cut
// short or an unclean election lose the end of a partition, so while the last record that was read is there, all before it is.

import type { EventLog } from '@tidemark/ports/event-log'
import type { LogMark } from './manifest.ts'
import { markOf } from './partition-position.ts'

/** How far a log was read: up to the offset `next`, with the record of the mark as the last visible one before it; null: there was none. */
export interface LogPlace {
  readonly next: number
  readonly mark: LogMark | null
}

/**
 * Whether the record that is found where a mark points is another one; null: none is there. Without a mark, whatever is found is another
 * one: nothing was visible. Another rule stands here only in tests.
 */
export type ReplacedRule = (expected: LogMark | null, found: LogMark | null) => boolean

export function isOtherRecord(expected: LogMark | null, found: LogMark | null): boolean {
  if (expected === null) return found !== null
  return found === null || found.offset !== expected.offset || found.appendTimeMs !== expected.appendTimeMs || found.checksum !== expected.checksum
}

/**
 * Whether a partition has lost what was read up to a place, or has something else there: another record at the mark, or one behind it where
 * only offsets were that nobody sees. What retention has removed cannot be compared, and is not lost.
 */
export async function isLogReplaced(log: EventLog, topic: string, partition: number, { next, mark }: LogPlace, isReplaced: ReplacedRule = isOtherRecord): Promise<boolean> {
  const { start, end } = await log.extent(topic, partition)
  const hasMark = mark !== null && mark.offset >= start
  if (hasMark && mark.offset >= end) return isReplaced(mark, null)
  // Where retention has removed the mark, the records up to the place are those that were read behind it.
  const from = hasMark ? mark.offset : mark === null ? start : next
  if (from >= Math.min(next, end)) return false
  const { records } = await log.fetch(topic, partition, from, { countMax: hasMark && next > from + 1 ? 2 : 1, sizeMaxBytes: SIZE_MAX_BYTES, waitMaxMs: 0 })
  const other = records.find(({ offset }) => offset !== mark?.offset && offset < next)
  if (other !== undefined && isReplaced(null, markOf(other))) return true
  if (!hasMark) return false
  const found = records.find(({ offset }) => offset === mark.offset)
  return isReplaced(mark, found === undefined ? null : markOf(found))
}

/** Two of the largest records. */
const SIZE_MAX_BYTES = 32 * 1_048_576
