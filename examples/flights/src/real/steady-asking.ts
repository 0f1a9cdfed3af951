// An open loop: what is to be asked is asked when it is due, however long earlier answers take, so that a server that stalls is charged for everybody who
// would have come meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'

export interface SteadyAsking {
  readonly ratePerSecond: number
  /** The next question; its latency counts from when it was due, by `performance.now()`. */
  readonly next: () => (dueAtMs: number) => Promise<void>
  readonly onFailure: (error: unknown) => void
  /** Ends the asking; what was asked by then is waited for. */
  readonly signal: AbortSignal
}

/** Beyond so many that are not answered, what is due is not asked, and fails as such. */
const UNANSWERED_MAX = 256

/** Somebody would have asked, and so many waited for their answers already that he was left out. */
export class NotAsked extends Error {
  override readonly name = 'NotAsked'
}

export async function askSteadily({ ratePerSecond, next, onFailure, signal }: SteadyAsking): Promise<void> {
  const unanswered = new Set<Promise<void>>()
  const startedAtMs = performance.now()
  for (let i = 0; ; i++) {
    const dueAtMs = startedAtMs + (i * 1_000) / ratePerSecond
    const leftMs = dueAtMs - performance.now()
    if (leftMs > 0) await sleep(leftMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) break
    if (unanswered.size >= UNANSWERED_MAX) {
      onFailure(new NotAsked(`${UNANSWERED_MAX} questions wait for their answers.`))
      continue
    }
    const asked = next()(dueAtMs).catch(onFailure).finally(() => unanswered.delete(asked))
    unanswered.add(asked)
  }
  await Promise.all(unanswered)
}
