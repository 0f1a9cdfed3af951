// The clock of an archiver in a thread of its own: it stands where a step begins, and goes on from there at the process's pace unless it is told to
// stand. It counts from when the step was asked for, not from when the thread came to it, and its milliseconds are rounded up: what was appended a
// moment ago would be ahead of it otherwise.

import type { Clock } from '@tidemark/ports/clock'

/** Milliseconds, and their fractions, by a clock that all threads of the process share and nobody sets. */
export function processTimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export class StepClock implements Clock {
  private readonly isStanding: boolean
  private readonly timeMs: () => number
  private stepFromMs = 0
  private askedAtMs = 0

  constructor(isStanding = false, timeMs = processTimeMs) {
    this.isStanding = isStanding
    this.timeMs = timeMs
  }

  /** A step begins that was asked for at `processMs` of the process's time, when it was `nowMs`. */
  begin(nowMs: number, processMs: number): void {
    this.stepFromMs = nowMs
    this.askedAtMs = processMs
  }

  nowMs(): number {
    return this.isStanding ? this.stepFromMs : this.stepFromMs + Math.ceil(this.timeMs() - this.askedAtMs)
  }

  steadyMs(): number {
    return Math.floor(this.timeMs())
  }
}
