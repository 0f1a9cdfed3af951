// Law 1 for sketches: bins and registers are what their definitions say, wherever the fast code looks for them.

import { binOf, binTable, representativeOf } from '../bin-table.ts'
import { precisionForError, rankOf, RegisterSet, registerOf } from '../hyperloglog.ts'
import { hashTextInto } from '../md5-hash.ts'
import * as naive from './oracle-sketches.ts'
import type { Property } from './property.ts'

export const SKETCHES = { binOf, registerOf, rankOf }
export type Sketches = typeof SKETCHES

export interface BinCase {
  readonly error: number
  readonly value: number
}

/** A bin is what a walk over the boundaries finds, on the boundaries and beside them too; it stands for its values. */
export function binLawOf(sketches: Sketches): Property<BinCase> {
  return {
    runs: 3000,
    generate(random) {
      const error = random.pick([0.001, 0.01, 0.05, 0.1])
      const boundary = random.pick(naive.boundariesFor(error))
      const beside = [boundary, boundary * (1 + Number.EPSILON), boundary * (1 - Number.EPSILON)]
      const magnitude = random.pick([...beside, 10 ** random.between(-12, 20) * random.next(), 0, 5e-324, Number.MAX_VALUE])
      return { error, value: random.chance(0.5) ? magnitude : -magnitude }
    },
    judge({ error, value }) {
      const table = binTable(error)
      const bin = naive.binOf(value, error)
      const expected = Number.isFinite(bin) ? bin : Math.sign(value) * table.outsideBin
      const given = sketches.binOf(table, value)
      if (given !== expected) return `bin ${given}, not ${expected}`
      const read = representativeOf(table, given)
      if (read !== naive.representativeOf(bin, error)) return `${read} stands for bin ${given}, not ${naive.representativeOf(bin, error)}`
      if (read === null) return Math.abs(value) >= 1e18 ? null : 'a value below the last boundary has no bin'
      const slack = Math.abs(value) < 1e-9 ? 1e-9 : error * Math.abs(value) * (1 + 1e-12)
      return Math.abs(read - value) <= slack ? null : `${read} is further than ${error} from ${value}`
    },
  }
}

export interface RegisterCase {
  readonly error: number
  readonly texts: readonly string[]
}

/** Registers and the estimate are those of whole 64-bit integers and of the series. */
export function registerLawOf(sketches: Sketches): Property<RegisterCase> {
  return {
    runs: 60,
    generate: (random) => ({
      error: random.pick([0.0082, 0.0163, 0.03, 0.1, 0.26]),
      texts: Array.from({ length: random.pick([0, 1, 5, 100, 3000]) }, () => `${random.pick(['', 'ü', 'user-', 'x'.repeat(70)])}${random.below(2000)}`),
    }),
    judge({ error, texts }) {
      const precision = precisionForError(error)
      const registers = new RegisterSet(precision)
      const hash = { high: 0, low: 0 }
      for (const text of texts) {
        hashTextInto(text, hash)
        registers.raise(sketches.registerOf(hash, precision), sketches.rankOf(hash, precision))
      }
      const expected = naive.estimateDistinct(texts, naive.precisionFor(error))
      const given = registers.estimate()
      return Math.abs(given - expected) <= 0.5 + 1e-9 * expected ? null : `${given}, not ${expected}`
    },
  }
}
