// Reads an input into the log it stands for: decoded rows, each with its place in the log and the times that the log gives it.
import { VALUE_READERS } from '@tidemark/feature-schema/accepted-value'
import { compileEventDecoder, isRejected, type DecodedEvent } from '@tidemark/feature-schema/event-decoder'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import type { EventInput, HeldBack, InputReport } from '@tidemark/ports/batch-engine'
import { readRecords } from './read-records.ts'

export interface LogEvent {
  readonly row: Row
  /** The earlier of the event's own time and its append time. */
  readonly eventTimeMs: number
  readonly appendTimeMs: number
  /** When it was known: the input's column, else the running maximum of append time in the partition; of a batch table its own append time. */
  readonly knownMs: number
  /** The input's column; null: what known time says. */
  readonly epoch: number | null
  readonly partition: number
  readonly offset: number
}

export type ReadReport = Pick<InputReport, 'readCount' | 'acceptedCount' | 'rejectedCount' | 'rejectedSamples' | 'heldBack'>

const REJECTED_SAMPLES_MAX = 20

/** The input's accepted events, by partition and offset, and what was not accepted. */
export async function readEvents(input: EventInput): Promise<{ events: LogEvent[]; report: ReadReport }> {
  const source = withAppendTime(input)
  const decoder = compileEventDecoder(source)
  const records: PlacedRecord[] = []
  const times: HeldBack['by'][] = []
  const rejected: InputReport['rejectedSamples'][number][] = []
  for (const [number, { file, row, record }] of (await readRecords(input)).entries()) {
    const decoded = typeof record === 'string' ? decoder.decode(record) : decoder.decodeObject(record)
    if (isRejected(decoded)) {
      rejected.push({ file, row, reason: decoded.rejected.message })
      records.push(...placeOfRejected(input, source, decoded.properties, number))
    } else {
      const properties = (typeof record === 'string' ? JSON.parse(record) : record) as Properties
      if (source.appendTime === undefined) times.push({ file, row, eventTimeMs: decoded.eventTimeMs })
      records.push({ ...placeOf(input, properties, number), event: decoded, appendTimeMs: decoded.appendTimeMs })
    }
  }
  const acceptedCount = records.filter(({ event }) => event !== null).length
  return {
    events: source.kind === 'batch-table' && source.appendTime !== undefined ? inTableOrder(records) : inLogOrder(records),
    report: {
      readCount: acceptedCount + rejected.length,
      acceptedCount,
      rejectedCount: rejected.length,
      rejectedSamples: rejected.slice(0, REJECTED_SAMPLES_MAX),
      heldBack: isInFileOrder(input) ? heldBackOf(times, source.skewMaxMs) : null,
    },
  }
}

function isInFileOrder({ columns = {} }: EventInput): boolean {
  return columns.partition === undefined && columns.offset === undefined
}

/** Of event times in file order. */
function heldBackOf(times: readonly HeldBack['by'][], skewMaxMs: number): HeldBack | null {
  let newest = times[0]
  let by = null
  let count = 0
  for (const time of times) {
    if (time.eventTimeMs > newest!.eventTimeMs) newest = time
    if (newest!.eventTimeMs - time.eventTimeMs <= skewMaxMs) continue
    by = newest!
    count++
  }
  return by && { count, by }
}

type Properties = Readonly<Record<string, unknown>>

interface Place extends Pick<LogEvent, 'partition' | 'offset' | 'epoch'> {
  /** null where the input has no column of it. */
  readonly knownMs: number | null
}

/** A record's place in the log; event null: it is rejected, and only its append time counts. */
interface PlacedRecord extends Place {
  readonly event: DecodedEvent | null
  readonly appendTimeMs: number | null
}

/** The append column that the input names comes before the source's. */
function withAppendTime({ source, columns }: EventInput): SourceDefinition {
  return columns?.appendTime === undefined ? source : { ...source, appendTime: columns.appendTime }
}

function placeOf({ columns = {} }: EventInput, properties: Properties, number: number): Place {
  return {
    partition: columns.partition === undefined ? 0 : Number(properties[columns.partition]),
    offset: columns.offset === undefined ? number : Number(properties[columns.offset]),
    knownMs: columns.knownTime === undefined ? null : Number(properties[columns.knownTime]),
    epoch: columns.epoch === undefined ? null : Number(properties[columns.epoch]),
  }
}

/** A rejected record, where its append time and its place can be read: it moves the running maximum all the same. */
function placeOfRejected(input: EventInput, { appendTime }: SourceDefinition, properties: Properties | null, number: number): PlacedRecord[] {
  if (appendTime === undefined || properties === null) return []
  const appendTimeMs = VALUE_READERS.timestamp(properties[appendTime])
  const isPlaced = [input.columns?.partition, input.columns?.offset].every((column) => column === undefined || Number(VALUE_READERS.int64(properties[column]) ?? -1) >= 0)
  return typeof appendTimeMs === 'number' && isPlaced ? [{ ...placeOf(input, properties, number), event: null, appendTimeMs }] : []
}

/** Rows of a batch table are known one by one. */
function inTableOrder(records: readonly PlacedRecord[]): LogEvent[] {
  return records.flatMap((record) => inLogOrder([record])).sort(byPlace)
}

/** Adds what the log knows: without append times, the running maximum of the event time stands for them. */
function inLogOrder(records: readonly PlacedRecord[]): LogEvent[] {
  const knownByPartition = new Map<number, number>()
  return records.toSorted(byPlace).flatMap(({ event, appendTimeMs: loggedMs, knownMs: declaredMs, epoch, partition, offset }) => {
    const knownMs = declaredMs ?? Math.max(knownByPartition.get(partition) ?? -Infinity, loggedMs ?? event!.eventTimeMs)
    knownByPartition.set(partition, knownMs)
    if (event === null) return []
    const appendTimeMs = loggedMs ?? knownMs
    return [{ row: event.row, eventTimeMs: Math.min(event.eventTimeMs, appendTimeMs), appendTimeMs, knownMs, epoch, partition, offset }]
  })
}

function byPlace(a: Pick<LogEvent, 'partition' | 'offset'>, b: Pick<LogEvent, 'partition' | 'offset'>): number {
  return a.partition - b.partition || a.offset - b.offset
}
