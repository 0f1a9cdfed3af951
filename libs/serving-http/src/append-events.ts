// Appends records to a source's topic, each to the partition of its entity, and says where they are. What does not fit the source's schema is
// appended like the rest: it is the log that keeps it, and it becomes a dead letter; the answer says so in advance.

import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { didYouMean } from '@tidemark/feature-schema/did-you-mean'
import { encodeEntityKey, type KeyType } from '@tidemark/feature-schema/entity-key'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { hashKey } from '@tidemark/feature-schema/key-hash'
import type { Row } from '@tidemark/feature-schema/value'
import type { DecodeLogRecord } from '@tidemark/pipelines/log/decoded-record'
import { compileJsonDecoder } from '@tidemark/pipelines/log/log-decoder'
import { topicOf } from '@tidemark/pipelines/names'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import type { EventLog, LogAppend } from '@tidemark/ports/event-log'

/** What of a log appending takes. */
export type AppendLog = Pick<EventLog, 'append' | 'partitionCount'>

export interface AppendedRange {
  readonly partition: number
  readonly firstOffset: number
  readonly count: number
}

/** A record that is in the log and will count nowhere. */
export interface DoomedRecord {
  /** In the request, from 0. */
  readonly index: number
  readonly partition: number
  readonly offset: number
  readonly code: ErrorCode
  readonly reason: string
}

export interface AppendedEvents {
  readonly source: string
  readonly appendedCount: number
  /** By partition; in each, the records are in the order of the request. */
  readonly appended: readonly AppendedRange[]
  readonly rejectedCount: number
  readonly rejected: readonly DoomedRecord[]
}

export interface AppendTarget {
  readonly log: AppendLog
  /** Whether it is read as JSON, whatever formats sources declare. */
  readonly isAllJson: boolean
  /** Of each record. */
  readonly headers?: Readonly<Record<string, Uint8Array>> | undefined
}

/**
 * Durable when it resolves, all of the records or none. Throws UNKNOWN_NAME; USAGE where the source's log is not of JSON; STORE_UNAVAILABLE
 * where its topic is not there; and what the log throws.
 */
export async function appendEvents({ log, isAllJson, headers }: AppendTarget, catalog: FeatureCatalog, sourceName: string, records: readonly Uint8Array[]): Promise<AppendedEvents> {
  const plan = planOf(catalog, sourceName)
  if (!isAllJson) refuseOtherFormats(plan.source)
  const topic = topicOf(plan.source)
  const partitionCount = await ofItsTopic(sourceName, log.partitionCount(topic))
  const decode = decoderOf(plan.source)
  const rejections: { index: number; code: ErrorCode; reason: string }[] = []
  const byPartition = new Map<number, { indexes: number[]; records: LogAppend['records'][number][] }>()
  for (const [index, value] of records.entries()) {
    const { row, rejection } = decode({ offset: 0, appendTimeMs: 0, key: null, value, headers: {} })
    if (rejection !== null) rejections.push({ index, code: rejection.code, reason: rejection.message })
    const key = row === null ? null : entityOf(plan, row)
    const partition = Number(hashKey(key ?? value) % BigInt(partitionCount))
    const part = byPartition.get(partition) ?? { indexes: [], records: [] }
    byPartition.set(partition, part)
    part.indexes.push(index)
    part.records.push(headers === undefined ? { key, value } : { key, value, headers })
  }
  const parts = [...byPartition].sort(([a], [b]) => a - b)
  const places = parts.length === 0 ? [] : await ofItsTopic(sourceName, log.append(parts.map(([partition, part]): LogAppend => ({ topic, partition, records: part.records }))))
  const placeOf = new Map(parts.flatMap(([partition, { indexes }], i) => indexes.map((index, j) => [index, { partition, offset: places[i]!.firstOffset + j }] as const)))
  return {
    source: sourceName,
    appendedCount: records.length,
    appended: parts.map(([partition, { indexes }], i) => ({ partition, firstOffset: places[i]!.firstOffset, count: indexes.length })),
    rejectedCount: rejections.length,
    rejected: rejections.map(({ index, code, reason }) => ({ index, ...placeOf.get(index)!, code, reason })),
  }
}

/** A source that is there, and its topic is not: nothing that the client could have called otherwise. */
async function ofItsTopic<T>(sourceName: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'UNKNOWN_NAME') throw error
    const action = 'Start a service that reads the source, or this one, again: it makes the topic. Nothing of the request was appended; send it again then.'
    throw new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: 'Its topic is not there.', where: `source ${sourceName}`, action }], { cause: error })
  }
}

const decoders = new WeakMap<SourceDefinition, DecodeLogRecord>()

/** Compiled once for each source. */
function decoderOf(source: SourceDefinition): DecodeLogRecord {
  const known = decoders.get(source) ?? compileJsonDecoder(source)
  decoders.set(source, known)
  return known
}

function refuseOtherFormats({ name, format = 'json' }: SourceDefinition): void {
  if (format === 'json') return
  throw new TidemarkError([{ code: 'USAGE', message: `Records of source ${name} are of format ${format}.`, where: `/v1/events/${name}`, action: 'Append them to the topic with a producer that writes it.' }])
}

/** The first view of a source: records are spread by its entities. */
function planOf({ plans }: FeatureCatalog, sourceName: string): ViewPlan {
  const found = plans.find(({ source }) => source.kind === 'event' && source.name === sourceName)
  if (found !== undefined) return found
  const names = [...new Set(plans.filter(({ source }) => source.kind === 'event').map(({ source }) => source.name))]
  throw new TidemarkError([{ code: 'UNKNOWN_NAME', message: `No view reads events of a source ${sourceName}.`, where: `/v1/events/${sourceName}`, action: didYouMean(sourceName, names) }])
}

/** The bytes of an event's entity; null: one of its keys is NULL. */
export function entityOf({ derived, keys }: ViewPlan, row: Row): Uint8Array | null {
  for (const { evaluate } of derived) row.push(evaluate(row))
  const values = keys.map(({ index }) => row[index] ?? null)
  return values.includes(null) ? null : encodeEntityKey(values, keys.map(({ type }) => type as KeyType))
}
