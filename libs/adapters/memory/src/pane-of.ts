// Which pane an event lives in, from the contract's sentence alone.
import type { RungGrouping } from '@tidemark/ports/batch-engine'

export interface Pane {
  readonly rung: number
  readonly startMs: number
}

/** The pane of an event of an entity whose newest append time is `logTimeMs`; null where no rung keeps it. */
export function paneOf(rungs: readonly RungGrouping[], eventTimeMs: number, logTimeMs: number): Pane | null {
  for (const [rung, { lengthMs, horizonMs, alignMs }] of rungs.entries()) {
    if (lengthMs === null || horizonMs === null || alignMs === null) return { rung, startMs: 0 }
    const startMs = Math.floor(eventTimeMs / lengthMs) * lengthMs
    if (startMs >= Math.floor((logTimeMs + 1 - horizonMs) / alignMs) * alignMs) return { rung, startMs }
  }
  return null
}
