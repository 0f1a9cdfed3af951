// Map values: one inner partial for each group value, up to a declared number of groups.
// Bytes: keyed entries (keyed-entries.ts) whose key is the group value and whose payload is the inner partial: its bytes of
// constant width, or where they vary a varint length and the bytes.

import { compareStrings, type ValueType } from '@tidemark/feature-schema/value'
import { copyBytes, readVarintAt, varintSizeBytes, writeVarint } from './byte-stream.ts'
import { encodedAccumulator } from './encoded-merge.ts'
import { decodeEntries, encodeEntries, type EntryLayout, foldEntry, mergeEntries } from './keyed-entries.ts'
import {
  type EventOrder, type Finalisation, type FinalValue, type FixedKernel, type GroupMap, type NonNull, type Partial, type SpliceableBytes,
  Unavailable, type VariableKernel,
} from './partial.ts'
import { valueCodec } from './value-codec.ts'

/** What a map needs of the kernel of its groups, constant in width or not. */
export interface GroupKernel {
  /** Its bytes among the entries. */
  readonly payload: Omit<EntryLayout<Partial>, 'what' | 'keys' | 'entriesMax'>
  /** `partial` undefined: the group's first event. */
  update(partial: Partial | undefined, value: NonNull, order: EventOrder): Partial
  /** `into` undefined: a partial that can go on without changing `from`. */
  merge(into: Partial | undefined, from: Partial): Partial
  finalise(partial: Partial, as: Finalisation): FinalValue | Unavailable
}

const tooManyGroups = new Unavailable('too_many_groups')

/** Finalises to { group: value }, and to UNAVAILABLE where one of the groups does. */
export function groupMapKernel(groupType: ValueType, groupsMax: number, inner: GroupKernel): VariableKernel<GroupMap> {
  const layout: EntryLayout<Partial> = { what: 'groups', keys: valueCodec(groupType), entriesMax: groupsMax, ...inner.payload }
  const put = (map: GroupMap, group: NonNull, partial: Partial): GroupMap => {
    map.groups.set(group, partial)
    return map.groups.size > groupsMax ? collapse(map) : map
  }
  const kernel: VariableKernel<GroupMap> = {
    identity: () => ({ groups: new Map(), isOverflow: false }),
    update(partial, value, order, group) {
      if (partial.isOverflow) return partial
      return put(partial, group!, inner.update(partial.groups.get(group!), value, order))
    },
    merge(into, from) {
      if (into.isOverflow) return into
      if (from.isOverflow) return collapse(into)
      for (const [group, partial] of from.groups) {
        if (put(into, group, inner.merge(into.groups.get(group), partial)).isOverflow) break
      }
      return into
    },
    encode: ({ groups, isOverflow }) => encodeEntries(layout, { entries: groups, isOverflow }),
    decode(bytes) {
      const { entries, isOverflow } = decodeEntries(layout, bytes)
      return { groups: entries, isOverflow }
    },
    finalise({ groups, isOverflow }, as) {
      if (isOverflow) return tooManyGroups
      const values: [string, FinalValue][] = []
      for (const [group, partial] of groups) {
        const value = inner.finalise(partial, as)
        if (value instanceof Unavailable) return value
        values.push([String(group), value])
      }
      return Object.fromEntries(values.sort(([a], [b]) => compareStrings(a, b)))
    },
    foldBytes: (buffer, at, length, value, order, group) => foldEntry(layout, buffer, at, length, group!, value, order),
    mergeBytes: (buffer, at, length, from, fromAt, fromLength) => mergeEntries(layout, buffer, at, length, from, fromAt, fromLength),
    newAccumulator: () => encodedAccumulator(kernel),
  }
  return kernel
}

function collapse(map: GroupMap): GroupMap {
  map.groups.clear()
  map.isOverflow = true
  return map
}

