import { describe, expect, it } from '@jest/globals'
import { createManualClock } from './manual-clock.ts'
import { clockContract } from '@tidemark/ports/clock.contract'
import { waitingClockContract } from '@tidemark/ports/waiting-clock.contract'

clockContract('manual', () =>
  Promise.resolve({ clock: createManualClock(0), [Symbol.asyncDispose]: () => Promise.resolve() }),
)

waitingClockContract('manual', () => {
  const clock = createManualClock(0)
  return Promise.resolve({
    clock,
    async pass(durationMs) {
      clock.advance(durationMs)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
})

describe('createManualClock', () => {
  it('wakes nobody before it is told to', async () => {
    const clock = createManualClock(1_000)
    const woken: number[] = []
    const waitAndTell = async (durationMs: number): Promise<void> => {
      await clock.wait(durationMs)
      woken.push(durationMs)
    }
    expect(clock.nextWakeMs()).toBeNull()
    const waits = [20, 10, 30].map(waitAndTell)
    await new Promise(setImmediate)
    expect([woken, clock.nextWakeMs()]).toEqual([[], 1_010])
    clock.advance(9)
    await new Promise(setImmediate)
    expect(woken).toEqual([])
    clock.advance(1)
    await new Promise(setImmediate)
    expect([woken, clock.nextWakeMs()]).toEqual([[10], 1_020])
    clock.advance(100)
    await Promise.all(waits)
    expect([woken, clock.nextWakeMs()]).toEqual([[10, 20, 30], null])
  })

  it('forgets who no longer waits', async () => {
    const clock = createManualClock(0)
    const controller = new AbortController()
    const waits = [clock.wait(10), clock.wait(5, controller.signal), clock.wait(5)]
    controller.abort()
    await waits[1]
    expect(clock.nextWakeMs()).toBe(5)
    clock.advance(5)
    await waits[2]
    expect(clock.nextWakeMs()).toBe(10)
    clock.advance(5)
    await waits[0]
  })

  it('moves only when told to, and only forward', () => {
    const clock = createManualClock(1_000)
    expect(clock.nowMs()).toBe(1_000)
    clock.advance(250)
    expect(clock.nowMs()).toBe(1_250)
    expect(() => clock.advance(-1)).toThrow(RangeError)
    expect(clock.nowMs()).toBe(1_250)
  })
})
