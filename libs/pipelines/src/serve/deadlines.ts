// Deadlines of many requests on one timer: a timer for each, armed and taken back thousands of times a second, would cost more than reading
// what is at hand. They end up to a tick late.

import type { WaitingClock } from '@tidemark/ports/clock'

const TICK_MS = 5

export interface Deadline extends Disposable {
  /** Resolves with null when it has passed; never once it is disposed. */
  readonly passed: Promise<null>
}

interface Pending {
  readonly atMs: number
  readonly pass: (value: null) => void
}

export class Deadlines {
  private readonly clock: WaitingClock
  private readonly pending = new Set<Pending>()
  private isTicking = false

  constructor(clock: WaitingClock) {
    this.clock = clock
  }

  after(durationMs: number): Deadline {
    const { promise, resolve } = Promise.withResolvers<null>()
    const pending = { atMs: this.clock.nowMs() + durationMs, pass: resolve }
    this.pending.add(pending)
    if (!this.isTicking) void this.tick()
    return { passed: promise, [Symbol.dispose]: () => void this.pending.delete(pending) }
  }

  /** Ends with the first tick that finds nobody waiting. */
  private async tick(): Promise<void> {
    this.isTicking = true
    do {
      await this.clock.wait(TICK_MS)
      const nowMs = this.clock.nowMs()
      for (const pending of this.pending) {
        if (pending.atMs > nowMs) continue
        this.pending.delete(pending)
        pending.pass(null)
      }
    } while (this.pending.size > 0)
    this.isTicking = false
  }
}
