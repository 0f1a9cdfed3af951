// The clock of a replay: it stands where it is set, back too, and whoever waits by it waits until he is told not to.

import type { WaitingClock } from '@tidemark/ports/clock'

export interface ReplayClock extends WaitingClock {
  set(nowMs: number): void
}

export function createReplayClock(startMs: number): ReplayClock {
  let nowMs = startMs
  let steadyMs = startMs
  return {
    nowMs: () => nowMs,
    steadyMs: () => steadyMs,
    set(timeMs) {
      nowMs = timeMs
      steadyMs = Math.max(steadyMs, timeMs)
    },
    wait: (_durationMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) resolve()
        else signal?.addEventListener('abort', () => resolve(), { once: true })
      }),
  }
}
