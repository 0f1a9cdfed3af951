// Reads an input into the log it stands for: decoded rows, each with its place in the log and the times that the log gives it.
import { compileEventDecoder, isRejected, type DecodedEvent } from '@tidemark/feature-schema/event-decoder'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import type { EventInput, InputReport } from '@tidemark/ports/batch-engine'
import { readRecords } from './read-records.ts'

export interface LogEvent {
  readonly row: Row
  /** The earlier of the event's own time and its append time. */
  readonly eventTimeMs: number
  readonly appendTimeMs: number
  /** When the log knew of it: the input's column, else the running maximum of append time in the partition. */
  readonly knownMs: number
  /** The input's column; null: what known time says. */
  readonly epoch: number | null
  readonly partition: number
  readonly offset: number
}

export type ReadReport = Pick<InputReport, 'readCount' | 'acceptedCount' | 'rejectedCount' | 'rejectedSamples'>

const REJECTED_SAMPLES_MAX = 20

/** The input's accepted events, by partition and offset, and what was not accepted. */
export async function readEvents(input: EventInput): Promise<{ events: LogEvent[]; report: ReadReport }> {
  const decoder = compileEventDecoder(withAppendTime(input))
  const accepted: PlacedEvent[] = []
  const rejected: InputReport['rejectedSamples'][number][] = []
  for (const [number, { file, row, record }] of (await readRecords(input)).entries()) {
    const decoded = typeof record === 'string' ? decoder.decode(record) : decoder.decodeObject(record)
    if (isRejected(decoded)) rejected.push({ file, row, reason: decoded.rejected.message })
    else accepted.push({ ...decoded, ...placeOf(input, record, number) })
  }
  return {
    events: inLogOrder(accepted),
    report: {
      readCount: accepted.length + rejected.length,
      acceptedCount: accepted.length,
      rejectedCount: rejected.length,
      rejectedSamples: rejected.slice(0, REJECTED_SAMPLES_MAX),
    },
  }
}

interface Place extends Pick<LogEvent, 'partition' | 'offset' | 'epoch'> {
  /** null where the input has no column of it. */
  readonly knownMs: number | null
}

type PlacedEvent = DecodedEvent & Place

/** The append column that the input names comes before the source's. */
function withAppendTime({ source, columns }: EventInput): SourceDefinition {
  return columns?.appendTime === undefined ? source : { ...source, appendTime: columns.appendTime }
}

function placeOf({ columns = {} }: EventInput, record: unknown, number: number): Place {
  const properties = (typeof record === 'string' ? JSON.parse(record) : record) as Readonly<Record<string, unknown>>
  return {
    partition: columns.partition === undefined ? 0 : Number(properties[columns.partition]),
    offset: columns.offset === undefined ? number : Number(properties[columns.offset]),
    knownMs: columns.knownTime === undefined ? null : Number(properties[columns.knownTime]),
    epoch: columns.epoch === undefined ? null : Number(properties[columns.epoch]),
  }
}

/** Adds what the log knows: without append times, the running maximum of the event time stands for them. */
function inLogOrder(placed: readonly PlacedEvent[]): LogEvent[] {
  const knownByPartition = new Map<number, number>()
  const inOrder = placed.toSorted((a, b) => a.partition - b.partition || a.offset - b.offset)
  return inOrder.map(({ row, eventTimeMs, partition, offset, epoch, ...event }) => {
    const knownMs = event.knownMs ?? Math.max(knownByPartition.get(partition) ?? -Infinity, event.appendTimeMs ?? eventTimeMs)
    knownByPartition.set(partition, knownMs)
    const appendTimeMs = event.appendTimeMs ?? knownMs
    return { row, eventTimeMs: Math.min(eventTimeMs, appendTimeMs), appendTimeMs, knownMs, epoch, partition, offset }
  })
}
