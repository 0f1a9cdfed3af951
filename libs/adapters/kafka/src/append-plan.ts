// How appends become batches: the records of each partition in order, in as few batches as the topic's limit allows, and where in them
// each append begins. Values only.

import type { AppendedAt, LogAppend } from '@tidemark/ports/event-log'
import type { LogAppendRecords } from './partition-writer.ts'
import { recordSizeOf } from './record-batches.ts'

/** Of a batch, before its records. */
const BATCH_HEADER_SIZE_BYTES = 61
/** What frames a record, at most: lengths, deltas, attributes; and each of its headers. */
const RECORD_FRAME_MAX_BYTES = 36
const HEADER_FRAME_MAX_BYTES = 10

export interface AppendLimits {
  readonly recordSizeMaxBytes: number
  readonly batchSizeMaxBytes: number
}

export interface PlannedPart {
  readonly topic: string
  readonly partition: number
  readonly batches: LogAppendRecords[number][][]
  sizeBytes: number
}

/** Where an append begins: the record at `index` of that batch, or the end of the part. */
interface Beginning {
  readonly part: number
  readonly batch: number
  readonly index: number
}

export interface AppendPlan {
  /** One for each partition, also where it gets no record. */
  readonly parts: readonly PlannedPart[]
  readonly beginnings: readonly Beginning[]
}

/** Why an append is refused. */
export interface TooLarge {
  readonly topic: string
  readonly partition: number
  readonly sizeBytes: number
  readonly limitBytes: number
}

export function planAppends(appends: readonly LogAppend[], limitsOf: (topic: string) => AppendLimits): AppendPlan | TooLarge {
  const parts: PlannedPart[] = []
  const byPlace = new Map<string, number>()
  const beginnings: Beginning[] = []
  for (const { topic, partition, records } of appends) {
    const place = `${partition} ${topic}`
    let part = byPlace.get(place)
    if (part === undefined) {
      part = parts.push({ topic, partition, batches: [], sizeBytes: 0 }) - 1
      byPlace.set(place, part)
    }
    const limits = limitsOf(topic)
    const planned = parts[part]!
    let beginning: Beginning | null = null
    for (const record of records) {
      const sizeBytes = recordSizeOf(record)
      const framedBytes = BATCH_HEADER_SIZE_BYTES + framedSizeOf(record, sizeBytes)
      if (sizeBytes > limits.recordSizeMaxBytes) return { topic, partition, sizeBytes, limitBytes: limits.recordSizeMaxBytes }
      if (framedBytes > limits.batchSizeMaxBytes) return { topic, partition, sizeBytes: framedBytes, limitBytes: limits.batchSizeMaxBytes }
      const at = addRecord(planned, record, framedBytes, limits.batchSizeMaxBytes)
      beginning ??= { part, ...at }
    }
    const last = planned.batches.length - 1
    beginnings.push(beginning ?? { part, batch: Math.max(0, last), index: planned.batches[last]?.length ?? 0 })
  }
  return { parts, beginnings }
}

function addRecord(part: PlannedPart & { openSizeBytes?: number }, record: LogAppendRecords[number], framedBytes: number, batchSizeMaxBytes: number): { batch: number; index: number } {
  const open = part.openSizeBytes ?? Infinity
  const withinBytes = open + framedBytes - BATCH_HEADER_SIZE_BYTES
  if (withinBytes > batchSizeMaxBytes) part.batches.push([])
  part.openSizeBytes = withinBytes > batchSizeMaxBytes ? framedBytes : withinBytes
  part.sizeBytes += framedBytes
  const batch = part.batches.length - 1
  return { batch, index: part.batches[batch]!.push(record) - 1 }
}

function framedSizeOf({ headers }: LogAppendRecords[number], sizeBytes: number): number {
  let framedBytes = sizeBytes + RECORD_FRAME_MAX_BYTES
  for (const _ in headers) framedBytes += HEADER_FRAME_MAX_BYTES
  return framedBytes
}

/** Where each append begins, once its part's batches are where they are; `ends` are of parts that got no record. */
export function appendedAt({ parts, beginnings }: AppendPlan, appended: readonly (readonly AppendedAt[])[], ends: readonly (AppendedAt | null)[]): AppendedAt[] {
  return beginnings.map(({ part, batch, index }) => {
    const at = parts[part]!.batches.length === 0 ? ends[part]! : appended[part]![batch]!
    return { firstOffset: at.firstOffset + index, appendTimeMs: at.appendTimeMs }
  })
}
