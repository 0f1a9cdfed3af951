// Ctrl-C and its kin, while there is something to clean up: the first signal aborts what runs, which then cleans up after itself;
// one that comes a second later or more ends the process at once. (A terminal's Ctrl-C can arrive twice at the same time, through
// the starter of an older Node.) At all other times a signal ends the process as usual.
import { constants } from 'node:os'
import { Interrupted } from './failure.ts'

const PATIENCE_MS = 1_000
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface InterruptSignal extends Disposable {
  /** Aborted with an `Interrupted` as its reason. */
  readonly signal: AbortSignal
}

export function listenForInterrupts(): InterruptSignal {
  const controller = new AbortController()
  let abortedMs = 0
  const onSignal = (name: (typeof SIGNALS)[number]): void => {
    const exitCode = 128 + constants.signals[name]
    if (!controller.signal.aborted) {
      abortedMs = Date.now()
      controller.abort(new Interrupted(exitCode))
    } else if (Date.now() - abortedMs >= PATIENCE_MS) {
      process.exit(exitCode)
    }
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, onSignal)
    },
  }
}
