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

it('leaves nothing out that has succeeded lately, however often it has failed since', () => {
  const clock = createSteppedClock(0)
  const breaker = new Breaker(clock, { pauseMs: 100, silenceMinMs: 1_000 })
  const fail = (): boolean => breaker.failed(clock.steadyMs())
  for (let i = 0; i < 9; i++) {
    expect(fail()).toBe(false)
    clock.step(100)
  }
  expect([breaker.succeeded(), fail(), fail()]).toEqual([false, false, false])
  clock.step(999)
  expect(fail()).toBe(false)
  clock.step(1)
  expect([fail(), breaker.admits()]).toEqual([true, false])
  clock.step(100)
  expect([breaker.admits(), breaker.succeeded(), breaker.isOpen]).toEqual([true, true, false])
  // What had hung for that long is as silent.
  expect([breaker.failed(0), breaker.failed(0), breaker.failed(0)]).toEqual([false, false, true])
})
