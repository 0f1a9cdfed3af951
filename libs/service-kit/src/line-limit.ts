// A limit for lines that whoever asks can cause: past it they are counted, and the count is in the next one that is told.

import type { Clock } from '@tidemark/ports/clock'

export const LINES_TOLD_MAX = 10
export const LINES_TOLD_PER_MS = 10_000

export class LineLimit {
  private readonly clock: Pick<Clock, 'steadyMs'>
  private sinceMs = -Infinity
  private toldCount = 0
  private untoldCount = 0

  constructor(clock: Pick<Clock, 'steadyMs'>) {
    this.clock = clock
  }

  /** What is to be said in the line of those that were not told since the last one; null: this one is not to be told either. */
  next(): { readonly untoldCount?: number } | null {
    const nowMs = this.clock.steadyMs()
    if (nowMs - this.sinceMs >= LINES_TOLD_PER_MS) [this.sinceMs, this.toldCount] = [nowMs, 0]
    if (this.toldCount >= LINES_TOLD_MAX) {
      this.untoldCount++
      return null
    }
    const { untoldCount } = this
    this.toldCount++
    this.untoldCount = 0
    return untoldCount > 0 ? { untoldCount } : {}
  }
}
