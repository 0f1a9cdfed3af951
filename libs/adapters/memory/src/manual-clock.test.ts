import { describe, expect, it } from '@jest/globals'
import { createManualClock } from './manual-clock.ts'
import { clockContract } from '@tidemark/ports/clock.contract'

clockContract('manual', () =>
  Promise.resolve({ clock: createManualClock(0), [Symbol.asyncDispose]: () => Promise.resolve() }),
)

describe('createManualClock', () => {
  it('moves only when told to, and only forward', () => {
    const clock = createManualClock(1_000)
    expect(clock.nowMs()).toBe(1_000)
    clock.advance(250)
    expect(clock.nowMs()).toBe(1_250)
    expect(() => clock.advance(-1)).toThrow(RangeError)
    expect(clock.nowMs()).toBe(1_250)
  })
})
