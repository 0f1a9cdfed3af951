// firstK, lastK, topK, bottomK: at most k values, best first, which is the order of the answer. Bytes: the entries one after another,
//
//   firstK, lastK   the place's form (20 bytes) | the value's form
//   topK, bottomK   the value's form
//
// Forms (value-codec.ts) compare as what they stand for, so a fold finds its place without decoding.

import { compareValues, type ValueType } from '@tidemark/feature-schema/value'
import { ByteReader, ByteWriter, copyBytes } from './byte-stream.ts'
import { encodedAccumulator } from './encoded-merge.ts'
import { compareOrders, type NonNull, type OrderedValue, type SpliceableBytes, type VariableKernel } from './partial.ts'
import { compareForms, compareOrderForms, ORDER_BYTES, readOrder, valueCodec, valueSizeBytes, writeOrder } from './value-codec.ts'

const writer = new ByteWriter()

/** The k oldest or newest values by (event time, partition, offset). */
export function edgeListKernel(kind: 'firstK' | 'lastK', type: ValueType, k: number): VariableKernel<OrderedValue[]> {
  const codec = valueCodec(type)
  const sign = kind === 'firstK' ? 1 : -1
  const compare = (a: OrderedValue, b: OrderedValue): number => compareOrders(a, b) * sign
  const write = (entry: OrderedValue): void => {
    writeOrder(writer, entry)
    codec.write(writer, entry.value)
  }
  const layout: ListLayout = {
    k,
    sizeBytes: (bytes, at) => ORDER_BYTES + valueSizeBytes(codec, bytes, at + ORDER_BYTES),
    compare: (a, aAt, b, bAt) => compareOrderForms(a, aAt, b, bAt) * sign,
  }
  const kernel: VariableKernel<OrderedValue[]> = {
    identity: () => [],
    update: (partial, value, { eventTimeMs, partition, offset }) => insert(partial, { value, eventTimeMs, partition, offset }, compare, k),
    merge: (into, from) => from.reduce((list, entry) => insert(list, entry, compare, k), into),
    encode: (partial) => encodeList(partial, write),
    decode: (bytes) =>
      decodeList(kind, bytes, k, (reader) => {
        const order = readOrder(reader)
        return { value: codec.read(reader), ...order }
      }, (a, b) => compare(a, b) < 0),
    finalise: (partial) => (partial.length === 0 ? null : partial.map(({ value }) => value)),
    foldBytes(buffer, at, length, value, { eventTimeMs, partition, offset }) {
      writer.clear()
      write({ value, eventTimeMs, partition, offset })
      return foldWritten(layout, buffer, at, length)
    },
    mergeBytes: (buffer, at, length, from, fromAt, fromLength) => mergeLists(layout, buffer, at, length, from, fromAt, fromLength),
    newAccumulator: () => encodedAccumulator(kernel),
  }
  return kernel
}

/** The k largest or smallest values, as often as they came. */
export function rankedListKernel(kind: 'topK' | 'bottomK', type: ValueType, k: number): VariableKernel<NonNull[]> {
  const codec = valueCodec(type)
  const sign = kind === 'bottomK' ? 1 : -1
  const compare = (a: NonNull, b: NonNull): number => compareValues(a, b) * sign
  const layout: ListLayout = {
    k,
    sizeBytes: (bytes, at) => valueSizeBytes(codec, bytes, at),
    compare: (a, aAt, b, bAt) => compareForms(codec, a, aAt, b, bAt) * sign,
  }
  const kernel: VariableKernel<NonNull[]> = {
    identity: () => [],
    update: (partial, value) => insert(partial, value, compare, k),
    merge: (into, from) => from.reduce((list, value) => insert(list, value, compare, k), into),
    encode: (partial) => encodeList(partial, (value) => codec.write(writer, value)),
    decode: (bytes) => decodeList(kind, bytes, k, (reader) => codec.read(reader), (a, b) => compare(a, b) <= 0),
    finalise: (partial) => (partial.length === 0 ? null : partial),
    foldBytes(buffer, at, length, value) {
      writer.clear()
      codec.write(writer, value)
      return foldWritten(layout, buffer, at, length)
    },
    mergeBytes: (buffer, at, length, from, fromAt, fromLength) => mergeLists(layout, buffer, at, length, from, fromAt, fromLength),
    newAccumulator: () => encodedAccumulator(kernel),
  }
  return kernel
}

