// Sums with their counts. Integers are summed exactly, in limbs that doubles hold exactly, and judged only at the end.
//
//   double        f64 n | f64 sum
//   int32         f64 n | f64 low | f64 high            sum = high · 2^32 + low
//   int64         f64 n | f64 low | f64 high | f64 top  sum = top · 2^64 + high · 2^32 + low
//
// 0 <= low, high (of int64) < 2^32; the last limb has the sign. An event adds less than 2^33 to a limb, so 2^53 of them fit.

import { canonicalInt64, INT64_MAX, INT64_MIN } from '@tidemark/feature-schema/value'
import {
  Unavailable, type DoubleSum, type FinalValue, type Finalisation, type FixedKernel, type IntegerSum, type NonNull, type Partial,
  type RowRange, type WordMerge,
} from './partial.ts'

const LIMB = 2 ** 32
const LIMB_BITS = 32n
const LIMB_MASK = 0xffff_ffffn

export class DoubleSumKernel implements FixedKernel {
  readonly width = 16
  readonly words: readonly WordMerge[] = ['add', 'add']

  clear(view: DataView, at: number): void {
    view.setFloat64(at, 0, true)
    view.setFloat64(at + 8, 0, true)
  }

  fold(view: DataView, at: number, value: NonNull): void {
    view.setFloat64(at, view.getFloat64(at, true) + 1, true)
    view.setFloat64(at + 8, view.getFloat64(at + 8, true) + (value as number), true)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    let n = view.getFloat64(at, true)
    let sum = view.getFloat64(at + 8, true)
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) {
        n += rows.getFloat64(row, true)
        sum += rows.getFloat64(row + 8, true)
      }
    }
    view.setFloat64(at, n, true)
    view.setFloat64(at + 8, sum, true)
  }

  toPartial(view: DataView, at: number): DoubleSum {
    return { n: view.getFloat64(at, true), sum: view.getFloat64(at + 8, true) }
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    const { n, sum } = partial as DoubleSum
    view.setFloat64(at, n, true)
    view.setFloat64(at + 8, sum, true)
  }

  finalise(view: DataView, at: number, { op }: Finalisation): FinalValue | Unavailable {
    const n = view.getFloat64(at, true)
    const sum = view.getFloat64(at + 8, true)
    if (n === 0) return null
    if (!Number.isFinite(sum)) return new Unavailable('overflow')
    return (op === 'mean' ? sum / n : sum) + 0
  }
}

export class IntegerSumKernel implements FixedKernel {
  readonly width: number
  private readonly isWide: boolean

  constructor(isWide: boolean) {
    this.isWide = isWide
    this.width = isWide ? 32 : 24
  }

  clear(view: DataView, at: number): void {
    for (let limb = 0; limb < this.width; limb += 8) view.setFloat64(at + limb, 0, true)
  }

  fold(view: DataView, at: number, value: NonNull): void {
    view.setFloat64(at, view.getFloat64(at, true) + 1, true)
    if (typeof value === 'bigint') {
      const high = value >> LIMB_BITS
      this.store(view, at, view.getFloat64(at + 8, true) + Number(value & LIMB_MASK), view.getFloat64(at + 16, true) + Number(high & LIMB_MASK), Number(high >> LIMB_BITS))
      return
    }
    const high = Math.floor((value as number) / LIMB)
    this.store(view, at, view.getFloat64(at + 8, true) + ((value as number) - high * LIMB), view.getFloat64(at + 16, true) + high, 0)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    let n = view.getFloat64(at, true)
    let low = view.getFloat64(at + 8, true)
    let high = view.getFloat64(at + 16, true)
    let top = 0
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) {
        n += rows.getFloat64(row, true)
        low += rows.getFloat64(row + 8, true)
        high += rows.getFloat64(row + 16, true)
        if (this.isWide) top += rows.getFloat64(row + 24, true)
      }
    }
    view.setFloat64(at, n, true)
    this.store(view, at, low, high, top)
  }

  /** Carries what limbs have beyond 32 bits; `top` is what is added to the last limb of int64. */
  private store(view: DataView, at: number, low: number, high: number, top: number): void {
    const carry = Math.floor(low / LIMB)
    const sum = high + carry
    view.setFloat64(at + 8, low - carry * LIMB, true)
    if (!this.isWide) {
      view.setFloat64(at + 16, sum, true)
      return
    }
    const carryHigh = Math.floor(sum / LIMB)
    view.setFloat64(at + 16, sum - carryHigh * LIMB, true)
    view.setFloat64(at + 24, view.getFloat64(at + 24, true) + top + carryHigh, true)
  }

  toPartial(view: DataView, at: number): IntegerSum {
    const top = this.isWide ? BigInt(view.getFloat64(at + 24, true)) : 0n
    const sum = (((top << LIMB_BITS) + BigInt(view.getFloat64(at + 16, true))) << LIMB_BITS) + BigInt(view.getFloat64(at + 8, true))
    return { n: view.getFloat64(at, true), sum }
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    const { n, sum } = partial as IntegerSum
    const rest = sum >> LIMB_BITS
    view.setFloat64(at, n, true)
    view.setFloat64(at + 8, Number(sum & LIMB_MASK), true)
    view.setFloat64(at + 16, Number(this.isWide ? rest & LIMB_MASK : rest), true)
    if (this.isWide) view.setFloat64(at + 24, Number(rest >> LIMB_BITS), true)
  }

  finalise(view: DataView, at: number, { op }: Finalisation): FinalValue | Unavailable {
    const n = view.getFloat64(at, true)
    if (n === 0) return null
    const approximate = this.approximate(view, at)
    const isSafe = Math.abs(approximate) <= Number.MAX_SAFE_INTEGER
    if (op !== 'sum') {
      const sum = isSafe ? approximate : Number(this.toPartial(view, at).sum)
      return op === 'mean' ? sum / n : sum
    }
    if (isSafe) return approximate
    const { sum } = this.toPartial(view, at)
    return sum < INT64_MIN || sum > INT64_MAX ? new Unavailable('overflow') : canonicalInt64(sum)
  }

  /** The sum as a double: exact while it is safe. */
  private approximate(view: DataView, at: number): number {
    const top = this.isWide ? view.getFloat64(at + 24, true) : 0
    return (top * LIMB + view.getFloat64(at + 16, true)) * LIMB + view.getFloat64(at + 8, true)
  }
}
