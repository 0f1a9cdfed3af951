// The boundaries of a DDSketch's bins, one table for each declared error. Boundaries come from plain multiplications, which
// round alike in every engine, and a bin is found by comparing with them (law 1): a logarithm may only guess where to look.
// Source of the scheme: Masson, Rim, Lee, "DDSketch", PVLDB 12(12), 2019: bins (gamma^(i-1), gamma^i], gamma = (1+a)/(1-a).

/** Magnitudes below it are bin 0, whose value is 0. */
export const MAGNITUDE_MIN = 1e-9
/** Each table covers magnitudes up to here at least. */
export const MAGNITUDE_MAX = 1e18

export interface BinTable {
  /** Relative error a of a value that is read back from its bin. */
  readonly error: number
  /** Ascending; the last is the first one >= MAGNITUDE_MAX. Bin i >= 1 holds (boundaries[i-2], boundaries[i-1]]; bin 1 only the first boundary itself. */
  readonly boundaries: Float64Array
  /** boundaries.length + 1: the bin of magnitudes past the last boundary, and with a minus sign the lowest bin of all. */
  readonly outsideBin: number
  readonly inverseLogGamma: number
}

const tables = new Map<number, BinTable>()

/** The table for a declared relative error, 0 < error < 1. Made once for each error. */
export function binTable(error: number): BinTable {
  let table = tables.get(error)
  if (table === undefined) {
    table = makeBinTable(error)
    tables.set(error, table)
  }
  return table
}

function makeBinTable(error: number): BinTable {
  if (!(error > 0 && error < 1)) throw new Error(`A relative error lies between 0 and 1, not at ${error}.`)
  const gamma = (1 + error) / (1 - error)
  const boundaries = [MAGNITUDE_MIN]
  for (let last = MAGNITUDE_MIN; last < MAGNITUDE_MAX; boundaries.push(last)) last *= gamma
  return {
    error,
    boundaries: Float64Array.from(boundaries),
    outsideBin: boundaries.length + 1,
    inverseLogGamma: 1 / Math.log(gamma),
  }
}

/**
 * The bin of a finite value: sign × the 1-based index of the first boundary >= |value|; `outsideBin` past the last one;
 * 0 when |value| is below the first.
 */
export function binOf(table: BinTable, value: number): number {
  const { boundaries } = table
  const magnitude = Math.abs(value)
  if (magnitude < MAGNITUDE_MIN) return 0
  const guess = Math.ceil(Math.log(magnitude / MAGNITUDE_MIN) * table.inverseLogGamma)
  let index = Math.min(Math.max(guess, 0), boundaries.length)
  while (index > 0 && boundaries[index - 1]! >= magnitude) index--
  while (index < boundaries.length && boundaries[index]! < magnitude) index++
  return value < 0 ? -(index + 1) : index + 1
}

/**
 * The value that stands for a bin: within `error` of everything in it (the bin's harmonic mean, equally far from both ends in
 * relative terms). null for the two outside bins, which have no end.
 */
export function representativeOf(table: BinTable, bin: number): number | null {
  const index = Math.abs(bin) - 1
  if (index < 0) return 0
  if (index >= table.boundaries.length) return null
  const upper = table.boundaries[index]!
  const lower = index === 0 ? upper : table.boundaries[index - 1]!
  const magnitude = (2 * lower * upper) / (lower + upper)
  return bin < 0 ? -magnitude : magnitude
}
