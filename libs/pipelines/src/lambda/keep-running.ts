// Keeps a loop running while a store or the log does not answer or has no room: it waits, longer each time, and begins again.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { OnAlarm } from '../alarm.ts'

const RETRY_MIN_MS = 200
const RETRY_MAX_MS = 10_000
/** Trouble that begins again within this time is the same: a call may take a quarter of a minute to find that nobody answers. */
const SAME_TROUBLE_MS = 60_000

/** What passes by itself, or once somebody has made room, for a store or for what an engine puts aside; has applied definitions; has looked up a schema. */
const PASSING: readonly ErrorCode[] = ['STORE_UNAVAILABLE', 'STORE_FULL', 'OUTPUT_FAILED', 'NOT_APPLIED', 'SCHEMA_REGISTRY_MISSING']

/** Resolves when the loop does, or once the signal is aborted; throws what trying again does not mend. Raises an alarm when trouble begins. */
export async function keepRunning(loop: () => Promise<void>, clock: WaitingClock, signal: AbortSignal, onAlarm: OnAlarm, retryMaxMs = RETRY_MAX_MS): Promise<void> {
  let retryMs = 0
  let troubledAtMs = -Infinity
  for (;;) {
    const fromMs = clock.steadyMs()
    try {
      return await loop()
    } catch (error) {
      if (signal.aborted && error === signal.reason) return
      if (!(error instanceof TidemarkError) || !PASSING.includes(error.code)) throw error
      // A loop that went on for longer than the longest pause had recovered.
      if (clock.steadyMs() - fromMs > RETRY_MAX_MS) retryMs = 0
      const { code, message, where } = error.problems[0]!
      if (clock.steadyMs() - troubledAtMs > SAME_TROUBLE_MS) onAlarm({ code, message, where })
      troubledAtMs = clock.steadyMs()
      retryMs = Math.min(retryMaxMs, Math.max(RETRY_MIN_MS, 2 * retryMs))
      await clock.wait(retryMs, signal)
      if (signal.aborted) return
    }
  }
}
