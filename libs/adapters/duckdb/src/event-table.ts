// Names of what input-sql.ts makes, which every query is written on: a view of the accepted events of an input.
//   event_time BIGINT   epoch ms; the earlier of the event's own time and its append time
//   append_time BIGINT  epoch ms; without an append column: the running maximum of the event time in file order
//   known_time BIGINT   epoch ms; the input's column, else the running maximum of append time in the partition, in the order of its offsets; of a
//                       batch table the row's own
//   log_epoch BIGINT    where the input has a column of it
//   log_partition, log_offset BIGINT
//   f0, f1 …            the source's fields by index, those that were asked for (of the SQL types of expressions)
import type { InputReport } from '@tidemark/ports/batch-engine'

export interface EventTable {
  /** The view's name. */
  readonly relation: string
  /** The column of a field. */
  columnOf(field: string): string
  /** Throws an error of a query of the view as INPUT_UNREADABLE, where the files are at fault. */
  readonly rethrow: (error: unknown) => never
  readonly report: Pick<InputReport, 'readCount' | 'acceptedCount' | 'rejectedCount' | 'rejectedSamples' | 'heldBack'>
}

export const REJECTED_SAMPLES_MAX = 20
