import { describe, expect, it } from '@jest/globals'
import type { Clock } from './clock.ts'

interface Harness extends AsyncDisposable {
  clock: Clock
}

/** What every Clock promises. */
export function clockContract(name: string, createHarness: () => Promise<Harness>): void {
  describe(`Clock: ${name}`, () => {
    it('tells whole epoch milliseconds', async () => {
      await using harness = await createHarness()
      expect(Number.isSafeInteger(harness.clock.nowMs())).toBe(true)
    })

    it('has whole milliseconds that never go back', async () => {
      await using harness = await createHarness()
      const first = harness.clock.steadyMs()
      expect(Number.isSafeInteger(first)).toBe(true)
      expect(harness.clock.steadyMs()).toBeGreaterThanOrEqual(first)
    })
  })
}
