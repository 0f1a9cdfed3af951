// Law 1 for sketches: the fast bins, registers and estimates against their definitions, and both against the declared error.

import { describe, expect, it } from '@jest/globals'
import * as naive from './testing/oracle-sketches.ts'
import { checkProperty } from './testing/property.ts'
import { seededRandom } from './testing/random.ts'
import { binLawOf, registerLawOf, SKETCHES } from './testing/sketch-laws.ts'

describe('law 1: sketches follow one table', () => {
  it('law 1: a bin is what a walk over the boundaries finds, on the boundaries and beside them too', () => {
    checkProperty(binLawOf(SKETCHES))
  })

  it('law 1: registers and the estimate are those of whole 64-bit integers and of the series', () => {
    checkProperty(registerLawOf(SKETCHES))
  })

  it('law 1: estimates of many sets scatter by no more than the declared standard error', () => {
    const random = seededRandom(7)
    for (const error of [0.0163, 0.065, 0.26]) {
      const deviations = Array.from({ length: 40 }, (_, set) => {
        const count = random.pick([20, 300, 2000])
        const texts = Array.from({ length: count }, (_, i) => `${set}:${i}`)
        return naive.estimateDistinct(texts, naive.precisionFor(error)) / count - 1
      })
      const rootMeanSquare = Math.sqrt(deviations.reduce((sum, x) => sum + x ** 2, 0) / deviations.length)
      // 40 draws: the root mean square itself scatters by a ninth.
      expect(rootMeanSquare).toBeLessThan(error * 1.35)
      expect(Math.max(...deviations.map(Math.abs))).toBeLessThan(error * 5)
    }
  })
})
