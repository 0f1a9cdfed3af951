// A clock that runs faster than the system's, alike in every process that begins it at the same time: what takes minutes, such as the lease of a pin,
// is over while a test waits.

import { createSystemClock } from '@tidemark/machine/system-clock'
import type { WaitingClock } from '@tidemark/ports/clock'

export const CLOCK_SPEED = 30

export function createFastClock(beganAtMs: number): WaitingClock {
  const system = createSystemClock()
  return {
    nowMs: () => beganAtMs + CLOCK_SPEED * (system.nowMs() - beganAtMs),
    steadyMs: () => CLOCK_SPEED * system.steadyMs(),
    wait: (durationMs, signal) => system.wait(Math.ceil(durationMs / CLOCK_SPEED), signal),
  }
}
