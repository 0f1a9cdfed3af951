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
  /** When it was known, and what its epoch is made of: the running maximum of append time in the partition; of a batch table its own. */
  readonly knownMs: number
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
    events: input.source.kind === 'batch-table' && hasAppendTime(input) ? inTableOrder(accepted) : inLogOrder(accepted),
    report: {
      readCount: accepted.length + rejected.length,
      acceptedCount: accepted.length,
      rejectedCount: rejected.length,
      rejectedSamples: rejected.slice(0, REJECTED_SAMPLES_MAX),
    },
  }
}

type PlacedEvent = DecodedEvent & Pick<LogEvent, 'partition' | 'offset'>

/** The append column that the input names comes before the source's. */
function withAppendTime({ source, columns }: EventInput): SourceDefinition {
  return columns?.appendTime === undefined ? source : { ...source, appendTime: columns.appendTime }
}

function hasAppendTime(input: EventInput): boolean {
  return withAppendTime(input).appendTime !== undefined
}

function placeOf({ columns = {} }: EventInput, record: unknown, number: number): Pick<LogEvent, 'partition' | 'offset'> {
  const properties = (typeof record === 'string' ? JSON.parse(record) : record) as Readonly<Record<string, unknown>>
  return {
    partition: columns.partition === undefined ? 0 : Number(properties[columns.partition]),
    offset: columns.offset === undefined ? number : Number(properties[columns.offset]),
  }
}

/** Rows of a batch table are known one by one. */
function inTableOrder(placed: readonly PlacedEvent[]): LogEvent[] {
  return placed.flatMap((event) => inLogOrder([event])).sort(byPlace)
}

/** Adds what the log knows: without append times, the running maximum of the event time stands for them. */
function inLogOrder(placed: readonly PlacedEvent[]): LogEvent[] {
  const knownByPartition = new Map<number, number>()
  const inOrder = placed.toSorted(byPlace)
  return inOrder.map(({ row, eventTimeMs, partition, offset, ...event }) => {
    const knownMs = Math.max(knownByPartition.get(partition) ?? -Infinity, event.appendTimeMs ?? eventTimeMs)
    knownByPartition.set(partition, knownMs)
    const appendTimeMs = event.appendTimeMs ?? knownMs
    return { row, eventTimeMs: Math.min(eventTimeMs, appendTimeMs), appendTimeMs, knownMs, partition, offset }
  })
}

function byPlace(a: Pick<LogEvent, 'partition' | 'offset'>, b: typeof a): number {
  return a.partition - b.partition || a.offset - b.offset
}
