// What must hold of windows: each alone, and the resolutions of all windows of a view together.

import { describeFound } from './accepted-value.ts'
import type { AggregationDefinition, WindowDefinition } from './definition.ts'
import { formatDuration, parseDurationMs } from './duration.ts'
import { WINDOW_LENGTH_MAX_MS, WINDOW_LENGTH_MIN_MS, WINDOW_PANES_MAX } from './limits.ts'
import type { ProblemReport } from './problem-report.ts'
import { EXACT_RESOLUTION_MS } from './window.ts'

export function checkWindow(report: ProblemReport, where: string, window: WindowDefinition): void {
  const { name, lengthMs, resolutionMs } = window
  const named = name === 'lifetime' ? null : parseDurationMs(name)
  if (typeof name !== 'string' || (name !== 'lifetime' && named === null)) {
    report.add(where, `${describeFound(name)} is not a window.`, 'Write a whole number and a unit: 5m, 24h, 7d, 2w; or lifetime.')
  } else if (lengthMs !== named) {
    report.add(where, `The window named ${name} is ${lengthMs} ms long.`, `Name it for its length, or make it ${named} ms.`)
  } else if (lengthMs === null) {
    if (resolutionMs !== null) report.add(where, 'A lifetime window has no resolution.', 'Write lifetime alone.')
  } else if (lengthMs < WINDOW_LENGTH_MIN_MS || lengthMs > WINDOW_LENGTH_MAX_MS) {
    const [min, max] = [formatDuration(WINDOW_LENGTH_MIN_MS), formatDuration(WINDOW_LENGTH_MAX_MS)]
    report.add(where, `The window is out of bounds.`, `Choose a length from ${min} to ${max}, or lifetime.`)
  } else {
    checkResolution(report, where, lengthMs, resolutionMs)
  }
}

function checkResolution(report: ProblemReport, where: string, lengthMs: number, resolutionMs: number | null): void {
  if (Number.isNaN(resolutionMs) && lengthMs < 60_000) {
    const example = `{ window: '${formatDuration(lengthMs)}', resolution: '1s' }`
    report.add(where, 'A window under a minute has no default resolution.', `Declare one: ${example}, or 'exact'.`)
  } else if (resolutionMs === null || !Number.isInteger(resolutionMs) || resolutionMs < 1) {
    report.add(where, 'The resolution is not a length of time.', "Write a whole number and a unit: 1s, 5m, 1h; or 'exact'.")
  } else if (resolutionMs > lengthMs) {
    report.add(where, `The resolution ${formatDuration(resolutionMs)} is longer than the window.`, 'Choose one of at most the window.')
  } else if (resolutionMs !== EXACT_RESOLUTION_MS && lengthMs / resolutionMs > WINDOW_PANES_MAX) {
    const finest = formatDuration(Math.ceil(lengthMs / WINDOW_PANES_MAX / 1_000) * 1_000)
    report.add(
      where,
      `At the resolution ${formatDuration(resolutionMs)} it has more than ${WINDOW_PANES_MAX} panes.`,
      `Choose a resolution of at least ${finest}; or 'exact', which keeps the newest events only.`,
    )
  }
}

/** Reports rungs of one view that are not multiples of each other, with the two windows that clash. */
export function checkLadder(report: ProblemReport, where: string, aggregations: readonly AggregationDefinition[]): void {
  const byResolution = new Map<number, string>()
  for (const { name, windows } of aggregations) {
    for (const { name: window, resolutionMs } of windows) {
      if (resolutionMs === null || !(resolutionMs > 0) || byResolution.has(resolutionMs)) continue
      byResolution.set(resolutionMs, `${name} over ${window} (resolution ${formatDuration(resolutionMs)})`)
    }
  }
  const resolutions = [...byResolution.keys()].sort((a, b) => a - b)
  for (const [i, coarser] of resolutions.entries()) {
    const finer = resolutions[i - 1]
    if (finer === undefined || coarser % finer === 0) continue
    report.add(
      where,
      `The resolutions of ${byResolution.get(finer)} and ${byResolution.get(coarser)} clash: neither is a multiple of the other.`,
      `Declare another resolution for one of the two, for example ${formatDuration(Math.ceil(coarser / finer) * finer)} instead of ${formatDuration(coarser)}.`,
    )
  }
}
