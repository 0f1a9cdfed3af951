// Comparing positions with the log: a topic that was made anew, a log that was cut short, an unclean election all show in the record
// that stands where a position's mark says another one was, or behind it, where none was.

import type { EventLog, LogExtent, LogRecord } from '@tidemark/ports/event-log'
import { markOf, type PartitionPosition } from '../log/partition-position.ts'
import type { PlaceInLog } from './ingest-rules.ts'

/** Two of the largest records. */
const SIZE_MAX_BYTES = 4 * 1_048_576

/** What the log has at a position, which was read before: the log's extent is read here, or was after the position. */
export async function placeInLog(log: EventLog, topic: string, partition: number, { next, mark }: PartitionPosition, extent: LogExtent | null = null): Promise<PlaceInLog> {
  const { start, end } = extent ?? (await log.extent(topic, partition))
  const from = Math.max(mark?.offset ?? 0, start)
  const hasMark = mark !== null && mark.offset >= start
  if (from >= end || from >= next) return { start, end, found: null, hasOther: false }
  // Behind the mark the position may have passed offsets that nobody sees.
  const countMax = hasMark && next === mark.offset + 1 ? 1 : 2
  const { records } = await log.fetch(topic, partition, from, { countMax, sizeMaxBytes: SIZE_MAX_BYTES, waitMaxMs: 0 })
  const isMark = ({ offset }: LogRecord): boolean => offset === mark?.offset
  const found = records.find(isMark)
  // Where retention has removed the mark, records up to the position are those that were read behind it.
  const hasOther = (mark === null || hasMark) && records.some((record) => !isMark(record) && record.offset < next)
  return { start, end, found: found === undefined ? null : markOf(found), hasOther }
}
