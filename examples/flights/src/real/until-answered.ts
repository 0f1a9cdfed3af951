// Servers may be away for a while: what is asked of them is asked again until they answer.
import { setTimeout as sleep } from 'node:timers/promises'
import { TidemarkError } from '@tidemark/feature-schema/errors'

export const RETRY_AFTER_MS = 500

/** Throws what waiting does not mend, and the signal's reason. */
export async function untilAnswered<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      if (!isAway(error)) throw error
      await pause(RETRY_AFTER_MS, signal)
    }
  }
}

export function isAway(error: unknown): error is TidemarkError {
  return error instanceof TidemarkError && error.code === 'STORE_UNAVAILABLE'
}

/** Throws the signal's own reason. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
  signal.throwIfAborted()
}
