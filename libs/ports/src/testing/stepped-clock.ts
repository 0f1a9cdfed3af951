// A clock for contract suites: it stands still until it is stepped, forward or back, as a log's clock may be. Who waits by it waits for
// a time, and is woken once it has been stepped that far.
import type { WaitingClock } from '../clock.ts'

export interface SteppedClock extends WaitingClock {
  step(byMs: number): void
}

export function createSteppedClock(startMs: number): SteppedClock {
  let nowMs = startMs
  /** What was stepped forward in all: waiting goes on while a clock is set back. */
  let elapsedMs = 0
  const waiters = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  return {
    nowMs: () => nowMs,
    step(byMs) {
      nowMs += byMs
      elapsedMs += Math.max(0, byMs)
      for (const waiter of [...waiters]) if (waiter.untilMs <= elapsedMs) waiter.wake()
    },
    wait(durationMs, signal) {
      if (durationMs <= 0 || signal?.aborted === true) return Promise.resolve()
      return new Promise((resolve) => {
        const wake = (): void => {
          waiters.delete(waiter)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const waiter = { untilMs: elapsedMs + durationMs, wake }
        waiters.add(waiter)
        signal?.addEventListener('abort', wake)
      })
    },
  }
}
