// Leaves something out that fails, and tries it again now and then: one caller at a time, so that the others do not wait for it.

import type { Clock } from '@tidemark/ports/clock'

/** In a row. */
const FAILURES_MAX = 3
const PAUSE_MS = 5_000

export class Breaker {
  private readonly clock: Clock
  private failureCount = 0
  private pausedUntilMs = -Infinity

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Whether it is left out but for who tries it. */
  get isOpen(): boolean {
    return this.failureCount >= FAILURES_MAX
  }

  /** Whether this caller may try; after a pause it is one caller, until it is known how that went. */
  admits(): boolean {
    if (this.failureCount < FAILURES_MAX) return true
    const steadyMs = this.clock.steadyMs()
    if (steadyMs < this.pausedUntilMs) return false
    this.pausedUntilMs = steadyMs + PAUSE_MS
    return true
  }

  succeeded(): void {
    this.failureCount = 0
  }

  /** Whether it is left out from now on, and was not before. */
  failed(): boolean {
    this.failureCount++
    if (this.failureCount < FAILURES_MAX) return false
    this.pausedUntilMs = this.clock.steadyMs() + PAUSE_MS
    return this.failureCount === FAILURES_MAX
  }
}
