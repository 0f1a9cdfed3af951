// Reading for one request: what servers have to give by some share of its deadline, so that one that hangs costs the answer only what it has.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { Soon } from '@tidemark/ports/soon'
import type { Deadlines } from './deadlines.ts'
import { SlicedWork, type Slices } from './sliced-work.ts'

/** Shares of the time that a request has when its reading begins. */
export interface ReadingShares {
  /** By when servers have to have answered: what is left is for merging, and for writing the answer. */
  readonly reading: number
  /** By when a pointer has to be here, where one that was read before may still be used. */
  readonly pin: number
}

export const READING_SHARES: ReadingShares = { reading: 0.8, pin: 0.25 }

export interface ReadingTimes {
  /** By the steady clock. */
  readonly beganAtMs: number
  readonly deadlineAtMs: number
  readonly shares?: ReadingShares
}

export class ReadingWork extends SlicedWork {
  private readonly deadlines: Deadlines
  private readonly beganAtMs: number
  private readonly timeMs: number
  private readonly shares: ReadingShares

  constructor(slices: Slices, deadlines: Deadlines, { beganAtMs, deadlineAtMs, shares = READING_SHARES }: ReadingTimes) {
    super(slices, deadlineAtMs)
    this.deadlines = deadlines
    this.beganAtMs = beganAtMs
    this.timeMs = deadlineAtMs - beganAtMs
    this.shares = shares
  }

  /** What is read, at once where it is at hand. Throws STORE_UNAVAILABLE once the share of the deadline is over. */
  inTime<T>(reading: Promise<T>, where: string, share?: keyof ReadingShares): Promise<T>
  inTime<T>(reading: Soon<T>, where: string, share?: keyof ReadingShares): Soon<T>
  inTime<T>(reading: Soon<T>, where: string, share: keyof ReadingShares = 'reading'): Soon<T> {
    if (!(reading instanceof Promise)) return reading
    const waitMaxMs = Math.round(this.shares[share] * this.timeMs)
    if (waitMaxMs === Infinity) return reading
    return this.deadlines.until(reading, this.beganAtMs + waitMaxMs, () => Promise.reject(new TidemarkError([{
      code: 'STORE_UNAVAILABLE', message: `It did not answer within ${waitMaxMs} ms, its share of the deadline.`, where, action: 'Look at the server, or give a longer deadline.',
    }])))
  }
}
