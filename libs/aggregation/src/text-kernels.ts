// min, max, first and last of strings: one string, with its place where the place decides. Bytes, once there is a value:
//
//   min, max      the value's form
//   first, last   the place's form (20 bytes) | the value's form
//
// Forms (value-codec.ts) compare as what they stand for, so a fold compares bytes and decodes nothing.

import { compareValues } from '@tidemark/feature-schema/value'
import { ByteReader, ByteWriter } from './byte-stream.ts'
import { encodedAccumulator } from './encoded-merge.ts'
import { compareOrders, type EventOrder, type OrderedValue, type SpliceableBytes, type VariableKernel } from './partial.ts'
import { compareForms, compareOrderForms, readOrder, valueCodec, writeOrder } from './value-codec.ts'

const codec = valueCodec('string')
const writer = new ByteWriter()

/** The smallest or largest string by code point. Partial: the string, null before the first. */
export function textExtremeKernel(kind: 'min' | 'max'): VariableKernel<string | null> {
  const sign = kind === 'min' ? 1 : -1
  const better = (a: string | null, b: string | null): string | null => {
    if (a === null || b === null) return a ?? b
    return compareValues(a, b) * sign <= 0 ? a : b
  }
  const kernel: VariableKernel<string | null> = {
    identity: () => null,
    update: (partial, value) => better(partial, value as string),
    merge: better,
    encode(partial) {
      writer.clear()
      if (partial !== null) codec.write(writer, partial)
      return writer.take()
    },
    decode(bytes) {
      if (bytes.length === 0) return null
      const reader = new ByteReader(`${kind} of strings`, bytes)
      const value = reader.text()
      reader.end()
      return value
    },
    finalise: (partial) => partial,
    foldBytes(buffer, at, length, value) {
      writer.clear()
      codec.write(writer, value)
      if (length > 0 && compareForms(codec, buffer.bytes, at, writer.bytes, 0) * sign <= 0) return length
      return replace(buffer, at, length, writer.bytes, 0, writer.length)
    },
    mergeBytes(buffer, at, length, from, fromAt, fromLength) {
      if (compareForms(codec, buffer.bytes, at, from, fromAt) * sign <= 0) return length
      return replace(buffer, at, length, from, fromAt, fromLength)
    },
    newAccumulator: () => encodedAccumulator(kernel),
  }
  return kernel
}

/** The string of the oldest or newest event by (event time, partition, offset). Partial: string and place, null before the first. */
export function textEdgeKernel(kind: 'first' | 'last'): VariableKernel<OrderedValue | null> {
  const sign = kind === 'first' ? 1 : -1
  const better = (a: OrderedValue | null, b: OrderedValue | null): OrderedValue | null => {
    if (a === null || b === null) return a ?? b
    return compareOrders(a, b) * sign <= 0 ? a : b
  }
  const kernel: VariableKernel<OrderedValue | null> = {
    identity: () => null,
    update: (partial, value, { eventTimeMs, partition, offset }) => better(partial, { value, eventTimeMs, partition, offset }),
    merge: better,
    encode(partial) {
      writer.clear()
      if (partial !== null) writeOrderedText(partial.value as string, partial)
      return writer.take()
    },
    decode(bytes) {
      if (bytes.length === 0) return null
      const reader = new ByteReader(`${kind} of strings`, bytes)
      const order = readOrder(reader)
      const value = reader.text()
      reader.end()
      return { value, ...order }
    },
    finalise: (partial) => partial?.value ?? null,
    foldBytes(buffer, at, length, value, order) {
      writer.clear()
      writeOrderedText(value as string, order)
      if (length > 0 && compareOrderForms(buffer.bytes, at, writer.bytes, 0) * sign <= 0) return length
      return replace(buffer, at, length, writer.bytes, 0, writer.length)
    },
    mergeBytes(buffer, at, length, from, fromAt, fromLength) {
      if (compareOrderForms(buffer.bytes, at, from, fromAt) * sign <= 0) return length
      return replace(buffer, at, length, from, fromAt, fromLength)
    },
    newAccumulator: () => encodedAccumulator(kernel),
  }
  return kernel
}

function writeOrderedText(value: string, order: EventOrder): void {
  writeOrder(writer, order)
  codec.write(writer, value)
}

/** The partial gives way to bytes of another array; returns its new length. */
function replace(buffer: SpliceableBytes, at: number, length: number, by: Uint8Array, byAt: number, byLength: number): number {
  if (byLength !== length) buffer.splice(at, length, byLength)
  buffer.bytes.set(by.subarray(byAt, byAt + byLength), at)
  return byLength
}
