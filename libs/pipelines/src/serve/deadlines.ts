// Deadlines of many requests on one timer: a timer for each, armed and taken back thousands of times a second, would cost more than reading
// what is at hand. They end up to a tick late, or two where the process is busy.

import type { WaitingClock } from '@tidemark/ports/clock'
import type { Soon } from '@tidemark/ports/soon'

const TICK_MS = 5
/** A tick that comes later than this found the process busy with something else. */
const TICK_LATE_MAX_MS = 50

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
  private tickedAtMs = -Infinity

  constructor(clock: WaitingClock) {
    this.clock = clock
  }

  /** By the steady clock, as of the last tick while somebody waits: who sets many deadlines need not look each time. */
  aboutNowMs(): number {
    return this.isTicking ? this.tickedAtMs : this.clock.steadyMs()
  }

  set(deadline: Deadline): void {
    this.pending.add(deadline)
    if (!this.isTicking) void this.tick()
  }

  /** It never passes from now on. */
  lift(deadline: Deadline): void {
    this.pending.delete(deadline)
  }

  /** What is waited for, or, where its time comes first, what `late` gives; what comes after that is let go. */
  until<T>(awaited: Promise<T>, atMs: number, late: () => Soon<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = { atMs, pass: () => resolve(late()) }
      this.set(deadline)
      awaited.then((value) => {
        this.lift(deadline)
        resolve(value)
      }, (error: unknown) => {
        this.lift(deadline)
        reject(error)
      })
    })
  }

  /** Ends with the first tick that finds nobody waiting. */
  private async tick(): Promise<void> {
    this.isTicking = true
    this.tickedAtMs = this.clock.steadyMs()
    let wasLate = false
    do {
      const dueMs = this.tickedAtMs + TICK_MS
      await this.clock.wait(TICK_MS)
      const steadyMs = (this.tickedAtMs = this.clock.steadyMs())
      // What is waited for may have come while the process was busy, and has its turn before it is given up.
      wasLate = !wasLate && steadyMs - dueMs > TICK_LATE_MAX_MS
      if (wasLate) continue
      for (const deadline of this.pending) {
        if (deadline.atMs > steadyMs) continue
        this.pending.delete(deadline)
        deadline.pass()
      }
    } while (this.pending.size > 0)
    this.isTicking = false
  }
}
