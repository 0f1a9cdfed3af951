import { expect, it } from '@jest/globals'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'
import { Deadlines } from './deadlines.ts'

it('passes deadlines with the first tick at or after them, but those that were lifted, and ticks for nobody', async () => {
  const clock = createSteppedClock(0)
  const deadlines = new Deadlines(clock)
  const passed: number[] = []
  const set = (atMs: number): (() => void) => {
    const deadline = { atMs, pass: () => void passed.push(atMs) }
    deadlines.set(deadline)
    return () => deadlines.lift(deadline)
  }
  const tick = async (): Promise<number[]> => {
    clock.step(5)
    await new Promise(setImmediate)
    return passed.splice(0)
  }
  set(5)
  set(6)
  set(10)
  const lift = set(15)
  expect(await tick()).toEqual([5])
  expect(await tick()).toEqual([6, 10])
  lift()
  expect(await tick()).toEqual([])
  expect(clock.waiting()).toEqual([])
  set(30)
  expect(await tick()).toEqual([])
  expect([await tick(), await tick()]).toEqual([[], [30]])
  expect(clock.waiting()).toEqual([])
})
