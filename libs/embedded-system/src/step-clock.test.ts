// A thread that comes late to its step is not behind: what was appended meanwhile, by the clock that it follows, is not ahead of it.
import { expect, it } from '@jest/globals'
import { processTimeMs, StepClock } from './step-clock.ts'

it('goes on from when a step was asked for, never behind the clock that it follows', () => {
  let timeMs = 50
  const clock = new StepClock(false, () => timeMs)
  // The other thread's clock is at 1,000.9, and says 1,000.
  clock.begin(1_000, 50)
  expect(clock.nowMs()).toBe(1_000)
  timeMs = 50.2
  expect(clock.nowMs()).toBe(1_001)
  timeMs = 350
  expect([clock.nowMs(), clock.steadyMs()]).toEqual([1_300, 350])
})

it('stands where it is told to', () => {
  const clock = new StepClock(true, () => 99)
  clock.begin(1_000, 50)
  expect(clock.nowMs()).toBe(1_000)
})

it('counts by a time that goes on', () => {
  const fromMs = processTimeMs()
  expect(processTimeMs()).toBeGreaterThanOrEqual(fromMs)
})
