// Time is injected: whatever asks what time it is, or waits, asks a Clock, so that a whole pipeline runs under a simulated one. What time it is may
// jump, ahead and back: periods and time-outs are measured by the steady clock.

/** The time as the one who runs the pipeline wants it to be. */
export interface Clock {
  /** Epoch milliseconds, a whole number. */
  nowMs(): number
  /**
   * Milliseconds, a whole number, by a clock that nobody sets: it never goes back. Only differences within one process mean something; a machine that
   * sleeps may not count them.
   */
  steadyMs(): number
}

/** A clock that one can wait by. */
export interface WaitingClock extends Clock {
  /** Resolves after that many milliseconds, or at once when the signal is aborted. */
  wait(durationMs: number, signal?: AbortSignal): Promise<void>
}
