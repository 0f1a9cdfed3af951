// Decodes the records of a source's log: what archiver and processors read alike. Append times are the log's own, whatever a record says.

import { compileEventDecoder, isRejected } from '@tidemark/feature-schema/event-decoder'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Problem } from '@tidemark/feature-schema/errors'
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

/** The decoder of a checked source. */
export function compileLogDecoder(source: SourceDefinition): DecodeLogRecord {
  const { appendTime: _, ...fields } = source
  const decoder = compileEventDecoder(fields)
  return ({ value }) => {
    const event = decoder.decode(value ?? '')
    return isRejected(event) ? { row: null, eventTimeMs: NaN, rejection: event.rejected } : { row: event.row, eventTimeMs: event.eventTimeMs, rejection: null }
  }
}
