// Law 1 for sketches: the fast bins, registers and estimates against their definitions, and both against the declared error.

import { describe, expect, it } from '@jest/globals'
import { binOf, binTable, representativeOf } from './bin-table.ts'
import { precisionForError, rankOf, RegisterSet, registerOf } from './hyperloglog.ts'
import { hashTextInto } from './md5-hash.ts'
import * as naive from './testing/oracle-sketches.ts'
import { checkProperty } from './testing/property.ts'
import { seededRandom } from './testing/random.ts'

const ERRORS = [0.001, 0.01, 0.05, 0.1]

describe('law 1: sketches follow one table', () => {
  it('law 1: a bin is what a walk over the boundaries finds, on the boundaries and beside them too', () => {
    checkProperty({
      runs: 3000,
      generate: (random) => {
        const error = random.pick(ERRORS)
        const boundary = random.pick(naive.boundariesFor(error))
        const magnitude = random.pick([boundary, boundary * (1 + Number.EPSILON), boundary * (1 - Number.EPSILON), 10 ** random.between(-12, 20) * random.next(), 0, 5e-324, Number.MAX_VALUE])
        return { error, value: random.chance(0.5) ? magnitude : -magnitude }
      },
      judge: ({ error, value }) => {
        const table = binTable(error)
        const bin = naive.binOf(value, error)
        const expected = Number.isFinite(bin) ? bin : Math.sign(value) * table.outsideBin
        const given = binOf(table, value)
        if (given !== expected) return `bin ${given}, not ${expected}`
        const read = representativeOf(table, given)
        if (read !== naive.representativeOf(bin, error)) return `${read} stands for bin ${given}, not ${naive.representativeOf(bin, error)}`
        if (read === null) return Math.abs(value) >= 1e18 ? null : 'a value below the last boundary has no bin'
        const slack = Math.abs(value) < 1e-9 ? 1e-9 : error * Math.abs(value) * (1 + 1e-12)
        return Math.abs(read - value) <= slack ? null : `${read} is further than ${error} from ${value}`
      },
    })
  })

  it('law 1: registers and the estimate are those of whole 64-bit integers and of the series', () => {
    checkProperty({
      runs: 60,
      generate: (random) => ({
        error: random.pick([0.0082, 0.0163, 0.03, 0.1, 0.26]),
        texts: Array.from({ length: random.pick([0, 1, 5, 100, 3000]) }, () => `${random.pick(['', 'ü', 'user-', 'x'.repeat(70)])}${random.below(2000)}`),
      }),
      judge: ({ error, texts }) => {
        const precision = precisionForError(error)
        const registers = new RegisterSet(precision)
        const hash = { high: 0, low: 0 }
        for (const text of texts) {
          hashTextInto(text, hash)
          registers.raise(registerOf(hash, precision), rankOf(hash, precision))
        }
        const expected = naive.estimateDistinct(texts, naive.precisionFor(error))
        const given = registers.estimate()
        return Math.abs(given - expected) <= 0.5 + 1e-9 * expected ? null : `${given}, not ${expected}`
      },
    })
  })

  it('law 1: estimates of many sets scatter by no more than the declared standard error', () => {
    const random = seededRandom(7)
    for (const error of [0.0163, 0.065, 0.26]) {
      const deviations = Array.from({ length: 40 }, (_, set) => {
        const count = random.pick([20, 300, 5000])
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
