// Minimum and maximum of int64: i64 value | u32 1 where there is one, else 0 | u32 0. Compared as halves, which needs no bigint.

import { canonicalInt64 } from '@tidemark/feature-schema/value'
import type { FixedKernel, NonNull, Partial, RowRange } from './partial.ts'

const HALF = 2 ** 32

export class Int64ExtremeKernel implements FixedKernel {
  readonly width = 16
  private readonly isMin: boolean

  constructor(kind: 'min' | 'max') {
    this.isMin = kind === 'min'
  }

  clear(view: DataView, at: number): void {
    view.setBigInt64(at, 0n, true)
    view.setBigInt64(at + 8, 0n, true)
  }

  fold(view: DataView, at: number, value: NonNull): void {
    if (typeof value === 'bigint') {
      this.offer(view, at, Number(value >> 32n), Number(value & 0xffff_ffffn))
      return
    }
    const high = Math.floor((value as number) / HALF)
    this.offer(view, at, high, (value as number) - high * HALF)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) {
        if (rows.getUint32(row + 8, true) === 1) this.offer(view, at, rows.getInt32(row + 4, true), rows.getUint32(row, true))
      }
    }
  }

  private offer(view: DataView, at: number, high: number, low: number): void {
    if (view.getUint32(at + 8, true) === 1) {
      const highNow = view.getInt32(at + 4, true)
      const difference = high === highNow ? low - view.getUint32(at, true) : high - highNow
      if (this.isMin ? difference >= 0 : difference <= 0) return
    }
    view.setUint32(at, low, true)
    view.setInt32(at + 4, high, true)
    view.setUint32(at + 8, 1, true)
  }

  toPartial(view: DataView, at: number): number | bigint | null {
    return view.getUint32(at + 8, true) === 1 ? canonicalInt64(view.getBigInt64(at, true)) : null
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    this.clear(view, at)
    if (partial !== null) this.fold(view, at, partial as number | bigint)
  }

  finalise(view: DataView, at: number): number | bigint | null {
    return this.toPartial(view, at)
  }
}
