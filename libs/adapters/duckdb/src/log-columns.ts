// Which columns of an input hold what the log knows of a record. They are read and checked like fields, after the source's own.
import type { FieldDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '@tidemark/ports/batch-engine'
import { OFFSET_MAX, PARTITION_MAX } from './event-order.ts'

export interface LogColumns {
  readonly sourceName: string
  /** The source's fields, then those of the log; the column of each is `f` and its index. */
  readonly fields: readonly FieldDefinition[]
  /** Indexes of the fields that are read for the log's sake. */
  readonly always: ReadonlySet<number>
  /** Index of the first field of the log. */
  readonly logFrom: number
  /** Columns; null where the input has none. */
  readonly eventTime: string
  readonly appendTime: string | null
  readonly partition: string | null
  readonly offset: string | null
  readonly knownTime: string | null
  readonly epoch: string | null
  /** How far clocks may be apart. */
  readonly skewMaxMs: number
  /** Whether each record is known at its own append time, whatever came before it: rows of a batch table are. */
  readonly isKnownOneByOne: boolean
}

export function logColumnsOf({ source, columns = {} }: EventInput): LogColumns {
  const fields: FieldDefinition[] = [...source.fields]
  const eventTimeIndex = fields.findIndex(({ name }) => name === source.eventTime)
  const always = new Set([eventTimeIndex])
  const add = (name: string | undefined, field: Omit<FieldDefinition, 'name' | 'nullable'>): string | null => {
    if (name === undefined) return null
    always.add(fields.length)
    fields.push({ name, nullable: false, ...field })
    return `f${fields.length - 1}`
  }
  const appendTime = add(columns.appendTime ?? source.appendTime, { type: 'timestamp' })
  return {
    sourceName: source.name,
    skewMaxMs: source.skewMaxMs,
    logFrom: source.fields.length,
    appendTime,
    isKnownOneByOne: source.kind === 'batch-table' && appendTime !== null,
    partition: add(columns.partition, { type: 'int64', min: 0, max: PARTITION_MAX }),
    offset: add(columns.offset, { type: 'int64', min: 0, max: OFFSET_MAX }),
    knownTime: add(columns.knownTime, { type: 'timestamp' }),
    epoch: add(columns.epoch, { type: 'int64' }),
    eventTime: `f${eventTimeIndex}`,
    fields,
    always,
  }
}
