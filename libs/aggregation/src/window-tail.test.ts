import { describe, expect, it } from '@jest/globals'
import { windowTailMs } from './window-tail.ts'
import fc from 'fast-check'

describe('windowTailMs', () => {
  it('rounds down, before 1970 too', () => {
    expect(windowTailMs(3_600_000 + 59_999, 3_600_000, 60_000)).toBe(0)
    expect(windowTailMs(0, 1, 60_000)).toBe(-60_000)
  })

  it('covers the window and less than one resolution more', () => {
    const times = fc.integer({ min: -1e12, max: 4e12 })
    const lengths = fc.integer({ min: 1, max: 1e11 })
    fc.assert(
      fc.property(times, lengths, lengths, (atMs, windowMs, resolutionMs) => {
        const excessMs = atMs - windowMs - windowTailMs(atMs, windowMs, resolutionMs)
        expect(excessMs).toBeGreaterThanOrEqual(0)
        expect(excessMs).toBeLessThan(resolutionMs)
      }),
    )
  })
})
