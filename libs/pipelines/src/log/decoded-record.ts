// What becomes of a record of a log.

import type { Problem } from '@tidemark/feature-schema/errors'
import { isRejected, type DecodedEvent, type RejectedEvent } from '@tidemark/feature-schema/event-decoder'
import type { Row } from '@tidemark/feature-schema/value'
import type { LogRecord } from '@tidemark/ports/event-log'

/** The row is null where the record was rejected. */
export interface DecodedRecord {
  readonly row: Row | null
  /** The event's own time; NaN where the record was rejected. */
  readonly eventTimeMs: number
  readonly rejection: Problem | null
}

export type DecodeLogRecord = (record: LogRecord) => DecodedRecord

export function decodedRecord(event: DecodedEvent | RejectedEvent): DecodedRecord {
  return isRejected(event) ? rejectedRecord(event.rejected) : { row: event.row, eventTimeMs: event.eventTimeMs, rejection: null }
}

export function rejectedRecord(rejection: Problem): DecodedRecord {
  return { row: null, eventTimeMs: NaN, rejection }
}
