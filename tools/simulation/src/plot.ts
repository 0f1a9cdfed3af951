// What a history is full of: each seed has its own troubles, so that some histories are calm but for one thing.

import type { Random } from '@tidemark/aggregation/testing/random'
import { VIEW_NAMES } from './definitions.ts'

export interface Plot {
  readonly turnCount: number
  readonly epochLengthMs: number
  readonly views: readonly string[]
  /** Generations back along the lineage that the pointer may go. */
  readonly keptCount: number
  readonly archiverCount: number
  readonly checkEveryMs: number
  readonly longJumpMs: number
  readonly sleepTurnsMax: number
  readonly hasClockSteps: boolean
  /** Shares of all turns at which it happens. */
  readonly failOverShare: number
  readonly rebalanceShare: number
  readonly killShare: number
  readonly sleepShare: number
  readonly resetShare: number
  readonly damageShare: number
  /** A machine of the speed or serving layer has a clock that is wrong by far, or right again. */
  readonly wrongClockShare: number
  /** A transaction begins or is decided, behind which nothing can be read. */
  readonly transactionShare: number
  /** Shares of records. */
  readonly skewShare: number
  readonly madShare: number
  /** Share of calls that are lost. */
  readonly lostShare: number
  /** Shares of runs. */
  readonly blockedShare: number
  readonly nonsenseShare: number
}

const HOUR_MS = 3_600_000

/** What histories are drawn from: a trouble that has chance of its own leaves those as they are that do not have it. */
export interface Chances {
  readonly random: Random
  /** Of which alone it is drawn how wrong clocks are. */
  readonly clockRandom: Random
  readonly transactionRandom: Random
}

export function drawPlot({ random, clockRandom, transactionRandom }: Chances): Plot {
  const maybe = (probability: number, share: number): number => (random.chance(probability) ? share : 0)
  return {
    turnCount: random.between(1_200, 3_000),
    epochLengthMs: random.pick([300_000, HOUR_MS, HOUR_MS]),
    views: random.chance(0.7) ? [random.pick(VIEW_NAMES)] : random.shuffle(VIEW_NAMES).slice(0, 2),
    keptCount: random.between(1, 2),
    archiverCount: random.pick([1, 1, 2]),
    checkEveryMs: random.pick([1_000, 10_000, 30_000]),
    longJumpMs: random.pick([6 * HOUR_MS, 240 * HOUR_MS]),
    sleepTurnsMax: random.pick([100, 600]),
    hasClockSteps: random.chance(0.5),
    failOverShare: maybe(0.6, 0.004),
    rebalanceShare: maybe(0.6, 0.003),
    killShare: maybe(0.6, 0.003),
    sleepShare: maybe(0.7, 0.005),
    resetShare: maybe(0.25, 0.0015),
    skewShare: maybe(0.25, 0.04),
    madShare: maybe(0.2, 0.006),
    lostShare: maybe(0.4, 0.01),
    blockedShare: maybe(0.5, 0.15),
    nonsenseShare: maybe(0.4, 0.2),
    damageShare: maybe(0.25, 0.002),
    wrongClockShare: clockRandom.chance(0.3) ? 0.004 : 0,
    transactionShare: transactionRandom.chance(0.3) ? transactionRandom.pick([0.003, 0.01]) : 0,
  }
}
