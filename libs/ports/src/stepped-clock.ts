// A clock that stands still until it is stepped, forward or back, as a log's clock may be. Who waits by it waits for a time, and is woken once the
// clock has been stepped forward that far; stepping back makes no wait longer.

import type { WaitingClock } from './clock.ts'

/** Somebody who waits. */
export interface Waiting {
  /** How far the clock is still to be stepped. */
  readonly leftMs: number
  readonly signal: AbortSignal | undefined
  wake(): void
}

export interface SteppedClock extends WaitingClock {
  /** Moves it by a whole number of milliseconds, and wakes those whose time has come, in the order of their times. */
  step(byMs: number): void
  /** Those who wait, in the order of their times; of one time, in the order of their coming. */
  waiting(): readonly Waiting[]
}

interface Waiter {
  readonly endMs: number
  readonly signal: AbortSignal | undefined
  readonly wake: () => void
}

/** A clock that stands at `startMs` (epoch milliseconds). */
export function createSteppedClock(startMs: number): SteppedClock {
  let nowMs = startMs
  /** What it was stepped forward in all. */
  let elapsedMs = 0
  const waiters: Waiter[] = []
  return {
    nowMs: () => nowMs,
    steadyMs: () => elapsedMs,
    step(byMs) {
      if (!Number.isSafeInteger(byMs)) throw new RangeError(`step: byMs is ${byMs}, expected a whole number`)
      nowMs += byMs
      elapsedMs += Math.max(0, byMs)
      while (waiters.length > 0 && waiters[0]!.endMs <= elapsedMs) waiters[0]!.wake()
    },
    waiting: () => waiters.map(({ endMs, signal, wake }) => ({ leftMs: endMs - elapsedMs, signal, wake })),
    async wait(durationMs, signal) {
      if (!Number.isSafeInteger(durationMs) || durationMs < 0) throw new RangeError(`wait: durationMs is ${durationMs}, expected a whole number of at least 0`)
      if (durationMs === 0 || signal?.aborted === true) return
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          const at = waiters.indexOf(waiter)
          if (at >= 0) waiters.splice(at, 1)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const waiter: Waiter = { endMs: elapsedMs + durationMs, signal, wake }
        waiters.splice(waiters.findLastIndex(({ endMs }) => endMs <= waiter.endMs) + 1, 0, waiter)
        signal?.addEventListener('abort', wake)
      })
    },
  }
}
