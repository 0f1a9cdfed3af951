// The ladder of panes: which rung holds an event, as a pure function of its event time and the entity's log time L (law 9).
// An event is in one pane: of the finest rung whose pane starts at or after keepFrom(L). keepFrom is a multiple of the next
// rung's length, so panes move to the next rung as a whole; and it never passes the tail of a window that is asked at t > L,
// so what a window of this rung's resolution needs is still there.

import type { WindowDefinition } from '@tidemark/feature-schema/definition'
import { EXACT_RESOLUTION_MS } from '@tidemark/feature-schema/window'
import { windowTailMs } from './window-tail.ts'

/** Finest first; null: lifetime, always last. The same as the batch engine's RungGrouping. */
export interface Rung {
  readonly lengthMs: number | null
  /** The longest window of this resolution. */
  readonly horizonMs: number | null
  /** What keepFrom is rounded down to: the next rung's length; its own for the last rung and before lifetime. */
  readonly alignMs: number | null
}

/** Panes of the finest length that an open span has, where no coarser rung says it. */
const OPEN_PANES_DEFAULT = 16
/** Most panes of 1 ms in a table; the oldest beyond it move to the next rung early, and windows that need them are unavailable. */
export const EXACT_PANES_MAX = 4_096

/** The rungs that windows need: a rung for each distinct resolution. Throws where one is no multiple of the finer one. */
export function planRungs(windows: readonly WindowDefinition[]): Rung[] {
  const horizons = new Map<number, number>()
  for (const { lengthMs, resolutionMs } of windows) {
    if (lengthMs === null || resolutionMs === null) continue
    horizons.set(resolutionMs, Math.max(lengthMs, horizons.get(resolutionMs) ?? 0))
  }
  const lengths = [...horizons.keys()].sort((a, b) => a - b)
  const rungs: Rung[] = lengths.map((lengthMs, i) => {
    const alignMs = lengths[i + 1] ?? lengthMs
    if (alignMs % lengthMs !== 0) throw new Error(`Rungs of ${lengthMs} ms and ${alignMs} ms: the second is no multiple of the first.`)
    return { lengthMs, horizonMs: horizons.get(lengthMs)!, alignMs }
  })
  if (windows.some((window) => window.lengthMs === null)) rungs.push({ lengthMs: null, horizonMs: null, alignMs: null })
  return rungs
}

/** Whether the finest panes are of one millisecond, which are bounded by their number. */
export function isExact(rungs: readonly Rung[]): boolean {
  return rungs[0]!.lengthMs === EXACT_RESOLUTION_MS
}

/** The start of the pane of this rung that an event time falls into; -Infinity for lifetime. */
export function paneStartMs({ lengthMs }: Rung, eventTimeMs: number): number {
  return lengthMs === null ? -Infinity : Math.floor(eventTimeMs / lengthMs) * lengthMs
}

/** Panes of this rung that start earlier belong to a coarser rung, or to nobody. */
export function keepFromMs({ horizonMs, alignMs }: Rung, logTimeMs: number): number {
  return horizonMs === null || alignMs === null ? -Infinity : Math.floor((logTimeMs + 1 - horizonMs) / alignMs) * alignMs
}

/** Index of the rung that holds an event; -1: no window needs it any more. */
export function rungFor(rungs: readonly Rung[], eventTimeMs: number, logTimeMs: number): number {
  return rungs.findIndex((rung) => paneStartMs(rung, eventTimeMs) >= keepFromMs(rung, logTimeMs))
}

/** How long a span of event time stays in the open chunk: a multiple of the finest rung; Infinity where there is only lifetime. */
export function openSpanMs(rungs: readonly Rung[]): number {
  const { lengthMs, horizonMs } = rungs[0]!
  if (lengthMs === null || horizonMs === null) return Infinity
  const paneCount = Math.max(OPEN_PANES_DEFAULT, Math.floor(horizonMs / lengthMs / OPEN_PANES_DEFAULT))
  return rungs[1]?.lengthMs ?? paneCount * lengthMs
}

/** Panes of the finest rung that start here or later are in the open chunk. */
export function openFromMs(spanMs: number, logTimeMs: number): number {
  return spanMs === Infinity ? -Infinity : Math.floor(logTimeMs / spanMs) * spanMs
}

/** The least log time above `logTimeMs` at which `keepFromMs` differs; Infinity for lifetime. */
export function nextKeepFromChangeMs(rung: Rung, logTimeMs: number): number {
  if (rung.horizonMs === null || rung.alignMs === null) return Infinity
  return keepFromMs(rung, logTimeMs) + rung.alignMs + rung.horizonMs - 1
}

/** Where a window asked at t begins; -Infinity for lifetime. */
export function tailMs({ lengthMs, resolutionMs }: Pick<WindowDefinition, 'lengthMs' | 'resolutionMs'>, atMs: number): number {
  return lengthMs === null || resolutionMs === null ? -Infinity : windowTailMs(atMs, lengthMs, resolutionMs)
}
