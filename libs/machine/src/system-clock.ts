// The system's clock and its timers. What time it is may jump; how long a wait lasts does not.

import type { WaitingClock } from '@tidemark/ports/clock'

/** The longest that a timer of Node can be set for. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** The clock of the system. A wait keeps the process alive until it ends or is aborted. */
export function createSystemClock(): WaitingClock {
  return {
    nowMs: Date.now,
    steadyMs: () => Math.floor(performance.now()),
    async wait(durationMs, signal) {
      if (!Number.isSafeInteger(durationMs) || durationMs < 0) {
        throw new RangeError(`wait: durationMs is ${durationMs}, expected a whole number of at least 0`)
      }
      const endMs = performance.now() + durationMs
      // A timer may end a fraction of a millisecond early.
      for (let leftMs = durationMs; leftMs > 0 && signal?.aborted !== true; leftMs = endMs - performance.now()) {
        await sleep(Math.min(Math.ceil(leftMs), TIMER_MAX_MS), signal)
      }
    },
  }
}

function sleep(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, durationMs)
    signal?.addEventListener('abort', end)
  })
}
