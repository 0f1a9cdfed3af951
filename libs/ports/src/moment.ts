// How long ago something was in this process, never told too short: by the time of day, which somebody may have set back, or by the steady clock,
// which may stand still while the machine sleeps; whichever says longer.

import type { Clock } from './clock.ts'

export interface Moment {
  readonly nowMs: number
  readonly steadyMs: number
}

export function momentOf(clock: Clock): Moment {
  return { nowMs: clock.nowMs(), steadyMs: clock.steadyMs() }
}

export function passedMs(clock: Clock, since: Moment): number {
  return Math.max(clock.nowMs() - since.nowMs, clock.steadyMs() - since.steadyMs)
}
