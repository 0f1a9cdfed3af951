// Whether a log is still the one that was read (law 6, RULE reset): a record that was read is looked up again. A topic made anew, a log cut
// short or an unclean election lose the end of a partition, so while the last record that was read is there, all before it is.

import type { EventLog } from '@tidemark/ports/event-log'
import type { LogMark } from './manifest.ts'
import { markOf } from './partition-position.ts'

/** Whether the record that is found where a mark points is another one; null: none is there. Another rule stands here only in tests. */
export type ReplacedRule = (expected: LogMark, found: LogMark | null) => boolean

export function isOtherRecord(expected: LogMark, found: LogMark | null): boolean {
  return found === null || found.offset !== expected.offset || found.appendTimeMs !== expected.appendTimeMs || found.checksum !== expected.checksum
}

/** Whether a partition has lost the record of a mark, or has another one there. What retention has removed cannot be compared, and is not lost. */
export async function isLogReplaced(log: EventLog, topic: string, partition: number, mark: LogMark, isReplaced: ReplacedRule = isOtherRecord): Promise<boolean> {
  const { start, end } = await log.extent(topic, partition)
  if (mark.offset < start) return false
  if (mark.offset >= end) return isReplaced(mark, null)
  const { records: [record] } = await log.fetch(topic, partition, mark.offset, { countMax: 1, sizeMaxBytes: 1, waitMaxMs: 0 })
  return isReplaced(mark, record === undefined ? null : markOf(record))
}
