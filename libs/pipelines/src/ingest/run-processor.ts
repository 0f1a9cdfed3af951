// Runs a processor until it is told to stop. Where a store or the log does not answer, it waits, longer each time, and tries again.

import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import type { OnAlarm } from '../alarm.ts'
import type { Processor, StepReport } from './processor.ts'

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 10_000
/** Pause where a step found nothing to do and did not wait itself. */
const IDLE_MS = 5

/** What passes by itself, or once somebody has made room, or has looked up a schema. */
const PASSING: readonly ErrorCode[] = ['STORE_UNAVAILABLE', 'STORE_FULL', 'SCHEMA_REGISTRY_MISSING']

/** What comes after every error, and goes well where only the work itself does not. */
const LEADING_UP: readonly StepReport['did'][] = ['took-up', 'checked']

export interface ProcessorRun {
  readonly processor: Pick<Processor, 'step'>
  readonly clock: WaitingClock
  readonly signal: AbortSignal
  readonly onAlarm: OnAlarm
  readonly onStep?: (report: StepReport) => void
}

/** Resolves once the signal is aborted; throws errors that trying again does not mend. */
export async function runProcessor({ processor, clock, signal, onAlarm, onStep }: ProcessorRun): Promise<void> {
  let retryMs = 0
  while (!signal.aborted) {
    try {
      const report = await processor.step(signal)
      onStep?.(report)
      if (!LEADING_UP.includes(report.did)) retryMs = 0
      if (report.did === 'idle') await clock.wait(IDLE_MS, signal)
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof TidemarkError) || !PASSING.includes(error.code)) throw error
      const { code, message, where } = error.problems[0]!
      if (retryMs === 0) onAlarm({ code, message, where })
      retryMs = Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, 2 * retryMs))
      await clock.wait(retryMs, signal)
    }
  }
}
