// Typed values as bytes, inside variable-width partials. Each value has one form, and forms compare byte by byte as their values
// do (big-endian, signs turned), so partials sort and search without decoding.
//
//   boolean             u8, 0 or 1
//   int32               u32, the sign bit turned
//   int64               u64, the sign bit turned
//   double, timestamp   the bits of the f64: all turned where negative, else the sign bit; finite, no negative zero
//   string              varint length, then UTF-8; compared without the length
//
// The place of an event has a form too, of 20 bytes: event time and offset like doubles, partition a u32 between them.

import { canonicalInt64, type ValueType } from '@tidemark/feature-schema/value'
import { type ByteReader, type ByteWriter, readVarintAt, varintSizeBytes } from './byte-stream.ts'
import type { EventOrder, NonNull } from './partial.ts'

export const ORDER_BYTES = 20

/** Writes and reads the values of one type. */
export interface ValueCodec {
  /** Bytes of every value; 0 for strings, whose length comes first. */
  readonly width: number
  write(writer: ByteWriter, value: NonNull): void
  /** Throws BLOB_DAMAGED for what `write` never writes. */
  read(reader: ByteReader): NonNull
}

const codecs: Readonly<Record<ValueType, ValueCodec>> = {
  boolean: {
    width: 1,
    write: (writer, value) => writer.u8(value === true ? 1 : 0),
    read: (reader) => {
      const byte = reader.u8()
      if (byte > 1) throw reader.fail(`A boolean is ${byte}.`)
      return byte === 1
    },
  },
  int32: {
    width: 4,
    write: (writer, value) => writer.u32BigEndian((value as number) ^ 0x8000_0000),
    read: (reader) => reader.u32BigEndian() ^ 0x8000_0000,
  },
  int64: {
    width: 8,
    write: (writer, value) => writer.u64BigEndian(BigInt(value as number | bigint) ^ INT64_SIGN),
    read: (reader) => canonicalInt64(BigInt.asIntN(64, reader.u64BigEndian() ^ INT64_SIGN)),
  },
  double: { width: 8, write: (writer, value) => writeDouble(writer, value as number), read: readDouble },
  timestamp: {
    width: 8,
    write: (writer, value) => writeDouble(writer, value as number),
    read: readWholeNumber,
  },
  string: {
    width: 0,
    write: (writer, value) => writer.text(value as string),
    read: (reader) => reader.text(),
  },
}

const INT64_SIGN = 1n << 63n
const bits = new DataView(new ArrayBuffer(8))

/** The codec of a value type. */
export function valueCodec(type: ValueType): ValueCodec {
  return codecs[type]
}

/** Bytes of the sound form at `at`. */
export function valueSizeBytes(codec: ValueCodec, bytes: Uint8Array, at: number): number {
  if (codec.width > 0) return codec.width
  const length = readVarintAt(bytes, at)
  return varintSizeBytes(length) + length
}

/** Compares two sound forms of one codec as their values compare. */
export function compareForms(codec: ValueCodec, a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  if (codec.width > 0) return compareBytes(a, aAt, codec.width, b, bAt, codec.width)
  const aLength = readVarintAt(a, aAt)
  const bLength = readVarintAt(b, bAt)
  return compareBytes(a, aAt + varintSizeBytes(aLength), aLength, b, bAt + varintSizeBytes(bLength), bLength)
}

export function writeOrder(writer: ByteWriter, order: EventOrder): void {
  writeDouble(writer, order.eventTimeMs)
  writer.u32BigEndian(order.partition)
  writeDouble(writer, order.offset)
}

/** Throws BLOB_DAMAGED unless time and offset are whole numbers. */
export function readOrder(reader: ByteReader): EventOrder {
  const eventTimeMs = readWholeNumber(reader)
  const partition = reader.u32BigEndian()
  return { eventTimeMs, partition, offset: readWholeNumber(reader) }
}

/** Compares two forms of places. */
export function compareOrderForms(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  return compareBytes(a, aAt, ORDER_BYTES, b, bAt, ORDER_BYTES)
}

function compareBytes(a: Uint8Array, aAt: number, aLength: number, b: Uint8Array, bAt: number, bLength: number): number {
  const length = Math.min(aLength, bLength)
  for (let i = 0; i < length; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

function writeDouble(writer: ByteWriter, value: number): void {
  bits.setFloat64(0, value)
  const high = bits.getUint32(0)
  const isNegative = high >= 0x8000_0000
  writer.u32BigEndian(isNegative ? ~high : high ^ 0x8000_0000)
  writer.u32BigEndian(isNegative ? ~bits.getUint32(4) : bits.getUint32(4))
}

function readDouble(reader: ByteReader): number {
  const high = reader.u32BigEndian()
  const low = reader.u32BigEndian()
  const isNegative = high < 0x8000_0000
  bits.setUint32(0, isNegative ? ~high : high ^ 0x8000_0000)
  bits.setUint32(4, isNegative ? ~low : low)
  const value = bits.getFloat64(0)
  if (!Number.isFinite(value) || Object.is(value, -0)) throw reader.fail(`A double is ${Object.is(value, -0) ? '-0' : value}.`)
  return value
}

function readWholeNumber(reader: ByteReader): number {
  const value = readDouble(reader)
  if (!Number.isSafeInteger(value)) throw reader.fail(`A whole number is ${value}.`)
  return value
}
