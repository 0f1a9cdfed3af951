// A clock that stands still until it is told to advance. Who waits by it is woken by that, and by nothing else.
import type { WaitingClock } from '@tidemark/ports/clock'

export interface ManualClock extends WaitingClock {
  /** Moves the clock forward by `durationMs`, a whole number of at least 0, and wakes those whose time has come, in the order of their times. */
  advance(durationMs: number): void
  /** The time that the first of those who wait waits for; null: nobody waits. */
  nextWakeMs(): number | null
}

interface Waiter {
  readonly wakeMs: number
  readonly wake: () => void
}

/** A clock that stands at `startMs` (epoch milliseconds). */
export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs
  /** In the order of their times; of one time, in the order of their coming. */
  const waiters: Waiter[] = []
  return {
    nowMs: () => nowMs,
    advance(durationMs) {
      assertDuration('advance', durationMs)
      nowMs += durationMs
      while (waiters.length > 0 && waiters[0]!.wakeMs <= nowMs) waiters.shift()!.wake()
    },
    nextWakeMs: () => waiters[0]?.wakeMs ?? null,
    async wait(durationMs, signal) {
      assertDuration('wait', durationMs)
      if (durationMs === 0 || signal?.aborted === true) return
      const { promise, resolve } = Promise.withResolvers<undefined>()
      const waiter: Waiter = { wakeMs: nowMs + durationMs, wake: () => resolve(undefined) }
      const after = waiters.findLastIndex(({ wakeMs }) => wakeMs <= waiter.wakeMs)
      waiters.splice(after + 1, 0, waiter)
      const leave = (): void => {
        waiters.splice(waiters.indexOf(waiter), 1)
        waiter.wake()
      }
      signal?.addEventListener('abort', leave, { once: true })
      await promise
      signal?.removeEventListener('abort', leave)
    },
  }
}

function assertDuration(what: string, durationMs: number): void {
  if (!Number.isSafeInteger(durationMs) || durationMs < 0) {
    throw new RangeError(`${what}: durationMs is ${durationMs}, expected a whole number of at least 0`)
  }
}
