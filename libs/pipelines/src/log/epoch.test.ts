import { describe, expect, it } from '@jest/globals'
import { nextEpoch } from './epoch.ts'

describe('nextEpoch', () => {
  it('opens an epoch at its first millisecond', () => {
    expect(nextEpoch(0, 999, 1_000)).toBe(0)
    expect(nextEpoch(0, 1_000, 1_000)).toBe(1)
  })

  it('never goes back when an append time does', () => {
    expect(nextEpoch(7, 3_000, 1_000)).toBe(7)
  })
})
