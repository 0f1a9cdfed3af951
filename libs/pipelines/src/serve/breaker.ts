// Leaves something out that fails, and tries it again now and then: one caller at a time, so that the others do not wait for it.

import type { Clock } from '@tidemark/ports/clock'

/** In a row. */
const FAILURES_MAX = 3
const PAUSE_MS = 5_000

export interface BreakerLimits {
  /** Between two attempts at what is left out. */
  readonly pauseMs?: number
  /** How long nothing has to have succeeded before it is left out: of several nodes, one that is gone is not all of them. */
  readonly silenceMinMs?: number
}

export class Breaker {
  private readonly clock: Clock
  private readonly pauseMs: number
  private readonly silenceMinMs: number
  private failureCount = 0
  /** Since the last success, as far as failures tell. */
  private silentSinceMs = Infinity
  private isLeftOut = false
  private pausedUntilMs = -Infinity

  constructor(clock: Clock, { pauseMs = PAUSE_MS, silenceMinMs = 0 }: BreakerLimits = {}) {
    this.clock = clock
    this.pauseMs = pauseMs
    this.silenceMinMs = silenceMinMs
  }

  /** Whether it is left out but for who tries it. */
  get isOpen(): boolean {
    return this.isLeftOut
  }

  /** Whether this caller may try; after a pause it is one caller, until it is known how that went. */
  admits(): boolean {
    if (!this.isLeftOut) return true
    const steadyMs = this.clock.steadyMs()
    if (steadyMs < this.pausedUntilMs) return false
    this.pausedUntilMs = steadyMs + this.pauseMs
    return true
  }

  /** Whether it was left out until now. */
  succeeded(): boolean {
    const wasLeftOut = this.isLeftOut
    this.failureCount = 0
    this.silentSinceMs = Infinity
    this.isLeftOut = false
    return wasLeftOut
  }

  /** Whether it is left out from now on, and was not before. `sinceMs`: when what failed was begun, after the last success; default: now. */
  failed(sinceMs = this.clock.steadyMs()): boolean {
    const steadyMs = this.clock.steadyMs()
    const wasLeftOut = this.isLeftOut
    this.failureCount++
    this.silentSinceMs = Math.min(this.silentSinceMs, sinceMs)
    if (!wasLeftOut && (this.failureCount < FAILURES_MAX || steadyMs - this.silentSinceMs < this.silenceMinMs)) return false
    this.isLeftOut = true
    this.pausedUntilMs = steadyMs + this.pauseMs
    return !wasLeftOut
  }
}
