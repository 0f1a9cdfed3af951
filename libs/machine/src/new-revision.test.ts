import { describe, expect, it } from '@jest/globals'
import { createNewRevision } from './new-revision.ts'

describe('createNewRevision', () => {
  it('draws from all 53 bits, and never the same twice', () => {
    const newRevision = createNewRevision()
    const drawn = Array.from({ length: 20_000 }, newRevision)
    expect(new Set(drawn).size).toBe(drawn.length)
    expect(drawn.every((revision) => Number.isSafeInteger(revision) && revision >= 0)).toBe(true)
    for (let bit = 0; bit < 53; bit++) {
      const setCount = drawn.filter((revision) => Math.floor(revision / 2 ** bit) % 2 === 1).length
      expect(Math.abs(setCount - drawn.length / 2)).toBeLessThan(1_000)
    }
  })

  it('has no two makers that draw the same', () => {
    const [a, b] = [createNewRevision(), createNewRevision()]
    expect(a()).not.toBe(b())
  })
})
