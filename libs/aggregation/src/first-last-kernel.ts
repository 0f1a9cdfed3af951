// First and last value by (event time, partition, offset), of the types that fit eight bytes:
// f64 value, i64 for int64 | f64 event time | f64 offset | u32 partition | u32 1 where there is one, else 0
// Rows ascend in time and each holds events of its own pane only, so that of a range just one row matters.

import { canonicalInt64, type ValueType } from '@tidemark/feature-schema/value'
import type { EventOrder, FixedKernel, NonNull, OrderedValue, Partial, RowRange } from './partial.ts'

const TIME = 8
const OFFSET = 16
const PARTITION = 24
const PRESENT = 28

export class FirstLastKernel implements FixedKernel {
  readonly width = 32
  private readonly isFirst: boolean
  private readonly type: ValueType

  constructor(kind: 'first' | 'last', type: ValueType) {
    this.isFirst = kind === 'first'
    this.type = type
  }

  clear(view: DataView, at: number): void {
    for (let i = 0; i < this.width; i += 8) view.setFloat64(at + i, 0, true)
  }

  fold(view: DataView, at: number, value: NonNull, { eventTimeMs, partition, offset }: EventOrder): void {
    if (!this.wins(view, at, eventTimeMs, partition, offset)) return
    if (this.type === 'int64') view.setBigInt64(at, BigInt(value), true)
    else view.setFloat64(at, Number(value), true)
    view.setFloat64(at + TIME, eventTimeMs, true)
    view.setFloat64(at + OFFSET, offset, true)
    view.setUint32(at + PARTITION, partition, true)
    view.setUint32(at + PRESENT, 1, true)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      for (let step = 0; step < count; step++) {
        const row = start + offset + (this.isFirst ? step : count - 1 - step) * stride
        if (rows.getUint32(row + PRESENT, true) === 0) continue
        this.take(view, at, rows, row)
        break
      }
    }
  }

  private take(view: DataView, at: number, rows: DataView, row: number): void {
    const eventTimeMs = rows.getFloat64(row + TIME, true)
    const offset = rows.getFloat64(row + OFFSET, true)
    const partition = rows.getUint32(row + PARTITION, true)
    if (!this.wins(view, at, eventTimeMs, partition, offset)) return
    view.setUint32(at, rows.getUint32(row, true), true)
    view.setUint32(at + 4, rows.getUint32(row + 4, true), true)
    view.setFloat64(at + TIME, eventTimeMs, true)
    view.setFloat64(at + OFFSET, offset, true)
    view.setUint32(at + PARTITION, partition, true)
    view.setUint32(at + PRESENT, 1, true)
  }

  private wins(view: DataView, at: number, eventTimeMs: number, partition: number, offset: number): boolean {
    if (view.getUint32(at + PRESENT, true) === 0) return true
    const difference =
      eventTimeMs - view.getFloat64(at + TIME, true) || partition - view.getUint32(at + PARTITION, true) || offset - view.getFloat64(at + OFFSET, true)
    return this.isFirst ? difference < 0 : difference > 0
  }

  toPartial(view: DataView, at: number): OrderedValue | null {
    if (view.getUint32(at + PRESENT, true) === 0) return null
    return {
      value: this.readValue(view, at),
      eventTimeMs: view.getFloat64(at + TIME, true),
      partition: view.getUint32(at + PARTITION, true),
      offset: view.getFloat64(at + OFFSET, true),
    }
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    this.clear(view, at)
    if (partial === null) return
    const ordered = partial as OrderedValue
    this.fold(view, at, ordered.value, ordered)
  }

  finalise(view: DataView, at: number): NonNull | null {
    return view.getUint32(at + PRESENT, true) === 0 ? null : this.readValue(view, at)
  }

  private readValue(view: DataView, at: number): NonNull {
    if (this.type === 'int64') return canonicalInt64(view.getBigInt64(at, true))
    const value = view.getFloat64(at, true)
    return this.type === 'boolean' ? value !== 0 : value
  }
}
