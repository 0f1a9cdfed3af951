// Kernels of constant width, row by row: a loop over rows takes exactly its rows, however many there are and whatever lies around
// them; sums of integers are exact up to the limits of 64 bits, judged only at the end; a variance has a limit of its own.

import { describe, expect, it } from '@jest/globals'
import type { AggregationOp } from '@tidemark/feature-schema/definition'
import { INT64_MAX, INT64_MIN, type ValueType } from '@tidemark/feature-schema/value'
import { fixedKernelFor } from './fixed-kernels.ts'
import { type FixedKernel, type NonNull, type RowRange, type SlotSpec, Unavailable } from './partial.ts'
import { BASE } from './testing/variable-slots.ts'

function kernelOf(kind: SlotSpec['kind'], inputType: ValueType): FixedKernel {
  return fixedKernelFor({ ...BASE, kind, inputType })!
}

const KERNELS = (
  [
    ['count', 'int32'], ['sum', 'double'], ['sum', 'int32'], ['sum', 'int64'], ['moments', 'double'], ['min', 'double'], ['max', 'double'],
    ['min', 'int64'], ['max', 'int64'], ['newest', 'int32'], ['first', 'int64'], ['last', 'double'],
  ] as const
).map(([kind, inputType]) => [`${kind} of ${inputType}`, kernelOf(kind, inputType)] as const)

/** Where a slot is in a row, and how long rows are. */
const OFFSET = 8
const STRIDE_BYTES = 48
const ROWS_MAX = 9

/** A row for each value, at its place in the list as its time. */
function rowsOf(kernel: FixedKernel, values: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(values.length * STRIDE_BYTES))
  for (const [i, value] of values.entries()) {
    kernel.clear(view, i * STRIDE_BYTES + OFFSET)
    kernel.fold(view, i * STRIDE_BYTES + OFFSET, value, { eventTimeMs: i, partition: 0, offset: i })
  }
  return view
}

function accumulated(kernel: FixedKernel, ranges: readonly RowRange[]): unknown {
  const view = new DataView(new ArrayBuffer(kernel.width))
  kernel.clear(view, 0)
  kernel.accumulate(view, 0, ranges, ranges.length, OFFSET)
  return kernel.toPartial(view, 0)
}

describe('loops over rows', () => {
  it.each(KERNELS)('law 2: %s: takes each row of its ranges once, and none around them', (_, kernel) => {
    for (let count = 0; count <= ROWS_MAX; count++) {
      // Powers of two and alternating signs, so that no two sets of rows have the same sums, extremes or ends.
      const values = Array.from({ length: count + 2 }, (_, i) => (-2) ** i)
      const rows = rowsOf(kernel, [...values, 2 ** 20])
      const folded = new DataView(new ArrayBuffer(kernel.width))
      kernel.clear(folded, 0)
      for (let i = 1; i <= count; i++) kernel.fold(folded, 0, values[i]!, { eventTimeMs: i, partition: 0, offset: i })
      for (let split = 0; split <= count; split++) {
        const rangeOf = (from: number, to: number): RowRange => ({ view: rows, at: from * STRIDE_BYTES, count: to - from, stride: STRIDE_BYTES })
        expect([count, split, accumulated(kernel, [rangeOf(1, 1 + split), rangeOf(1 + split, 1 + count)])]).toEqual([count, split, close(kernel.toPartial(folded, 0))])
      }
    }
  })
})

/** What a partial must be: moments to the last digits, all else exactly. */
function close(partial: unknown): unknown {
  if (typeof partial !== 'object' || partial === null || !('m2' in partial)) return partial
  const { n, mean, m2 } = partial as Record<'n' | 'mean' | 'm2', number>
  return { n, mean: expect.closeTo(mean, 9), m2: expect.closeTo(m2, 6) }
}

function valueOf(kernel: FixedKernel, op: AggregationOp, values: readonly NonNull[]): unknown {
  const view = new DataView(new ArrayBuffer(kernel.width))
  kernel.clear(view, 0)
  for (const value of values) kernel.fold(view, 0, value, { eventTimeMs: 0, partition: 0, offset: 0 })
  const value = kernel.finalise(view, 0, { op, quantile: 0, atMs: 0 })
  return value instanceof Unavailable ? value.reason : value
}

describe('sums of integers', () => {
  it.each<[string, ValueType, NonNull[], unknown]>([
    ['the least int64', 'int64', [INT64_MIN], INT64_MIN],
    ['the largest int64', 'int64', [INT64_MAX], INT64_MAX],
    ['the least, reached', 'int64', [INT64_MIN + 1n, -1], INT64_MIN],
    ['the largest, reached', 'int64', [INT64_MAX - 1n, 1], INT64_MAX],
    ['one less than the least', 'int64', [INT64_MIN, -1], 'overflow'],
    ['one more than the largest', 'int64', [INT64_MAX, 1], 'overflow'],
    ['past the largest and back', 'int64', [INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN, 2], 0],
    ['past the least and back', 'int64', [INT64_MIN, -1, 1], INT64_MIN],
    ['the largest safe number', 'int64', [Number.MAX_SAFE_INTEGER], Number.MAX_SAFE_INTEGER],
    ['one past it', 'int64', [Number.MAX_SAFE_INTEGER, 1], 2n ** 53n],
    ['two past it', 'int64', [Number.MAX_SAFE_INTEGER, 2], 2n ** 53n + 1n],
    ['one below the least safe number', 'int64', [Number.MIN_SAFE_INTEGER, -1], -(2n ** 53n)],
    ['carries of all limbs', 'int64', [-1, 1], 0],
    ['int32, below zero', 'int32', [-1, -(2 ** 31), -(2 ** 31)], -(2 ** 32) - 1],
    ['int32, to zero', 'int32', [-(2 ** 31), 2 ** 31 - 1, 1], 0],
  ])('law 1: %s', (_, inputType, values, sum) => {
    expect(valueOf(kernelOf('sum', inputType), 'sum', values)).toBe(sum)
  })
})

describe('variances', () => {
  it('law 1: are given up to values of 1e150 either way, and not beyond, whatever follows', () => {
    const kernel = kernelOf('moments', 'double')
    expect(valueOf(kernel, 'variance', [1e150, -1e150])).toBeCloseTo(1e300, -290)
    for (const values of [[1.001e150], [-1.001e150], [0, 1e151], [1e151, 0, 1]]) expect(valueOf(kernel, 'variance', values)).toBe('overflow')
  })
})