function insert<T>(list: T[], entry: T, compare: (a: T, b: T) => number, k: number): T[] {
  let index = list.length
  while (index > 0 && compare(entry, list[index - 1]!) < 0) index--
  if (index === k) return list
  list.splice(index, 0, entry)
  if (list.length > k) list.pop()
  return list
}

function encodeList<T>(list: readonly T[], write: (entry: T) => void): Uint8Array {
  writer.clear()
  for (const entry of list) write(entry)
  return writer.take()
}

function decodeList<T>(kind: string, bytes: Uint8Array, k: number, read: (reader: ByteReader) => T, mayPrecede: (a: T, b: T) => boolean): T[] {
  const reader = new ByteReader(kind, bytes)
  const list: T[] = []
  while (reader.remaining > 0) {
    const entry = read(reader)
    if (list.length > 0 && !mayPrecede(list.at(-1)!, entry)) throw reader.fail(`Entry ${list.length} is out of order.`)
    list.push(entry)
  }
  if (list.length > k) throw reader.fail(`It has ${list.length} entries, more than ${k}.`)
  return list
}

/** How entries lie in the bytes; `compare` is negative where the first is better. */
interface ListLayout {
  readonly k: number
  sizeBytes(bytes: Uint8Array, at: number): number
  compare(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number
}

/** Inserts the entry that `writer` holds into the list of `length` bytes at `at`; returns the new length. */
function foldWritten(layout: ListLayout, buffer: SpliceableBytes, at: number, length: number): number {
  const end = at + length
  let position = end
  let lastAt = at
  let count = 0
  for (let entryAt = at; entryAt < end; count++) {
    if (position === end && layout.compare(writer.bytes, 0, buffer.bytes, entryAt) < 0) position = entryAt
    lastAt = entryAt
    entryAt += layout.sizeBytes(buffer.bytes, entryAt)
  }
  const isFull = count === layout.k
  if (isFull && position === end) return length
  const size = writer.length
  const dropped = isFull ? end - lastAt : 0
  if (dropped === size) {
    buffer.bytes.copyWithin(position + size, position, lastAt)
  } else {
    if (isFull) buffer.splice(lastAt, dropped, 0)
    buffer.splice(position, 0, size)
  }
  buffer.bytes.set(writer.bytes.subarray(0, size), position)
  return length - dropped + size
}

/** Merges the list of `fromLength` bytes at `fromStart` of another array into the one at `at`; returns the new length. */
function mergeLists(
  layout: ListLayout, buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromStart: number, fromLength: number,
): number {
  const { bytes } = buffer
  const end = at + length
  const fromEnd = fromStart + fromLength
  let ownAt = at
  let fromAt = fromStart
  writer.clear()
  for (let count = 0; count < layout.k && (ownAt < end || fromAt < fromEnd); count++) {
    if (fromAt === fromEnd || (ownAt < end && layout.compare(bytes, ownAt, from, fromAt) <= 0)) {
      const size = layout.sizeBytes(bytes, ownAt)
      writer.copy(bytes, ownAt, size)
      ownAt += size
    } else {
      const size = layout.sizeBytes(from, fromAt)
      writer.copy(from, fromAt, size)
      fromAt += size
    }
  }
  if (writer.length !== length) buffer.splice(at, length, writer.length)
  copyBytes(writer.bytes, 0, buffer.bytes, at, writer.length)
  return writer.length
}
