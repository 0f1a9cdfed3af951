// Time is injected: whatever asks what time it is, or waits, asks a Clock, so that a whole pipeline runs under a simulated one.

/** The time as the one who runs the pipeline wants it to be. */
export interface Clock {
  /** Epoch milliseconds, a whole number. */
  nowMs(): number
}

/** A clock that one can wait by. */
export interface WaitingClock extends Clock {
  /** Resolves after that many milliseconds, or at once when the signal is aborted. */
  wait(durationMs: number, signal?: AbortSignal): Promise<void>
}
