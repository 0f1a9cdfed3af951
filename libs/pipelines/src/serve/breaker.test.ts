import { expect, it } from '@jest/globals'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { Breaker } from './breaker.ts'

it('leaves out what failed three times in a row, and lets one caller try after each pause', () => {
  const clock = createSteppedClock(0)
  const breaker = new Breaker(clock)
  expect([breaker.failed(), breaker.failed()]).toEqual([false, false])
  breaker.succeeded()
  expect([breaker.failed(), breaker.failed(), breaker.admits()]).toEqual([false, false, true])
  expect([breaker.failed(), breaker.admits()]).toEqual([true, false])
  clock.step(4_999)
  expect(breaker.admits()).toBe(false)
  clock.step(1)
  expect([breaker.admits(), breaker.admits()]).toEqual([true, false])
  // Said once.
  expect([breaker.failed(), breaker.admits()]).toEqual([false, false])
  clock.step(5_000)
  expect(breaker.admits()).toBe(true)
  breaker.succeeded()
  expect([breaker.admits(), breaker.admits()]).toEqual([true, true])
  expect([breaker.failed(), breaker.failed(), breaker.failed()]).toEqual([false, false, true])
})

it('does not wait for a caller that never comes back', () => {
  const clock = createSteppedClock(0)
  const breaker = new Breaker(clock)
  for (let i = 0; i < 3; i++) breaker.failed()
  for (let i = 0; i < 3; i++) {
    clock.step(5_000)
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false])
  }
})
