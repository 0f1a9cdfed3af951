// DDSketch: bins by their boundaries to the last bit, quantiles within the declared error, and what is out of range.

import { describe, expect, it } from '@jest/globals'
import { binOf, binTable, MAGNITUDE_MAX, MAGNITUDE_MIN } from './bin-table.ts'
import { BinCounts, decodeBins, encodeBins } from './dd-sketch.ts'
import { checkProperty } from './testing/property.ts'
import type { Random } from './testing/random.ts'

const ERRORS = [0.001, 0.01, 0.05, 0.1]

/** The next double away from zero (1) or towards it (-1); magnitudes only. */
function neighbour(magnitude: number, step: 1 | -1): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, magnitude)
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(step))
  return view.getFloat64(0)
}

describe('law 1: bins by one table', () => {
  it.each(ERRORS)('law 1: every boundary of error %d belongs to its bin, its neighbours to theirs', (error) => {
    const table = binTable(error)
    const found = [...table.boundaries].flatMap((boundary, i) => [
      binOf(table, boundary) - (i + 1),
      binOf(table, -boundary) + (i + 1),
      binOf(table, neighbour(boundary, 1)) - (i + 2),
      binOf(table, neighbour(boundary, -1)) - (i === 0 ? 0 : i + 1),
    ])
    expect(found.filter((difference) => difference !== 0)).toEqual([])
    expect(table.boundaries[0]).toBe(MAGNITUDE_MIN)
    expect(table.boundaries.at(-1)!).toBeGreaterThanOrEqual(MAGNITUDE_MAX)
    expect(table.boundaries.at(-2)!).toBeLessThan(MAGNITUDE_MAX)
  })

  it('law 1: zero and what is next to it, and what is past the table', () => {
    const table = binTable(0.01)
    expect([0, 5e-324, -1e-12].map((value) => binOf(table, value))).toEqual([0, 0, 0])
    expect([1e300, -Number.MAX_VALUE].map((value) => binOf(table, value))).toEqual([table.outsideBin, -table.outsideBin])
  })
})

const DISTRIBUTIONS: Readonly<Record<string, (random: Random) => number>> = {
  uniform: (random) => random.next(),
  'both signs': (random) => (random.next() - 0.5) * 1000,
  'seven decades': (random) => Math.exp((random.next() - 0.5) * 32),
  'both signs and seven decades': (random) => (random.chance(0.5) ? 1 : -1) * Math.exp((random.next() - 0.5) * 32),
  'mostly zero': (random) => (random.chance(0.9) ? 0 : random.between(-5, 5)),
  'next to zero': (random) => random.pick([1e-12, -1e-12, 1e-9, -1e-9, 2e-9, 0]),
  huge: (random) => random.pick([1e17, -1e17, 9.99e17, 1]),
  'one value': () => 42.5,
  'flight delays': (random) => random.between(-60, 60) + (random.chance(0.05) ? random.between(0, 1600) : 0),
}

describe('quantiles', () => {
  it.each(Object.entries(DISTRIBUTIONS))('within the declared error: %s', (_, draw) => {
    checkProperty({
      runs: 60,
      generate: (random) => ({
        error: random.pick(ERRORS),
        q: random.pick([0, 0.01, 0.5, 0.9, 0.99, 1, random.next()]),
        values: Array.from({ length: random.pick([1, 2, 3, 10, 1000]) }, () => draw(random)),
      }),
      judge: ({ error, q, values }) => {
        const counts = new BinCounts(binTable(error))
        for (const value of values) counts.add(binOf(counts.table, value), 1)
        const exact = values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))]!
        const given = counts.quantile(q)
        if (typeof given !== 'number') return `it is ${given}`
        // 1e-12: the last bits of boundaries and of the mean between them.
        const slack = Math.abs(exact) < MAGNITUDE_MIN ? MAGNITUDE_MIN : Math.abs(exact) * (error + 1e-12)
        return Math.abs(given - exact) <= slack ? null : `${given} is further than ${error} from ${exact}`
      },
    })
  })

  it('are out of range only where the value at the rank is', () => {
    const counts = new BinCounts(binTable(0.01))
    expect(counts.quantile(0.5)).toBeNull()
    for (const value of [1, 2, 1e300]) counts.add(binOf(counts.table, value), 1)
    expect(counts.quantile(0.5)).toBeCloseTo(2, 1)
    expect(counts.quantile(1)).toBe('outOfRange')
    counts.clear()
    counts.add(binOf(counts.table, -1e300), 1)
    expect(counts.quantile(0)).toBe('outOfRange')
  })
})

describe('bytes of bins', () => {
  it('cost a byte a bin in a dense stretch, and a skip more for a lone one', () => {
    const table = binTable(0.01)
    const dense = new Map(Array.from({ length: 100 }, (_, i) => [i + 500, 63] as const))
    expect(encodeBins(table, dense)).toHaveLength(100 + 2)
    const lone = new Map([[-table.outsideBin, 1], [0, 2 ** 40], [table.outsideBin, 1]])
    expect(encodeBins(table, lone)).toHaveLength(1 + (2 + 6) + (2 + 1))
    expect(decodeBins(table, encodeBins(table, lone))).toEqual(lone)
  })
})
