// The sketches by their definitions: registers from whole 64-bit integers, bins by a walk over the boundaries, the estimate from
// its series. Slow and plain, so that the fast ones can be held to it.

import { createHash } from 'node:crypto'

const ERROR_DEFAULT_DISTINCT = 0.0163
const ERROR_DEFAULT_QUANTILE = 0.01
const PRECISION_MIN = 4
const BOUNDARY_FIRST = 1e-9
const BOUNDARY_LAST = 1e18

/** Register bits: the fewest whose relative standard error, 1.04 / sqrt(2^p), is at most the declared one. */
export function precisionFor(error = ERROR_DEFAULT_DISTINCT): number {
  let precision = PRECISION_MIN
  while (1.04 / Math.sqrt(2 ** precision) > error) precision++
  return precision
}

/** The estimated number of distinct texts: HyperLogLog's registers, and Ertl's improved estimator. */
export function estimateDistinct(texts: readonly string[], precision: number): number {
  const ranks = new Map<bigint, number>()
  const rest = 64 - precision
  for (const text of texts) {
    const hash = BigInt(`0x${createHash('md5').update(text, 'utf8').digest('hex').slice(0, 16)}`)
    const register = hash >> BigInt(rest)
    const rank = rest - (hash & ((1n << BigInt(rest)) - 1n)).toString(2).replace(/^0+/, '').length + 1
    ranks.set(register, Math.max(ranks.get(register) ?? 0, rank))
  }
  const counts = Array.from({ length: rest + 2 }, () => 0)
  counts[0] = 2 ** precision - ranks.size
  for (const rank of ranks.values()) counts[rank]!++
  return ertlEstimate(counts, 2 ** precision)
}

/**
 * Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017 (arXiv:1702.01284), algorithm 6:
 * m² / (2 ln 2) / (m σ(C₀/m) + Σ C_k 2^-k + m τ(1 - C_{q+1}/m) 2^-q).
 */
function ertlEstimate(counts: readonly number[], m: number): number {
  const q = counts.length - 2
  if (counts[0] === m) return 0
  let sum = m * sigma(counts[0]! / m) + m * tau(1 - counts[q + 1]! / m) * 2 ** -q
  for (let k = 1; k <= q; k++) sum += counts[k]! * 2 ** -k
  return m ** 2 / (2 * Math.LN2) / sum
}

/** σ(x) = x + Σ_{k≥1} x^(2^k) 2^(k-1) */
function sigma(x: number): number {
  let sum = x
  for (let k = 1; k < 64; k++) sum += x ** (2 ** k) * 2 ** (k - 1)
  return sum
}

/** τ(x) = (1 - x - Σ_{k≥1} (1 - x^(2^-k))² 2^-k) / 3 */
function tau(x: number): number {
  if (x === 0 || x === 1) return 0
  let sum = 1 - x
  for (let k = 1; k < 64; k++) sum -= (1 - x ** (2 ** -k)) ** 2 * 2 ** -k
  return sum / 3
}

/** A value's bin: 0 near zero, else the sign times the 1-based index of the first boundary at or beyond its magnitude. */
export function binOf(value: number, error?: number): number {
  const magnitude = Math.abs(value)
  if (magnitude < BOUNDARY_FIRST) return 0
  const index = boundariesFor(error).findIndex((boundary) => boundary >= magnitude)
  return Math.sign(value) * (index < 0 ? Infinity : index + 1)
}

/** The value that stands for a bin, within the declared relative error of all that it may hold; null past the last boundary. */
export function representativeOf(bin: number, error?: number): number | null {
  if (bin === 0) return 0
  if (!Number.isFinite(bin)) return null
  const boundaries = boundariesFor(error)
  const upper = boundaries[Math.abs(bin) - 1]!
  const lower = boundaries[Math.abs(bin) - 2] ?? upper
  return (Math.sign(bin) * (2 * lower * upper)) / (lower + upper)
}

/** Boundaries grow by γ = (1 + error) / (1 - error), so that the harmonic middle of two neighbours is within the error of both. */
export function boundariesFor(error = ERROR_DEFAULT_QUANTILE): readonly number[] {
  let boundaries = tables.get(error)
  if (boundaries === undefined) {
    const gamma = (1 + error) / (1 - error)
    boundaries = [BOUNDARY_FIRST]
    while (boundaries.at(-1)! < BOUNDARY_LAST) boundaries.push(boundaries.at(-1)! * gamma)
    tables.set(error, boundaries)
  }
  return boundaries
}

const tables = new Map<number, number[]>()
