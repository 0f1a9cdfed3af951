// A clock that stands still until it is told to advance.
import type { Clock } from '@tidemark/ports/clock'

export interface ManualClock extends Clock {
  /** Moves the clock forward by `durationMs`, a whole number of at least 0. */
  advance(durationMs: number): void
}

/** A clock that stands at `startMs` (epoch milliseconds). */
export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs
  return {
    nowMs: () => nowMs,
    advance(durationMs) {
      if (!Number.isSafeInteger(durationMs) || durationMs < 0) {
        throw new RangeError(`advance: durationMs is ${durationMs}, expected a whole number of at least 0`)
      }
      nowMs += durationMs
    },
  }
}
