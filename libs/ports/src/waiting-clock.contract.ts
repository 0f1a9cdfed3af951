import { getEventListeners } from 'node:events'
import { describe, expect, it } from '@jest/globals'
import type { WaitingClock } from './clock.ts'

export interface WaitingClockHarness extends AsyncDisposable {
  readonly clock: WaitingClock
  /** Lets that much time pass. */
  pass(durationMs: number): Promise<void>
}

/** What every WaitingClock promises. */
export function waitingClockContract(name: string, createHarness: () => Promise<WaitingClockHarness>): void {
  describe(`WaitingClock: ${name}`, () => {
    it('resolves once the time has passed, not before', async () => {
      await using harness = await createHarness()
      const { clock } = harness
      const startMs = clock.nowMs()
      const startSteadyMs = clock.steadyMs()
      const waited = clock.wait(30).then(() => [clock.nowMs() - startMs, clock.steadyMs() - startSteadyMs])
      await harness.pass(30)
      for (const passedMs of await waited) expect(passedMs).toBeGreaterThanOrEqual(30)
    })

    it('wakes those who wait in the order of their times', async () => {
      await using harness = await createHarness()
      const woken: string[] = []
      const waits = ([['c', 45], ['a', 5], ['b', 25], ['b, later', 25]] as const).map(async ([who, durationMs]) => {
        await harness.clock.wait(durationMs)
        woken.push(who)
      })
      await harness.pass(50)
      await Promise.all(waits)
      expect(woken).toEqual(['a', 'b', 'b, later', 'c'])
    })

    it('resolves at once when it is aborted, and leaves nothing behind', async () => {
      await using harness = await createHarness()
      const controller = new AbortController()
      const waited = harness.clock.wait(1_000_000_000, controller.signal)
      controller.abort()
      await waited
      await harness.clock.wait(1_000_000_000, controller.signal)
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    })

    it('takes its hands off the signal when the time has passed', async () => {
      await using harness = await createHarness()
      const controller = new AbortController()
      const waited = harness.clock.wait(5, controller.signal)
      await harness.pass(5)
      await waited
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    })

    it('does not wait for nothing, and refuses what is no duration', async () => {
      await using harness = await createHarness()
      await harness.clock.wait(0)
      for (const durationMs of [-1, 0.5, Number.NaN, Infinity]) await expect(harness.clock.wait(durationMs)).rejects.toThrow(RangeError)
    })
  })
}
