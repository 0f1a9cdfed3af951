// Windows: their text, their length and the resolution that they have when none is declared.

import type { WindowDefinition } from './definition.ts'
import { type DurationText, parseDurationMs } from './duration.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The steps that default resolutions are taken from. Each is a multiple of the one before it, so that defaults never clash. */
export const RESOLUTION_STEPS_MS: readonly number[] = [
  SECOND, 5 * SECOND, 15 * SECOND,
  MINUTE, 5 * MINUTE, 15 * MINUTE,
  HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR,
]

/** A default resolution is at most this part of its window. */
export const RESOLUTIONS_PER_WINDOW_MIN = 60

/** The resolution of `exact`, the finest there is. */
export const EXACT_RESOLUTION_MS = 1

export type WindowText = DurationText | 'lifetime'

export type WindowSpec = WindowText | { readonly window: WindowText; readonly resolution: DurationText | 'exact' }

/**
 * The window that a definition's text means: '7d' with the default resolution, or `{ window: '7d', resolution: '1h' | 'exact' }`.
 * What cannot be read becomes NaN, which `checkDefinitions` reports with its place; so does the resolution of a window
 * under a minute, which has no default.
 */
export function windowDefinition(spec: WindowSpec): WindowDefinition {
  const name = isDeclared(spec) ? spec.window : spec
  const lengthMs = name === 'lifetime' ? null : (parseDurationMs(name) ?? Number.NaN)
  if (isDeclared(spec)) return { name, lengthMs, resolutionMs: parseResolutionMs(spec.resolution) }
  return { name, lengthMs, resolutionMs: lengthMs === null ? null : (defaultResolutionMs(lengthMs) ?? Number.NaN) }
}

function isDeclared(spec: WindowSpec): spec is Exclude<WindowSpec, WindowText> {
  return typeof spec === 'object' && spec !== null && 'window' in spec
}

/** The largest step that is at most a sixtieth of the window; null for a window under a minute. */
export function defaultResolutionMs(lengthMs: number): number | null {
  return RESOLUTION_STEPS_MS.findLast((stepMs) => stepMs * RESOLUTIONS_PER_WINDOW_MIN <= lengthMs) ?? null
}

function parseResolutionMs(text: string): number {
  return text === 'exact' ? EXACT_RESOLUTION_MS : (parseDurationMs(text) ?? Number.NaN)
}
