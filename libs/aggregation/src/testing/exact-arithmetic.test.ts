import { describe, expect, it } from '@jest/globals'
import { EXACT_ONE, quotient, toExact } from './exact-arithmetic.ts'
import { checkProperty } from './property.ts'

describe('exact arithmetic', () => {
  it('reads back every double that it takes apart', () => {
    for (const value of [0, 1, -1, 0.1, 5e-324, -2.2250738585072014e-308, Number.MAX_VALUE, 2 ** 53, 1e150]) {
      expect(quotient(toExact(value), EXACT_ONE)).toBe(value)
    }
    expect(toExact(3)).toBe(toExact(3n))
  })

  it('adds what doubles lose', () => {
    expect(quotient(toExact(1e16) + toExact(1) - toExact(1e16), EXACT_ONE)).toBe(1)
    expect(quotient(toExact(1e308) * 2n - toExact(1e308), EXACT_ONE)).toBe(1e308)
    expect(quotient(toExact(1e308) * 2n, EXACT_ONE)).toBe(Infinity)
  })

  it('divides within two units in the last place', () => {
    checkProperty({
      runs: 500,
      generate: (random) => ({ a: random.between(-1e9, 1e9) * 2 ** random.between(-40, 40), b: random.between(1, 1e9) }),
      judge: ({ a, b }) => (Math.abs(quotient(toExact(a), toExact(b)) - a / b) <= 2 * Number.EPSILON * Math.abs(a / b) ? null : 'off'),
    })
  })
})
