// Deadlines of many requests on one timer: a timer for each, armed and taken back thousands of times a second, would cost more than reading
// what is at hand. They end up to a tick late.

import type { WaitingClock } from '@tidemark/ports/clock'

const TICK_MS = 5

/** What is waited for until some time: `pass` is called when that has come first. */
export interface Deadline {
  /** By the steady clock. */
  readonly atMs: number
  readonly pass: () => void
}

export class Deadlines {
  private readonly clock: WaitingClock
  private readonly pending = new Set<Deadline>()
  private isTicking = false

  constructor(clock: WaitingClock) {
    this.clock = clock
  }

  set(deadline: Deadline): void {
    this.pending.add(deadline)
    if (!this.isTicking) void this.tick()
  }

  /** It never passes from now on. */
  lift(deadline: Deadline): void {
    this.pending.delete(deadline)
  }

  /** Ends with the first tick that finds nobody waiting. */
  private async tick(): Promise<void> {
    this.isTicking = true
    do {
      await this.clock.wait(TICK_MS)
      const steadyMs = this.clock.steadyMs()
      for (const deadline of this.pending) {
        if (deadline.atMs > steadyMs) continue
        this.pending.delete(deadline)
        deadline.pass()
      }
    } while (this.pending.size > 0)
    this.isTicking = false
  }
}
