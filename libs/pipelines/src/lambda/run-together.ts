// Loops that make up a part of a system, run side by side until a signal.

import type { WaitingClock } from '@tidemark/ports/clock'
import type { OnAlarm } from '../alarm.ts'
import { keepRunning } from './keep-running.ts'

/** Goes on until the signal is aborted; throws what its ports throw, and may be begun again then. */
export type Loop = (signal: AbortSignal) => Promise<void>

export interface RunTogetherOptions {
  readonly clock: WaitingClock
  readonly signal: AbortSignal
  readonly onAlarm: OnAlarm
}

/**
 * Runs loops until the signal is aborted, each begun again while a store is away; where one fails for good, the others end too, and that is
 * thrown. Nothing is at work any more when it ends.
 */
export async function runTogether(loops: readonly Loop[], { clock, signal, onAlarm }: RunTogetherOptions): Promise<void> {
  const failed = new AbortController()
  const ended = AbortSignal.any([signal, failed.signal])
  await Promise.all(loops.map((loop) => keepRunning(() => loop(ended), clock, ended, onAlarm).catch((error: unknown) => failed.abort(error))))
  if (failed.signal.aborted) throw failed.signal.reason
}

/** A loop that does something, and again after a pause. */
export function every(pauseMs: number, clock: WaitingClock, work: (signal: AbortSignal) => Promise<unknown>): Loop {
  return async (signal) => {
    while (!signal.aborted) {
      await work(signal)
      await clock.wait(pauseMs, signal)
    }
  }
}
