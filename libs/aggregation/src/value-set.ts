// Distinct values with their counts: exact unique counts and histograms, up to a declared number of values.
// Bytes: keyed entries (keyed-entries.ts) whose key is the value and whose payload is its count, a varint.

import { compareStrings, type ValueType } from '@tidemark/feature-schema/value'
import { readVarintAt, varintSizeBytes, writeVarint } from './byte-stream.ts'
import { encodedAccumulator } from './encoded-merge.ts'
import { decodeEntries, encodeEntries, type EntryLayout, foldEntry, mergeEntries } from './keyed-entries.ts'
import { type NonNull, type SpliceableBytes, Unavailable, type ValueCounts, type VariableKernel } from './partial.ts'
import { valueCodec } from './value-codec.ts'

const tooManyValues = new Unavailable('too_many_values')

/** Finalises to the number of values (0 without any), or for a histogram to { value: count }. */
export function valuesKernel(type: ValueType, valuesMax: number): VariableKernel<ValueCounts> {
  const layout = countLayout(type, valuesMax)
  const kernel: VariableKernel<ValueCounts> = {
    identity: () => ({ counts: new Map(), isOverflow: false }),
    update: (partial, value) => count(partial, value, 1, valuesMax),
    merge(into, from) {
      if (from.isOverflow) return collapse(into)
      for (const [value, n] of from.counts) count(into, value, n, valuesMax)
      return into
    },
    encode: ({ counts, isOverflow }) => encodeEntries(layout, { entries: counts, isOverflow }),
    decode(bytes) {
      const { entries, isOverflow } = decodeEntries(layout, bytes)
      return { counts: entries, isOverflow }
    },
    finalise({ counts, isOverflow }, { op }) {
      if (isOverflow) return tooManyValues
      if (op === 'uniqueCount') return counts.size
      return Object.fromEntries([...counts].map(([value, n]) => [String(value), n] as const).sort(([a], [b]) => compareStrings(a, b)))
    },
    foldBytes: (buffer, at, length, value, order) => foldEntry(layout, buffer, at, length, value, value, order),
    mergeBytes: (buffer, at, length, from, fromAt, fromLength) => mergeEntries(layout, buffer, at, length, from, fromAt, fromLength),
    newAccumulator: () => encodedAccumulator(kernel),
  }
  return kernel
}

function countLayout(type: ValueType, valuesMax: number): EntryLayout<number> {
  return {
    what: 'distinct values',
    keys: valueCodec(type),
    entriesMax: valuesMax,
    write: (writer, n) => writer.varint(n),
    read(reader) {
      const n = reader.varint()
      if (n === 0) throw reader.fail('A value is kept and counted 0 times.')
      return n
    },
    sizeBytes: (bytes, at) => varintSizeBytes(readVarintAt(bytes, at)),
    fold: (buffer, at, length) => addCount(buffer, at, length, 1),
    merge: (buffer, at, length, from, fromAt) => addCount(buffer, at, length, readVarintAt(from, fromAt)),
  }
}

/** Adds to the count of `length` bytes at `at` (0: there is none yet) and returns its new length. */
function addCount(buffer: SpliceableBytes, at: number, length: number, added: number): number {
  const n = length === 0 ? added : readVarintAt(buffer.bytes, at) + added
  const size = varintSizeBytes(n)
  if (size > length) buffer.splice(at, length, size)
  writeVarint(buffer.bytes, at, n)
  return size
}

function count(partial: ValueCounts, value: NonNull, n: number, valuesMax: number): ValueCounts {
  if (partial.isOverflow) return partial
  partial.counts.set(value, (partial.counts.get(value) ?? 0) + n)
  return partial.counts.size > valuesMax ? collapse(partial) : partial
}

function collapse(partial: ValueCounts): ValueCounts {
  partial.counts.clear()
  partial.isOverflow = true
  return partial
}
