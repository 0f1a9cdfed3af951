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

it('gives what has come a turn before it is given up, where the process was too busy to tick, and never waits for longer than that', async () => {
  const clock = createSteppedClock(0)
  const deadlines = new Deadlines(clock)
  const passed: number[] = []
  deadlines.set({ atMs: 100, pass: () => void passed.push(clock.steadyMs()) })
  deadlines.set({ atMs: 500, pass: () => void passed.push(clock.steadyMs()) })
  for (const byMs of [200, 5, 300, 300]) {
    clock.step(byMs)
    await new Promise(setImmediate)
  }
  expect(passed).toEqual([205, 805])
})

it('ends what is waited for, or what comes in its stead at its time, and lets go what comes after it', async () => {
  const clock = createSteppedClock(0)
  const deadlines = new Deadlines(clock)
  const late = (): string => 'late'
  const { promise, reject } = Promise.withResolvers<string>()
  const [soon, failing, hanging] = [deadlines.until(Promise.resolve('soon'), 5, late), deadlines.until(Promise.reject(new Error('broken')), 5, late), deadlines.until(promise, 5, late)]
  await expect(failing).rejects.toThrow('broken')
  clock.step(5)
  expect([await soon, await hanging]).toEqual(['soon', 'late'])
  reject(new Error('Nobody hears of this.'))
  await new Promise(setImmediate)
  expect(clock.waiting()).toEqual([])
})
