// Entries with distinct keys, at most so many, as bytes: what value sets and group maps are made of. One key too many and the
// whole collapses to "overflow", for good: whether it does depends on the set of keys alone, never on order or split.
//
//   u32 entry count, little-endian; 0xffffffff: overflow, and nothing follows
//   entries, ascending by key: the key's form (value-codec.ts) | the payload
//
// No bytes: no entries.

import { compareValues } from '@tidemark/feature-schema/value'
import { ByteReader, ByteWriter, copyBytes } from './byte-stream.ts'
import type { EventOrder, NonNull, SpliceableBytes } from './partial.ts'
import { compareForms, type ValueCodec, valueSizeBytes } from './value-codec.ts'

const COUNT_BYTES = 4
const OVERFLOW = 0xffff_ffff

/** How one kind of entries is laid out. */
export interface EntryLayout<T> {
  /** Names the partial in errors. */
  readonly what: string
  readonly keys: ValueCodec
  readonly entriesMax: number
  write(writer: ByteWriter, payload: T): void
  /** Throws BLOB_DAMAGED for what `write` never writes. */
  read(reader: ByteReader): T
  /** Bytes of the sound payload at `at`. */
  sizeBytes(bytes: Uint8Array, at: number): number
  /** Folds an event into the payload of `length` bytes at `at` (0: there is none yet) and returns its new length. */
  fold(buffer: SpliceableBytes, at: number, length: number, value: NonNull, order: EventOrder): number
  /** Merges a payload of another array into the one at `at` and returns its new length. */
  merge(buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromAt: number, fromLength: number): number
}

/** Entries, or 'overflow' without any. */
export interface Entries<T> {
  readonly entries: Map<NonNull, T>
  readonly isOverflow: boolean
}

const keyWriter = new ByteWriter()

export function encodeEntries<T>(layout: EntryLayout<T>, { entries, isOverflow }: Entries<T>): Uint8Array {
  if (entries.size === 0 && !isOverflow) return new Uint8Array(0)
  // One of its own: payloads may be keyed entries too.
  const writer = new ByteWriter()
  writer.u32(isOverflow ? OVERFLOW : entries.size)
  for (const key of [...entries.keys()].sort(compareValues)) {
    layout.keys.write(writer, key)
    layout.write(writer, entries.get(key)!)
  }
  return writer.take()
}

/** Throws BLOB_DAMAGED for bytes that `encodeEntries` does not make. */
export function decodeEntries<T>(layout: EntryLayout<T>, bytes: Uint8Array): Entries<T> {
  const entries = new Map<NonNull, T>()
  if (bytes.length === 0) return { entries, isOverflow: false }
  const reader = new ByteReader(layout.what, bytes)
  const count = reader.u32()
  const isOverflow = count === OVERFLOW
  if (!isOverflow && (count === 0 || count > layout.entriesMax)) throw reader.fail(`It has ${count} entries, not 1 to ${layout.entriesMax}.`)
  let previous: NonNull | null = null
  for (let i = 0; !isOverflow && i < count; i++) {
    const key = layout.keys.read(reader)
    if (previous !== null && compareValues(previous, key) >= 0) throw reader.fail(`Key ${key} follows key ${previous}.`)
    entries.set(key, layout.read(reader))
    previous = key
  }
  reader.end()
  return { entries, isOverflow }
}

/** Folds an event into the entry of its key, in place; returns the partial's new length. The bytes are sound. */
export function foldEntry<T>(
  layout: EntryLayout<T>,
  buffer: SpliceableBytes,
  at: number,
  length: number,
  key: NonNull,
  value: NonNull,
  order: EventOrder,
): number {
  const count = length === 0 ? 0 : readCount(buffer.bytes, at)
  if (count === OVERFLOW) return length
  keyWriter.clear()
  layout.keys.write(keyWriter, key)

  let entryAt = length === 0 ? at : at + COUNT_BYTES
  for (const end = at + length; entryAt < end; ) {
    const { bytes } = buffer
    const payloadAt = entryAt + valueSizeBytes(layout.keys, bytes, entryAt)
    const size = layout.sizeBytes(bytes, payloadAt)
    const comparison = compareForms(layout.keys, keyWriter.bytes, 0, bytes, entryAt)
    if (comparison === 0) return length - size + layout.fold(buffer, payloadAt, size, value, order)
    if (comparison < 0) break
    entryAt = payloadAt + size
  }
  if (count < layout.entriesMax) return insertEntry(layout, buffer, at, length, entryAt, value, order)
  return collapse(buffer, at, length)
}

