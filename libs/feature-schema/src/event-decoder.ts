// Decodes JSON records of a source into rows: the one decoder of the stream, the archive and the in-memory engine.
// Hot path: plain records without JSON.parse (plain-record.ts), then one precompiled reader a field; why a record is rejected is worked out only
// once it is.

import { fieldReader, type ReadValue } from './accepted-value.ts'
import type { FieldDefinition, SourceDefinition } from './definition.ts'
import type { Problem } from './errors.ts'
import { EVENT_SIZE_MAX_BYTES } from './limits.ts'
import { compilePlainReader } from './plain-record.ts'
import { fieldRejection, malformedRecord, oversizedRecord } from './rejection.ts'
import type { Row, Value } from './value.ts'

export interface DecodedEvent {
  /** The source's fields in the order of its definition; room for a view's derived columns is the view's to add. */
  readonly row: Row
  readonly eventTimeMs: number
  /** null where the source declares none: the log knows it. */
  readonly appendTimeMs: number | null
}

export interface RejectedEvent {
  readonly rejected: Problem
  /** Its properties, where it is an object: what the log says of a record may be readable although the record is not. */
  readonly properties: Properties | null
}

type Properties = Readonly<Record<string, unknown>>

export interface EventDecoder {
  /** Reads a record's bytes (UTF-8) or text. Rejects with EVENT_MALFORMED or EVENT_TOO_LARGE. */
  decode(record: Uint8Array | string): DecodedEvent | RejectedEvent
  /**
   * Reads the values that a record of another format has, in the order of the fields: each as JSON would have it, but integers beyond 2^53 as
   * bigints; undefined where there is none. Files' append times are not among them.
   */
  decodeValues(values: readonly unknown[]): DecodedEvent | RejectedEvent
  /** Reads a record that is parsed already. Unknown properties are ignored. */
  decodeObject(record: unknown): DecodedEvent | RejectedEvent
}

export function isRejected(event: DecodedEvent | RejectedEvent): event is RejectedEvent {
  return 'rejected' in event
}

/** The decoder of a checked source. */
export function compileEventDecoder(source: SourceDefinition): EventDecoder {
  const { fields } = source
  const names = fields.map(({ name }) => name)
  const readers = fields.map(fieldReader)
  const fieldCount = fields.length
  const eventTimeIndex = names.indexOf(source.eventTime)
  const readAppendTime = appendTimeReader(source)
  const readPlain = compilePlainReader(names)

  const decodeObject = (record: unknown): DecodedEvent | RejectedEvent => {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) return reject(source, 'record: expected a JSON object.')
    const properties = record as Properties
    // Of its size from the start: one that grows would take room for seventeen, and the archive holds many of them.
    const row = new Array<Value>(fieldCount)
    for (let i = 0; i < fieldCount; i++) {
      const value = readers[i]!(properties[names[i]!])
      if (value === undefined) return reject(source, fieldRejection(fields[i]!, properties[names[i]!]), properties)
      row[i] = value
    }
    const appendTimeMs = readAppendTime === null ? null : readAppendTime(properties[source.appendTime!])
    if (appendTimeMs === undefined) return reject(source, fieldRejection(appendTimeColumn(source), properties[source.appendTime!]), properties)
    return { row, eventTimeMs: row[eventTimeIndex] as number, appendTimeMs: appendTimeMs as number | null }
  }

  /** null: a value is not accepted. */
  const readRow = (values: readonly unknown[]): Row | null => {
    const row = new Array<Value>(fieldCount)
    for (let i = 0; i < fieldCount; i++) {
      const value = readers[i]!(values[i])
      if (value === undefined) return null
      row[i] = value
    }
    return row
  }

  const decodeValues = (values: readonly unknown[]): DecodedEvent | RejectedEvent => {
    const row = readRow(values)
    if (row !== null) return { row, eventTimeMs: row[eventTimeIndex] as number, appendTimeMs: null }
    const wrong = readers.findIndex((read, i) => read(values[i]) === undefined)
    return reject(source, fieldRejection(fields[wrong]!, values[wrong]))
  }

  /** null: it is not plain, or it is to be rejected. */
  const decodePlain = (record: Uint8Array): DecodedEvent | null => {
    const values = readPlain(record)
    const row = values && readRow(values)
    return row && { row, eventTimeMs: row[eventTimeIndex] as number, appendTimeMs: null }
  }

  const decode = (record: Uint8Array | string): DecodedEvent | RejectedEvent => {
    const sizeBytes = typeof record === 'string' ? textSizeBytes(record) : record.byteLength
    if (sizeBytes > EVENT_SIZE_MAX_BYTES) return { properties: null, rejected: oversizedRecord(source, sizeBytes) }
    if (typeof record !== 'string' && readAppendTime === null) {
      const plain = decodePlain(record)
      if (plain !== null) return plain
    }
    let parsed: unknown
    try {
      parsed = JSON.parse(typeof record === 'string' ? record : utf8.decode(record))
    } catch (error) {
      return reject(source, error instanceof SyntaxError ? `record: not JSON (${error.message}).` : 'record: not UTF-8.')
    }
    return decodeObject(parsed)
  }

  return { decode, decodeObject, decodeValues }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** At most three bytes a UTF-16 unit: only a long text is counted. */
function textSizeBytes(text: string): number {
  return text.length * 3 <= EVENT_SIZE_MAX_BYTES ? text.length : Buffer.byteLength(text)
}

/** null where the source declares no append time; it may name a column of files that is no field of the source. */
function appendTimeReader(source: SourceDefinition): ReadValue | null {
  return source.appendTime === undefined ? null : fieldReader(appendTimeColumn(source))
}

function appendTimeColumn({ appendTime = '' }: SourceDefinition): FieldDefinition {
  return { name: appendTime, type: 'timestamp', nullable: false }
}

function reject(source: SourceDefinition, reason: string, properties: Properties | null = null): RejectedEvent {
  return { properties, rejected: malformedRecord(source, reason) }
}
