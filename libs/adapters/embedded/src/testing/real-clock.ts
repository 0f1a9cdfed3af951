// The time of the machine, for child processes of tests.
import { setTimeout as sleep } from 'node:timers/promises'
import type { WaitingClock } from '@tidemark/ports/clock'

export const realClock: WaitingClock = {
  nowMs: () => Date.now(),
  steadyMs: () => Math.floor(performance.now()),
  async wait(durationMs, signal) {
    if (signal?.aborted === true) return
    await sleep(durationMs, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
      if ((error as Error).name !== 'AbortError') throw error
    })
  },
}
