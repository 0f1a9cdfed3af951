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

/** Loops that run together. */
export interface LoopGroup {
  /** Ends them; resolves once nothing of them is at work. */
  end(reason: Error): Promise<void>
}

interface Group {
  readonly loops: readonly Loop[]
  readonly ending: AbortController
  work: Promise<void>
}

/** Groups of loops that come and go while they run. */
export class LoopGroups {
  /** Runs those that there are, and those that come; throws what one of them fails with for good, once the others have ended. */
  readonly loop: Loop
  private readonly options: Omit<RunTogetherOptions, 'signal'>
  private readonly groups = new Set<Group>()
  /** Runs a group; null: not yet. */
  private run: ((group: Group) => Promise<void>) | null = null

  constructor(options: Omit<RunTogetherOptions, 'signal'>) {
    this.options = options
    this.loop = (signal) => this.runAll(signal)
  }

  add(loops: readonly Loop[]): LoopGroup {
    const group: Group = { loops, ending: new AbortController(), work: Promise.resolve() }
    this.groups.add(group)
    if (this.run !== null) group.work = this.run(group)
    return {
      end: (reason) => {
        group.ending.abort(reason)
        this.groups.delete(group)
        return group.work
      },
    }
  }

  private async runAll(signal: AbortSignal): Promise<void> {
    const failed = new AbortController()
    const ended = AbortSignal.any([signal, failed.signal])
    const isEnded = new Promise<void>((resolve) => (ended.aborted ? resolve() : ended.addEventListener('abort', () => resolve(), { once: true })))
    const works = new Set<Promise<void>>()
    this.run = ({ loops, ending }) => {
      const work = runTogether(loops, { ...this.options, signal: AbortSignal.any([ended, ending.signal]) }).catch((error: unknown) => failed.abort(error))
      works.add(work)
      void work.finally(() => works.delete(work))
      return work
    }
    for (const group of this.groups) group.work = this.run(group)
    await isEnded
    this.run = null
    await Promise.all(works)
    if (failed.signal.aborted) throw failed.signal.reason
  }
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
