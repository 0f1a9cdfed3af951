// A generated history as an engine reads it: records with the log's own columns beside the source's fields.
import type { OracleEvent } from '@tidemark/aggregation/testing/oracle'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { EventInput } from '@tidemark/ports/batch-engine'
import type { JsonRecord } from '@tidemark/ports/testing/record-files'

export type RecordsInput = Extract<EventInput, { kind: 'records' }>

/** The events as an archive of their source. */
export function archiveOf(source: SourceDefinition, events: readonly OracleEvent[]): RecordsInput {
  const columns = { appendTime: 'log_time', partition: 'log_partition', offset: 'log_offset' }
  return { source, kind: 'records', columns, records: events.map((event) => recordOf(source, event)) }
}

function recordOf(source: SourceDefinition, event: OracleEvent): JsonRecord {
  const fields = source.fields.map(({ name }, i) => {
    const value = event.fields[i]!
    return [name, typeof value === 'bigint' ? String(value) : value] as const
  })
  return { ...Object.fromEntries(fields), log_time: event.appendTimeMs, log_partition: event.partition, log_offset: event.offset }
}

/** When each event was known: the running maximum of append time in its partition; a row of a batch table at its own time. */
export function knownTimes({ kind }: SourceDefinition, events: readonly OracleEvent[]): Map<OracleEvent, number> {
  if (kind === 'batch-table') return new Map(events.map((event) => [event, event.appendTimeMs]))
  const newest = new Map<number, number>()
  const inOrder = events.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  return new Map(inOrder.map((event) => {
    const knownMs = Math.max(newest.get(event.partition) ?? -Infinity, event.appendTimeMs)
    newest.set(event.partition, knownMs)
    return [event, knownMs]
  }))
}
