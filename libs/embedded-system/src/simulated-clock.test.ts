// A clock that is set: who waits by it, and how it goes on.
import { expect, it } from '@jest/globals'
import { createSimulatedClock } from './simulated-clock.ts'

it('ends the waits that it is set to the end of, and those that are aborted', async () => {
  const clock = createSimulatedClock(1_000)
  const ended: string[] = []
  const aborted = new AbortController()
  const waits = [clock.wait(10).then(() => ended.push('short')), clock.wait(20, aborted.signal).then(() => ended.push('aborted')), clock.wait(30).then(() => ended.push('long'))]
  clock.set(1_009)
  await clock.wait(0)
  expect(ended).toEqual([])
  clock.set(1_010)
  await waits[0]
  aborted.abort()
  await waits[1]
  expect(ended).toEqual(['short', 'aborted'])
  clock.set(5_000)
  await waits[2]
  await clock.wait(1_000, aborted.signal)
  expect(clock.nowMs()).toBe(5_000)
  expect(() => clock.set(4_999)).toThrow('cannot be set')
})

it('goes on as fast as real time, also for those who wait already', async () => {
  const clock = createSimulatedClock(1_000)
  const waiting = clock.wait(5)
  clock.goOn()
  await waiting
  expect(clock.nowMs()).toBeGreaterThanOrEqual(1_005)
  await clock.wait(5)
  expect(clock.nowMs()).toBeGreaterThanOrEqual(1_010)
  expect(() => clock.set(10_000)).toThrow('cannot be set')
})
