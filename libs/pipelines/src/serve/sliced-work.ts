// Long work in slices: a process that answers a large request goes on with everything else that it does, small requests, timers and the
// processors' heartbeats. All large requests of a server together have one slice of each turn of the event loop.

import type { Clock } from '@tidemark/ports/clock'
import { inTurn, type Soon } from '@tidemark/ports/soon'

/** How long they work before others have their turn. */
export const SLICE_MAX_MS = 5

export class Slices {
  private readonly clock: Clock
  private readonly sliceMaxMs: number
  private readonly waiting: (() => void)[] = []
  /** When this turn's slice ends; null: it has not begun. */
  private endMs: number | null = null
  private isTurnAwaited = false

  constructor(clock: Clock, sliceMaxMs = SLICE_MAX_MS) {
    this.clock = clock
    this.sliceMaxMs = sliceMaxMs
  }

  steadyMs(): number {
    return this.clock.steadyMs()
  }

  /** Whether the slice of this turn is used up; it begins when this is first asked. What is one piece of work need not ask. */
  isOver(): boolean {
    const steadyMs = this.clock.steadyMs()
    if (this.endMs === null) {
      this.endMs = steadyMs + this.sliceMaxMs
      this.awaitTurn()
    }
    return steadyMs >= this.endMs
  }

  /** Where the slice is over: what ends when the next one begins. */
  pause(): Promise<void> | undefined {
    return this.isOver() ? this.next() : undefined
  }

  /** Resolves in a later turn of the event loop, when nobody waits who has waited for longer. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve)
      this.awaitTurn()
    })
  }

  private awaitTurn(): void {
    if (this.isTurnAwaited) return
    this.isTurnAwaited = true
    setImmediate(() => this.beginTurn())
  }

  private beginTurn(): void {
    this.isTurnAwaited = false
    this.endMs = null
    this.waiting.shift()?.()
    if (this.waiting.length > 0) this.awaitTurn()
  }
}

/**
 * A piece of work for each item, in their order. Between two of them, where `pause` gives something to wait for, it goes on after that; where it
 * never does, all is done at once.
 */
export function inSlices<T>(items: readonly T[], pause: () => Promise<void> | undefined, work: (item: T, i: number) => void): Soon<void> {
  return inTurn(items, (item, i) => {
    const paused = i > 0 ? pause() : undefined
    return paused === undefined ? work(item, i) : paused.then(() => work(item, i))
  })
}

/** What ends reading once the deadline has passed: its answer has been given. */
export class DeadlinePassed extends Error {}

/** Work that is of no use after a deadline, which is looked at between its slices. */
export class SlicedWork {
  private readonly slices: Slices
  private readonly deadlineAtMs: number
  private wasLate = false

  constructor(slices: Slices, deadlineAtMs: number) {
    this.slices = slices
    this.deadlineAtMs = deadlineAtMs
  }

  /** Whether the deadline had passed when the last slice began. */
  get isLate(): boolean {
    return this.wasLate
  }

  /** Where the slice is over: what ends when the next one begins. */
  pause(): Promise<void> | undefined {
    return this.slices.pause()?.then(() => {
      this.wasLate = this.slices.steadyMs() >= this.deadlineAtMs
    })
  }

  /** The same for work that ends with its deadline: DeadlinePassed. */
  pauseInTime(): Promise<void> | undefined {
    return this.pause()?.then(() => {
      if (this.wasLate) throw new DeadlinePassed('The deadline has passed.')
    })
  }
}
