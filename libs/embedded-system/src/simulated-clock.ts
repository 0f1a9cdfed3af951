// The clock of a simulation: it stands where it is set, and whoever waits by it goes on once it is set to the end of his wait. Told to go on, it is
// as fast as real time from there on.

import { createSystemClock } from '@tidemark/machine/system-clock'
import type { WaitingClock } from '@tidemark/ports/clock'
import { createSteppedClock } from '@tidemark/ports/stepped-clock'

export interface SimulatedClock extends WaitingClock {
  /** Sets it forward. */
  set(nowMs: number): void
  /** It goes on by itself from where it stands, for good. */
  goOn(): void
}

export function createSimulatedClock(startMs: number): SimulatedClock {
  const real = createSystemClock()
  const standing = createSteppedClock(startMs)
  /** When it was told to go on, by the process's own time; null: it stands. */
  let goesOnFromMs: number | null = null
  const nowMs = (): number => standing.nowMs() + (goesOnFromMs === null ? 0 : Math.floor(performance.now() - goesOnFromMs))
  return {
    nowMs,
    // It is never set back.
    steadyMs: nowMs,
    set(timeMs) {
      const byMs = timeMs - standing.nowMs()
      if (goesOnFromMs !== null || byMs < 0) throw new Error(`A clock that ${goesOnFromMs === null ? `stands at ${standing.nowMs()}` : 'goes on'} cannot be set to ${timeMs}.`)
      standing.step(byMs)
    },
    goOn() {
      goesOnFromMs ??= performance.now()
      for (const { leftMs, signal, wake } of standing.waiting()) void real.wait(leftMs, signal).then(wake)
    },
    wait: (durationMs, signal) => (goesOnFromMs === null ? standing : real).wait(durationMs, signal),
  }
}
