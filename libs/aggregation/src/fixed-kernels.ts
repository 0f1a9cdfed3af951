// Kernels of the slots of constant width, and the choice among them. All numbers are little-endian; most merge word by word, which
// a merge of windows does for all of them in one pass (word-pass.ts).
//
//   count        f64 n
//   min, max     f64 value; +Infinity or -Infinity: nothing yet (double, int32, timestamp)
//   newest       f64 event time; -Infinity: nothing yet

import { FirstLastKernel } from './first-last-kernel.ts'
import { Int64ExtremeKernel } from './int64-extreme-kernel.ts'
import { MomentsKernel } from './moments-kernel.ts'
import type { EventOrder, Finalisation, FixedKernel, NonNull, Partial, RowRange, SlotSpec, WordMerge } from './partial.ts'
import { DoubleSumKernel, IntegerSumKernel } from './sum-kernels.ts'

/** The kernel of a slot of constant width; null: the slot is of variable width. */
export function fixedKernelFor({ kind, inputType, groupType }: SlotSpec): FixedKernel | null {
  if (groupType !== null) return null
  switch (kind) {
    case 'count': return new CountKernel()
    case 'sum': return inputType === 'double' ? new DoubleSumKernel() : new IntegerSumKernel(inputType === 'int64')
    case 'moments': return new MomentsKernel()
    case 'newest': return new NewestKernel()
    case 'min': case 'max':
      if (inputType === 'string') return null
      if (inputType === 'int64') return new Int64ExtremeKernel(kind)
      return kind === 'min' ? new MinKernel() : new MaxKernel()
    case 'first': case 'last': return inputType === 'string' ? null : new FirstLastKernel(kind, inputType)
    case 'firstK': case 'lastK': case 'topK': case 'bottomK': case 'values': case 'registers': case 'bins': return null
  }
}

class CountKernel implements FixedKernel {
  readonly width = 8
  readonly words: readonly WordMerge[] = ['add']

  clear(view: DataView, at: number): void {
    view.setFloat64(at, 0, true)
  }

  fold(view: DataView, at: number): void {
    view.setFloat64(at, view.getFloat64(at, true) + 1, true)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    let n = view.getFloat64(at, true)
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) n += rows.getFloat64(row, true)
    }
    view.setFloat64(at, n, true)
  }

  toPartial(view: DataView, at: number): number {
    return view.getFloat64(at, true)
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    view.setFloat64(at, partial as number, true)
  }

  finalise(view: DataView, at: number): number {
    return view.getFloat64(at, true)
  }
}

class MaxKernel implements FixedKernel {
  readonly width = 8
  readonly words: readonly WordMerge[] = ['max']

  clear(view: DataView, at: number): void {
    view.setFloat64(at, -Infinity, true)
  }

  fold(view: DataView, at: number, value: NonNull, _order: EventOrder): void {
    if ((value as number) > view.getFloat64(at, true)) view.setFloat64(at, value as number, true)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    let max = view.getFloat64(at, true)
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) {
        const value = rows.getFloat64(row, true)
        if (value > max) max = value
      }
    }
    view.setFloat64(at, max, true)
  }

  toPartial(view: DataView, at: number): number | null {
    const max = view.getFloat64(at, true)
    return max === -Infinity ? null : max
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    view.setFloat64(at, (partial as number | null) ?? -Infinity, true)
  }

  finalise(view: DataView, at: number, _as: Finalisation): number | null {
    return this.toPartial(view, at)
  }
}

class MinKernel implements FixedKernel {
  readonly width = 8
  readonly words: readonly WordMerge[] = ['min']

  clear(view: DataView, at: number): void {
    view.setFloat64(at, Infinity, true)
  }

  fold(view: DataView, at: number, value: NonNull): void {
    if ((value as number) < view.getFloat64(at, true)) view.setFloat64(at, value as number, true)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    let min = view.getFloat64(at, true)
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) {
        const value = rows.getFloat64(row, true)
        if (value < min) min = value
      }
    }
    view.setFloat64(at, min, true)
  }

  toPartial(view: DataView, at: number): number | null {
    const min = view.getFloat64(at, true)
    return min === Infinity ? null : min
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    view.setFloat64(at, (partial as number | null) ?? Infinity, true)
  }

  finalise(view: DataView, at: number): number | null {
    return this.toPartial(view, at)
  }
}

/** Folds the event's time, whatever the value is. */
class NewestKernel extends MaxKernel {
  override fold(view: DataView, at: number, _value: NonNull, order: EventOrder): void {
    super.fold(view, at, order.eventTimeMs, order)
  }

  override finalise(view: DataView, at: number, { atMs }: Finalisation): number | null {
    const newestMs = this.toPartial(view, at)
    return newestMs === null ? null : atMs - newestMs
  }
}
