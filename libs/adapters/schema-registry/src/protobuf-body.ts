// Reads Protobuf bodies: the fields of the source that the message has, by their names, and steps over everything else. What is not there is what the
// schema says that it is then: zero, empty or false where presence is not tracked; a declared default; else nothing.

import { types } from 'node:util'
import protobuf from 'protobufjs'
import type { SourceDefinition } from '@tidemark/feature-schema/definition'
import type { ReadBody, WriterSchema } from '@tidemark/ports/record-formats'
import { ByteCursor, MalformedBody } from './byte-cursor.ts'
import { parseProtobufSchema, type ProtobufSchema } from './protobuf-schema.ts'
import { ANY_WIRE_TYPE, nested, valueOf, type FieldValue } from './protobuf-value.ts'

/** Of messages within messages. */
const INDEXES_MAX = 16
/** What protobufjs throws where bytes are no message. */
const PROTOBUFJS_ERRORS: ReadonlySet<string> = new Set(['Error', 'RangeError'])

type ReadMessage = (reader: protobuf.Reader) => void

/** A text: why nothing can be read that was written by the schema. */
export function compileProtobufBody(schema: WriterSchema, source: SourceDefinition): ReadBody | string {
  let parsed: ProtobufSchema
  try {
    parsed = parseProtobufSchema(schema)
  } catch (error) {
    return `its schema cannot be read as Protobuf (${(error as Error).message})`
  }
  const values = new Array<unknown>(source.fields.length)
  const messages = new Map<string, ReadMessage | string>()
  const messageAt = (indexes: readonly number[]): ReadMessage | string => {
    const place = indexes.join('.')
    const known = messages.get(place)
    if (known !== undefined) return known
    const message = parsed.messageAt(indexes)
    if (message === null) return `its schema has no message at ${place}`
    const read = messageReader(message, source, values)
    messages.set(place, read)
    return read
  }
  const first = messageAt([0])
  const cursor = new ByteCursor()
  return (record, bodyAt) => {
    try {
      let [read, at] = [first, bodyAt + 1]
      if (record[bodyAt] !== 0) {
        cursor.begin(record, bodyAt)
        read = messageAt(indexesAt(cursor))
        at = cursor.position
      }
      if (typeof read === 'string') return read
      const reader = protobuf.Reader.create(record)
      reader.pos = at
      read(reader)
      return values
    } catch (error) {
      if (error instanceof MalformedBody) return error.message
      if (types.isNativeError(error) && PROTOBUFJS_ERRORS.has(error.name)) return `its body is no message of its schema (${error.message})`
      throw error
    }
  }
}

function indexesAt(cursor: ByteCursor): number[] {
  const count = cursor.index(INDEXES_MAX + 1)
  return count === 0 ? [0] : Array.from({ length: count }, () => cursor.index(Number.MAX_SAFE_INTEGER))
}

interface Step extends FieldValue {
  /** Where the value belongs; -1: nowhere, it only takes the place of others. */
  readonly slot: number
  /** Of which one at most is there: the last. */
  readonly others: readonly number[]
}

/** Fills the values. A text: why it cannot. */
function messageReader(message: protobuf.Type, source: SourceDefinition, values: unknown[]): ReadMessage | string {
  const absent = new Array<unknown>(source.fields.length).fill(undefined)
  const steps = new Map<number, Step>()
  const slotOf = new Map(source.fields.map(({ name }, slot) => [name, slot]))
  try {
    for (const field of message.fieldsArray) {
      const slot = slotOf.get(field.name) ?? -1
      const others = membersBeside(field).flatMap(({ name }) => slotOf.get(name) ?? [])
      if (slot === -1 && others.length === 0) continue
      const value = slot === -1 ? nested({}) : valueOf(field, source.fields[slot]!.type)
      if (slot !== -1) absent[slot] = value.absent
      steps.set(field.id, { ...value, slot, others })
    }
  } catch (error) {
    return `its schema cannot be read as Protobuf (${(error as Error).message})`
  }
  return (reader) => {
    for (let slot = 0; slot < absent.length; slot++) values[slot] = absent[slot]
    while (reader.pos < reader.len) {
      const tag = reader.tag()
      const step = steps.get(tag >>> 3)
      const wireType = tag & 7
      // What comes in another encoding is of a field that the schema does not know.
      if (step === undefined || (wireType !== step.wireType && step.wireType !== ANY_WIRE_TYPE)) {
        reader.skipType(wireType, 0, tag >>> 3)
        continue
      }
      const value = step.read(reader, wireType, tag >>> 3)
      if (value === undefined) continue
      for (const other of step.others) values[other] = absent[other]
      if (step.slot !== -1) values[step.slot] = value
    }
  }
}

function membersBeside(field: protobuf.Field): protobuf.Field[] {
  return field.partOf === null ? [] : field.partOf.fieldsArray.filter((other) => other !== field)
}
