// The value of a field of a Protobuf message, as a field of a source takes it: what JSON would have for it. Of messages, those that stand for one value
// have it: Timestamp, the wrappers, and the Decimal of schema registries.

import { isUtf8 } from 'node:buffer'
import type { ValueType } from '@tidemark/feature-schema/value'
import protobuf from 'protobufjs'
import { MalformedBody } from './byte-cursor.ts'
import { decimalValue } from './decimal-value.ts'

export interface FieldValue {
  /** How it has to be encoded to be this field's; ANY_WIRE_TYPE: however. */
  readonly wireType: number
  /** What is read where the message does not have it. */
  readonly absent: unknown
  /** undefined: it is as if it were not there. */
  read(reader: protobuf.Reader, wireType: number, id: number): unknown
}

export const ANY_WIRE_TYPE = -1
const VARINT = 0
const LENGTH_DELIMITED = 2
const NANOS_PER_MS = 1_000_000

type ReadScalar = (reader: protobuf.Reader) => unknown

/** By type: how it is encoded, and what it is where presence is not tracked and it is not there. */
const BASIC: Readonly<Record<string, number>> = protobuf.types.basic
const ZEROS: Readonly<Record<string, unknown>> = protobuf.types.defaults

const SCALARS: Readonly<Record<string, ReadScalar>> = {
  double: (reader) => reader.double(),
  float: (reader) => reader.float(),
  int32: (reader) => reader.int32(),
  uint32: (reader) => reader.uint32(),
  sint32: (reader) => reader.sint32(),
  fixed32: (reader) => reader.fixed32(),
  sfixed32: (reader) => reader.sfixed32(),
  int64: (reader) => integerOf(reader.int64()),
  uint64: (reader) => integerOf(reader.uint64()),
  sint64: (reader) => integerOf(reader.sint64()),
  fixed64: (reader) => integerOf(reader.fixed64()),
  sfixed64: (reader) => integerOf(reader.sfixed64()),
  bool: (reader) => reader.bool(),
  string: readText,
  bytes: (reader) => reader.bytes(),
}

/** Throws where the field's type is not there. */
export function valueOf(field: protobuf.Field, target: ValueType): FieldValue {
  field.resolve()
  const { resolvedType } = field
  if (field.repeated) return nested([])
  if (field.map) return nested({})
  if (resolvedType instanceof protobuf.Enum) return enumValue(field, resolvedType)
  if (resolvedType !== null) return messageValue(resolvedType.fullName.slice(1), target)
  const read = scalarReader(field.type, target)
  return { wireType: BASIC[field.type]!, absent: isTracked(field) ? declaredDefault(field) : plain(field.typeDefault), read }
}

/** Integers are doubles as JSON's numbers are. */
function scalarReader(type: string, target: ValueType): ReadScalar {
  const read = SCALARS[type]!
  return target === 'double' && type.endsWith('64') ? (reader) => Number(read(reader)) : read
}

/** Whether it can be told that a field was not set. */
function isTracked(field: protobuf.Field): boolean {
  return Boolean(field.hasPresence)
}

function declaredDefault({ options, defaultValue }: protobuf.Field): unknown {
  return options?.['default'] === undefined ? undefined : plain(defaultValue)
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return Buffer.alloc(0)
  return typeof value === 'object' && value !== null && 'high' in value ? integerOf(value as Long) : value
}

/** By name; of an open one, a number that has none is that number. */
function enumValue(field: protobuf.Field, { valuesById, ...type }: protobuf.Enum): FieldValue {
  const isClosed = (type as { readonly _features?: { readonly enum_type?: string } })._features?.enum_type === 'CLOSED'
  const named = (value: number): unknown => valuesById[value] ?? (isClosed ? undefined : value)
  const absent = isTracked(field) && field.options?.['default'] === undefined ? undefined : named(field.typeDefault as number)
  return { wireType: VARINT, absent, read: (reader) => named(reader.int32()) }
}

function messageValue(name: string, target: ValueType): FieldValue {
  const read = name === 'google.protobuf.Timestamp' && target === 'timestamp' ? readTimestamp
    : name === 'confluent.type.Decimal' ? (reader: protobuf.Reader, end: number) => readDecimal(reader, end, target)
      : wrapperReader(name, target)
  if (read === null) return nested({})
  return {
    wireType: LENGTH_DELIMITED, absent: undefined,
    read: (reader) => read(reader, endOf(reader)),
  }
}

