import { describe, expect, it } from '@jest/globals'
import { clockContract } from './clock.contract.ts'
import { createSteppedClock, type SteppedClock } from './stepped-clock.ts'
import { waitingClockContract } from './waiting-clock.contract.ts'

clockContract('stepped', () => Promise.resolve({ clock: createSteppedClock(0), [Symbol.asyncDispose]: () => Promise.resolve() }))

waitingClockContract('stepped', () => {
  const clock = createSteppedClock(0)
  return Promise.resolve({ clock, pass: async (durationMs) => clock.step(durationMs), [Symbol.asyncDispose]: () => Promise.resolve() })
})

const leftOf = (clock: SteppedClock): number[] => clock.waiting().map(({ leftMs }) => leftMs)

describe('a stepped clock', () => {
  it('wakes nobody before it is stepped that far', async () => {
    const clock = createSteppedClock(1_000)
    const woken: number[] = []
    const waits = [20, 10, 30].map((durationMs) => clock.wait(durationMs).then(() => woken.push(durationMs)))
    await new Promise(setImmediate)
    expect([woken, leftOf(clock)]).toEqual([[], [10, 20, 30]])
    clock.step(9)
    await new Promise(setImmediate)
    expect(woken).toEqual([])
    clock.step(1)
    await new Promise(setImmediate)
    expect([woken, leftOf(clock)]).toEqual([[10], [10, 20]])
    clock.step(100)
    await Promise.all(waits)
    expect([woken, leftOf(clock)]).toEqual([[10, 20, 30], []])
  })

  it('forgets who no longer waits, or was woken by somebody else', async () => {
    const clock = createSteppedClock(0)
    const controller = new AbortController()
    const waits = [clock.wait(10), clock.wait(5, controller.signal), clock.wait(5)]
    controller.abort()
    await waits[1]
    expect(leftOf(clock)).toEqual([5, 10])
    clock.waiting()[0]!.wake()
    await waits[2]
    expect(leftOf(clock)).toEqual([10])
    clock.step(10)
    await waits[0]
  })

  it('goes back too, which makes no wait longer', async () => {
    const clock = createSteppedClock(1_000)
    const waited = clock.wait(20)
    clock.step(15)
    clock.step(-500)
    expect([clock.nowMs(), leftOf(clock)]).toEqual([515, [5]])
    clock.step(5)
    await waited
    expect(() => clock.step(0.5)).toThrow(RangeError)
    expect(clock.nowMs()).toBe(520)
  })
})
