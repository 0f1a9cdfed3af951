// The clock of a simulation: it stands where it is set, and whoever waits by it goes on once it is set to the end of his wait. Told to go on, it is
// as fast as real time from there on.

import { createSystemClock } from '@tidemark/adapter-embedded/system-clock'
import type { WaitingClock } from '@tidemark/ports/clock'

export interface SimulatedClock extends WaitingClock {
  /** Sets it forward. */
  set(nowMs: number): void
  /** It goes on by itself from where it stands, for good. */
  goOn(): void
}

interface Wait {
  readonly endMs: number
  readonly signal: AbortSignal | undefined
  readonly end: () => void
}

export function createSimulatedClock(startMs: number): SimulatedClock {
  const real = createSystemClock()
  const waits = new Set<Wait>()
  let standsAtMs = startMs
  /** When it was told to go on, by the process's own time; null: it stands. */
  let goesOnFromMs: number | null = null
  return {
    nowMs: () => (goesOnFromMs === null ? standsAtMs : standsAtMs + Math.floor(performance.now() - goesOnFromMs)),
    set(nowMs) {
      if (goesOnFromMs !== null || nowMs < standsAtMs) throw new Error(`A clock that ${goesOnFromMs === null ? `stands at ${standsAtMs}` : 'goes on'} cannot be set to ${nowMs}.`)
      standsAtMs = nowMs
      for (const wait of waits) if (wait.endMs <= nowMs) wait.end()
    },
    goOn() {
      goesOnFromMs ??= performance.now()
      for (const { endMs, signal, end } of waits) void real.wait(endMs - standsAtMs, signal).then(end)
    },
    wait(durationMs, signal) {
      if (goesOnFromMs !== null) return real.wait(durationMs, signal)
      if (durationMs <= 0 || signal?.aborted === true) return Promise.resolve()
      return new Promise((resolve) => {
        const end = (): void => {
          waits.delete(wait)
          signal?.removeEventListener('abort', end)
          resolve()
        }
        const wait: Wait = { endMs: standsAtMs + durationMs, signal, end }
        waits.add(wait)
        signal?.addEventListener('abort', end, { once: true })
      })
    },
  }
}
