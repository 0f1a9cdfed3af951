import { describe, expect, it } from '@jest/globals'
import { nextEpoch } from './epoch.ts'

describe('nextEpoch', () => {
  it('opens an epoch at its first millisecond', () => {
    expect(nextEpoch(0, 999, 1_000)).toBe(0)
    expect(nextEpoch(0, 1_000, 1_000)).toBe(1)
  })

  it('rounds down before 1970 too, from the first record on', () => {
    expect(nextEpoch(-Infinity, -1_000, 1_000)).toBe(-1)
    expect(nextEpoch(-Infinity, -1, 1_000)).toBe(-1)
    expect(nextEpoch(-1, 0, 1_000)).toBe(0)
  })

  it('never goes back when an append time does', () => {
    expect(nextEpoch(7, 3_000, 1_000)).toBe(7)
  })
})