/** Groups of constant width: the kernel works on two scratch slots, since a slot among entries lies at any offset. */
export function fixedGroups(kernel: FixedKernel): GroupKernel {
  const { width } = kernel
  const bytes = new Uint8Array(2 * width)
  const view = new DataView(bytes.buffer)
  const slot = bytes.subarray(0, width)
  const row = { view, at: width, count: 1, stride: width }
  const rows = [row]
  const payload: GroupKernel['payload'] = {
    write(writer, partial) {
      kernel.fromPartial(view, 0, partial)
      writer.raw(slot)
    },
    read(reader) {
      const stored = reader.raw(width)
      slot.set(stored)
      try {
        const partial = kernel.toPartial(view, 0)
        kernel.fromPartial(view, 0, partial)
        if (slot.every((byte, i) => byte === stored[i])) return partial
      } catch (cause) {
        throw reader.fail('A group holds numbers that no partial has.', { cause })
      }
      throw reader.fail('A group holds bytes that no partial has.')
    },
    sizeBytes: () => width,
    fold(buffer, at, length, value, order) {
      if (length === 0) {
        buffer.splice(at, 0, width)
        kernel.clear(view, 0)
      } else {
        copyBytes(buffer.bytes, at, slot, 0, width)
      }
      kernel.fold(view, 0, value, order)
      copyBytes(slot, 0, buffer.bytes, at, width)
      return width
    },
    merge(buffer, at, length, from, fromAt) {
      copyBytes(buffer.bytes, at, bytes, 0, width)
      copyBytes(from, fromAt, bytes, width, width)
      kernel.accumulate(view, 0, rows, 1, 0)
      copyBytes(bytes, 0, buffer.bytes, at, width)
      return length
    },
  }
  return {
    payload,
    update(partial, value, order) {
      if (partial === undefined) kernel.clear(view, 0)
      else kernel.fromPartial(view, 0, partial)
      kernel.fold(view, 0, value, order)
      return kernel.toPartial(view, 0)
    },
    merge(into, from) {
      if (into === undefined) return from
      kernel.fromPartial(view, 0, into)
      kernel.fromPartial(view, width, from)
      kernel.accumulate(view, 0, rows, 1, 0)
      return kernel.toPartial(view, 0)
    },
    finalise(partial, as) {
      kernel.fromPartial(view, 0, partial)
      return kernel.finalise(view, 0, as)
    },
  }
}

/** Groups whose bytes vary. */
export function variableGroups(kernel: VariableKernel): GroupKernel {
  const payload: GroupKernel['payload'] = {
    write(writer, partial) {
      const bytes = kernel.encode(partial)
      writer.varint(bytes.length)
      writer.raw(bytes)
    },
    read(reader) {
      const length = reader.varint()
      if (length === 0) throw reader.fail('A group is kept and holds nothing.')
      return kernel.decode(reader.raw(length))
    },
    sizeBytes(bytes, at) {
      const length = readVarintAt(bytes, at)
      return varintSizeBytes(length) + length
    },
    fold(buffer, at, length, value, order) {
      if (length === 0) {
        buffer.splice(at, 0, 1)
        buffer.bytes[at] = 0
      }
      const oldLength = readVarintAt(buffer.bytes, at)
      const prefix = varintSizeBytes(oldLength)
      return prefixLength(buffer, at, prefix, kernel.foldBytes(buffer, at + prefix, oldLength, value, order, null))
    },
    merge(buffer, at, _, from, fromAt) {
      const oldLength = readVarintAt(buffer.bytes, at)
      const prefix = varintSizeBytes(oldLength)
      const fromLength = readVarintAt(from, fromAt)
      const fromPrefix = varintSizeBytes(fromLength)
      return prefixLength(buffer, at, prefix, kernel.mergeBytes(buffer, at + prefix, oldLength, from, fromAt + fromPrefix, fromLength))
    },
  }
  return {
    payload,
    update: (partial, value, order) => kernel.update(partial ?? kernel.identity(), value, order, null),
    merge: (into, from) => kernel.merge(into ?? kernel.identity(), from),
    finalise: (partial, as) => kernel.finalise(partial, as),
  }
}

/** Writes the length of the bytes behind a prefix that held another one; returns how long both are. */
function prefixLength(buffer: SpliceableBytes, at: number, oldPrefix: number, length: number): number {
  const prefix = varintSizeBytes(length)
  if (prefix !== oldPrefix) buffer.splice(at, oldPrefix, prefix)
  writeVarint(buffer.bytes, at, length)
  return prefix + length
}
