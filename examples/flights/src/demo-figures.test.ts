import { describe, expect, it } from '@jest/globals'
import { percentilesOf } from './demo-figures.ts'

describe('percentiles', () => {
  it('are values that were there, in whatever order', () => {
    expect(percentilesOf(Array.from({ length: 101 }, (_, i) => 100 - i))).toEqual({ p50Ms: 50, p99Ms: 99 })
    expect(percentilesOf([7])).toEqual({ p50Ms: 7, p99Ms: 7 })
  })

  it('are none where there is no value', () => {
    expect(() => percentilesOf([])).toThrow(RangeError)
  })
})
