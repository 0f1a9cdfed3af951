// Central moments: f64 n | f64 mean | f64 m2. Merged as T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating Formulae and a Pairwise
// Algorithm for Computing Sample Variances", 1979; folding a value is merging a set of one.

import {
  Unavailable, type Finalisation, type FinalValue, type FixedKernel, type Moments, type NonNull, type Partial, type RowRange,
} from './partial.ts'

/** The square of a larger value may leave the doubles: its variance is not given. */
const MAGNITUDE_MAX = 1e150

export class MomentsKernel implements FixedKernel {
  readonly width = 24

  clear(view: DataView, at: number): void {
    write(view, at, 0, 0, 0)
  }

  fold(view: DataView, at: number, value: NonNull): void {
    const x = Number(value)
    mergeInto(view, at, 1, Math.abs(x) <= MAGNITUDE_MAX ? x : Number.NaN, 0)
  }

  accumulate(view: DataView, at: number, ranges: readonly RowRange[], rangeCount: number, offset: number): void {
    for (let i = 0; i < rangeCount; i++) {
      const { view: rows, at: start, count, stride } = ranges[i]!
      const end = start + offset + count * stride
      for (let row = start + offset; row < end; row += stride) {
        mergeInto(view, at, rows.getFloat64(row, true), rows.getFloat64(row + 8, true), rows.getFloat64(row + 16, true))
      }
    }
  }

  toPartial(view: DataView, at: number): Moments {
    return { n: view.getFloat64(at, true), mean: view.getFloat64(at + 8, true), m2: view.getFloat64(at + 16, true) }
  }

  fromPartial(view: DataView, at: number, partial: Partial): void {
    const { n, mean, m2 } = partial as Moments
    write(view, at, n, mean, m2)
  }

  finalise(view: DataView, at: number, { op }: Finalisation): FinalValue | Unavailable {
    const n = view.getFloat64(at, true)
    if (n === 0) return null
    const variance = view.getFloat64(at + 16, true) / n
    if (!Number.isFinite(variance)) return new Unavailable('overflow')
    return op === 'stddev' ? Math.sqrt(variance) : variance
  }
}

function mergeInto(view: DataView, at: number, n: number, mean: number, m2: number): void {
  const nBefore = view.getFloat64(at, true)
  if (n === 0) return
  if (nBefore === 0) {
    write(view, at, n, mean, Number.isNaN(mean) ? Number.NaN : m2)
    return
  }
  const total = nBefore + n
  const meanBefore = view.getFloat64(at + 8, true)
  const delta = mean - meanBefore
  write(view, at, total, meanBefore + (delta * n) / total, view.getFloat64(at + 16, true) + m2 + delta * delta * ((nBefore * n) / total))
}

function write(view: DataView, at: number, n: number, mean: number, m2: number): void {
  view.setFloat64(at, n, true)
  view.setFloat64(at + 8, mean, true)
  view.setFloat64(at + 16, m2, true)
}
