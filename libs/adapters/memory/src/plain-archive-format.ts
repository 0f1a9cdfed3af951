// Segments as JSON, for tests and the simulation, read by the in-memory engine as records. Version 1, one object:
//
//   formatVersion, sourceVersion, partition, epoch
//   records: [offset, append time of the log, append time, known time, key, value, headers, row, rejection] each
//            key, value and the headers' values in base64; integers beyond 2^53 as text

import { crc32 } from 'node:zlib'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { VALUE_READERS } from '@tidemark/feature-schema/accepted-value'
import type { Row, Value } from '@tidemark/feature-schema/value'
import type { ArchiveFormat, ArchivedRecord, ArchiveOpening, SegmentObject, SegmentPlace } from '@tidemark/ports/archive-format'
import type { LogColumnNames } from '@tidemark/ports/batch-engine'

const PLAIN_FORMAT_VERSION = 1

/** Not names that a field can have. */
const COLUMNS = { appendTime: '$append_time', partition: '$partition', offset: '$offset', knownTime: '$known_time', epoch: '$epoch' } satisfies LogColumnNames

type PlainRecord = readonly [
  offset: number, loggedMs: number, appendTimeMs: number, knownTimeMs: number, key: string | null, value: string | null,
  headers: Readonly<Record<string, string>> | null, row: readonly (Exclude<Value, bigint>)[] | null, rejection: string | null,
]

interface PlainSegment {
  readonly formatVersion: number
  readonly sourceVersion: number
  readonly partition: number
  readonly epoch: number
  readonly records: readonly PlainRecord[]
}

export function createPlainArchiveFormat(): ArchiveFormat {
  return {
    extension: 'json',
    begin(place) {
      const records: PlainRecord[] = []
      return { add: (record) => void records.push(plainOf(record)), finish: async () => encode(place, records) }
    },
    async open(opening) {
      const records: Record<string, unknown>[] = []
      for (const segment of opening.segments) {
        if (segment.isRejected && segment.sourceVersion === opening.source.version) continue
        records.push(...(await eventsOf(parse(await bytesOf(opening, segment), segment.key), opening, segment)))
      }
      return { input: { source: opening.source, columns: COLUMNS, kind: 'records', records }, [Symbol.asyncDispose]: () => Promise.resolve() }
    },
    read: async (bytes, source, where) => parse(bytes, where).records.map((record) => archivedOf(record, source)),
  }
}

function encode({ source, partition, epoch }: SegmentPlace, records: readonly PlainRecord[]): Uint8Array {
  const plain: PlainSegment = { formatVersion: PLAIN_FORMAT_VERSION, sourceVersion: source.version, partition, epoch, records }
  return Buffer.from(JSON.stringify(plain))
}

function plainOf({ record, appendTimeMs, knownTimeMs, row, rejection }: ArchivedRecord): PlainRecord {
  return [
    record.offset, record.appendTimeMs, appendTimeMs, knownTimeMs, base64(record.key), base64(record.value), headersText(record.headers),
    row === null ? null : row.map((value) => (typeof value === 'bigint' ? String(value) : value)), rejection,
  ]
}

async function bytesOf({ objects }: ArchiveOpening, { key, sizeBytes, checksum }: SegmentObject): Promise<Uint8Array> {
  const object = await objects.get(key)
  if (object === null) throw problem('OBJECT_MISSING', 'There is no such object.', key)
  if (object.bytes.byteLength !== sizeBytes || crc32(object.bytes) !== checksum) throw problem('STORE_DAMAGED', 'Its size or checksum is not what the manifest says.', key)
  return object.bytes
}

/** Throws STORE_DAMAGED or STORE_TOO_NEW. */
function parse(bytes: Uint8Array, where: string): PlainSegment {
  let segment: PlainSegment
  try {
    segment = JSON.parse(Buffer.from(bytes).toString()) as PlainSegment
  } catch (error) {
    throw problem('STORE_DAMAGED', `It is not JSON: ${(error as Error).message}.`, where, error)
  }
  if (segment.formatVersion > PLAIN_FORMAT_VERSION) throw problem('STORE_TOO_NEW', `It has format version ${segment.formatVersion}; this release reads up to ${PLAIN_FORMAT_VERSION}.`, where)
  return segment
}

async function eventsOf({ partition, epoch, records }: PlainSegment, { source, decode }: ArchiveOpening, { sourceVersion }: SegmentObject): Promise<Record<string, unknown>[]> {
  const archived = records.map((record) => archivedOf(record, source))
  const rows = sourceVersion === source.version ? archived.map(({ row }) => row) : await decode(archived.map(({ record }) => record))
  return archived.flatMap(({ record, appendTimeMs, knownTimeMs }, i) => {
    const row = rows[i]!
    if (row === null) return []
    const fields = Object.fromEntries(source.fields.map(({ name }, column) => [name, row[column]]))
    return [{
      ...fields, [COLUMNS.appendTime]: appendTimeMs, [COLUMNS.knownTime]: knownTimeMs, [COLUMNS.epoch]: epoch,
      [COLUMNS.partition]: partition, [COLUMNS.offset]: record.offset,
    }]
  })
}

function archivedOf([offset, loggedMs, appendTimeMs, knownTimeMs, key, value, headers, row, rejection]: PlainRecord, { fields }: SourceDefinition): ArchivedRecord {
  return {
    record: { offset, appendTimeMs: loggedMs, key: bytesFrom(key), value: bytesFrom(value), headers: headersFrom(headers) },
    appendTimeMs, knownTimeMs, rejection,
    row: row === null ? null : row.map((value, i) => (typeof value === 'string' ? VALUE_READERS[fields[i]?.type ?? 'string'](value) ?? value : value)) as Row,
  }
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function bytesFrom(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

function headersText(headers: ArchivedRecord['record']['headers']): Readonly<Record<string, string>> | null {
  const entries = Object.entries(headers)
  return entries.length === 0 ? null : Object.fromEntries(entries.map(([name, bytes]) => [name, base64(bytes)!]))
}

function headersFrom(headers: Readonly<Record<string, string>> | null): ArchivedRecord['record']['headers'] {
  return headers === null ? {} : Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, bytesFrom(text)!]))
}

function problem(code: ErrorCode, message: string, where: string, cause?: unknown): TidemarkError {
  return new TidemarkError([{ code, message, where, action: 'Restore the object; the archive is never rewritten.' }], { cause })
}