/** Inserts the entry whose key `keyWriter` holds. */
function insertEntry<T>(
  layout: EntryLayout<T>,
  buffer: SpliceableBytes,
  at: number,
  length: number,
  entryAt: number,
  value: NonNull,
  order: EventOrder,
): number {
  const isFirst = length === 0
  const keyAt = isFirst ? at + COUNT_BYTES : entryAt
  buffer.splice(entryAt, 0, keyWriter.length + keyAt - entryAt)
  buffer.bytes.set(keyWriter.bytes.subarray(0, keyWriter.length), keyAt)
  writeCount(buffer.bytes, at, isFirst ? 1 : readCount(buffer.bytes, at) + 1)
  const payloadAt = keyAt + keyWriter.length
  return length + payloadAt - entryAt + layout.fold(buffer, payloadAt, 0, value, order)
}

/**
 * Merges the partial of `fromLength` bytes at `fromStart` of another array into the one at `at`, neither of them empty; returns
 * the new length. The bytes are sound.
 */
export function mergeEntries<T>(
  layout: EntryLayout<T>, buffer: SpliceableBytes, at: number, length: number, from: Uint8Array, fromStart: number, fromLength: number,
): number {
  const { keys, entriesMax } = layout
  let count = readCount(buffer.bytes, at)
  if (count === OVERFLOW) return length
  if (readCount(from, fromStart) === OVERFLOW) return collapse(buffer, at, length)
  const fromEnd = fromStart + fromLength
  let end = at + length
  let entryAt = at + COUNT_BYTES
  for (let fromAt = fromStart + COUNT_BYTES; fromAt < fromEnd; ) {
    const keySize = valueSizeBytes(keys, from, fromAt)
    const fromSize = layout.sizeBytes(from, fromAt + keySize)
    let comparison = 1
    for (; entryAt < end; entryAt += keySizeAndPayload(layout, buffer.bytes, entryAt)) {
      comparison = compareForms(keys, buffer.bytes, entryAt, from, fromAt)
      if (comparison >= 0) break
    }
    let size = fromSize
    if (entryAt < end && comparison === 0) {
      const oldSize = layout.sizeBytes(buffer.bytes, entryAt + keySize)
      size = layout.merge(buffer, entryAt + keySize, oldSize, from, fromAt + keySize, fromSize)
      end += size - oldSize
    } else {
      if (++count > entriesMax) return collapse(buffer, at, end - at)
      buffer.splice(entryAt, 0, keySize + size)
      copyBytes(from, fromAt, buffer.bytes, entryAt, keySize + size)
      end += keySize + size
    }
    entryAt += keySize + size
    fromAt += keySize + fromSize
  }
  writeCount(buffer.bytes, at, count)
  return end - at
}

function keySizeAndPayload<T>(layout: EntryLayout<T>, bytes: Uint8Array, at: number): number {
  const keySize = valueSizeBytes(layout.keys, bytes, at)
  return keySize + layout.sizeBytes(bytes, at + keySize)
}

/** One key too many: only that is kept. Returns the new length. */
function collapse(buffer: SpliceableBytes, at: number, length: number): number {
  buffer.splice(at, length, COUNT_BYTES)
  writeCount(buffer.bytes, at, OVERFLOW)
  return COUNT_BYTES
}

function readCount(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

function writeCount(bytes: Uint8Array, at: number, count: number): void {
  bytes[at] = count
  bytes[at + 1] = count >>> 8
  bytes[at + 2] = count >>> 16
  bytes[at + 3] = count >>> 24
}