/** What no field of a source can hold: that it is there. */
export function nested(found: object): FieldValue {
  return {
    wireType: ANY_WIRE_TYPE, absent: undefined,
    read(reader, wireType, id) {
      reader.skipType(wireType, 0, id)
      return found
    },
  }
}

type ReadPart = (reader: protobuf.Reader, end: number) => unknown

const WRAPPED: Readonly<Record<string, string>> = {
  DoubleValue: 'double', FloatValue: 'float', Int64Value: 'int64', UInt64Value: 'uint64', Int32Value: 'int32', UInt32Value: 'uint32', BoolValue: 'bool', StringValue: 'string', BytesValue: 'bytes',
}

/** null: it is no wrapper. */
function wrapperReader(name: string, target: ValueType): ReadPart | null {
  const type = name.startsWith('google.protobuf.') ? WRAPPED[name.slice('google.protobuf.'.length)] : undefined
  if (type === undefined) return null
  const zero = plain(ZEROS[type])
  const convert = target === 'double' ? (value: unknown) => (typeof value === 'bigint' ? Number(value) : value) : (value: unknown) => value
  return (reader, end) => convert(readParts(reader, end, { 1: [type, zero] })[1])
}

/** google.protobuf.Timestamp: int64 seconds = 1, int32 nanos = 2. In milliseconds; what is beyond them is dropped. */
function readTimestamp(reader: protobuf.Reader, end: number): unknown {
  const { 1: seconds, 2: nanos } = readParts(reader, end, { 1: ['int64', 0], 2: ['int32', 0] })
  // Far outside the years that a timestamp has.
  return typeof seconds === 'bigint' ? seconds : (seconds as number) * 1_000 + Math.floor((nanos as number) / NANOS_PER_MS)
}

/** confluent.type.Decimal: bytes value = 1, uint32 precision = 2, int32 scale = 3. */
function readDecimal(reader: protobuf.Reader, end: number, target: ValueType): unknown {
  const { 1: unscaled, 3: scale } = readParts(reader, end, { 1: ['bytes', Buffer.alloc(0)], 3: ['int32', 0] })
  return decimalValue(unscaled as Uint8Array, scale as number, target)
}

/** By number: a scalar type, and what it is where it is not there. */
function readParts(reader: protobuf.Reader, end: number, parts: Readonly<Record<number, readonly [type: string, absent: unknown]>>): Record<number, unknown> {
  const found: Record<number, unknown> = Object.fromEntries(Object.entries(parts).map(([id, [, absent]]) => [id, absent]))
  while (reader.pos < end) {
    const tag = reader.tag()
    const [type] = parts[tag >>> 3] ?? []
    if (type !== undefined && (tag & 7) === BASIC[type]) found[tag >>> 3] = SCALARS[type]!(reader)
    else reader.skipType(tag & 7, 0, tag >>> 3)
  }
  if (reader.pos !== end) throw new MalformedBody('a message of it ends beyond its length')
  return found
}

function endOf(reader: protobuf.Reader): number {
  const size = reader.uint32()
  const end = reader.pos + size
  if (end > reader.len) throw new MalformedBody('its body ends too early')
  return end
}

/** protobufjs' integers of 64 bits: two signed halves, whatever it is itself. */
interface Long {
  readonly high: number
  readonly low: number
  readonly unsigned: boolean
}

/** A number while it is a safe integer, else a bigint. */
function integerOf(value: number | Long): number | bigint {
  if (typeof value === 'number') return value
  const { high, low, unsigned } = value
  const signed = high * 2 ** 32 + (low >>> 0)
  if (Number.isSafeInteger(signed) && !(unsigned && high < 0)) return signed
  return (BigInt(unsigned ? high >>> 0 : high) << 32n) | BigInt(low >>> 0)
}

function readText(reader: protobuf.Reader): string {
  const from = reader.pos
  const text = reader.string()
  // What is no UTF-8 becomes this character, which may also be there.
  if (text.includes('\ufffd')) {
    reader.pos = from
    if (!isUtf8(reader.bytes())) throw new MalformedBody('a text of it is not UTF-8')
  }
  return text
}
