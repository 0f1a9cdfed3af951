// Runs an archiver until it is told to end: step after step, with a pause by the injected clock where there is nothing to do.

import type { WaitingClock } from '@tidemark/ports/clock'
import type { Archiver, ArchiveStep } from './archiver.ts'

/** How soon an archiver that found nothing looks again: the first time, and doubling, at most. */
export const ARCHIVE_PAUSE_MIN_MS = 200
export const ARCHIVE_PAUSE_MAX_MS = 1_000

/** Resolves once the signal is aborted. Throws what a step throws; whoever runs it decides when to begin again. */
export async function runArchiver(archiver: Archiver, clock: WaitingClock, signal: AbortSignal, onStep?: (step: ArchiveStep) => void): Promise<void> {
  let pauseMs = ARCHIVE_PAUSE_MIN_MS
  while (!signal.aborted) {
    const step = await archiver.step()
    onStep?.(step)
    if (step.did !== 'idle' && step.did !== 'stopped') {
      pauseMs = ARCHIVE_PAUSE_MIN_MS
      continue
    }
    await clock.wait(pauseMs, signal)
    pauseMs = Math.min(2 * pauseMs, ARCHIVE_PAUSE_MAX_MS)
  }
}
