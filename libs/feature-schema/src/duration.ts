// Durations as people write them in definitions: a whole number and a unit, '5m', '24h', '7d'.

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

type DurationUnit = keyof typeof UNIT_MS

/** '1s', '5m', '1h', '7d', '2w'; no fractions, no zero. */
export type DurationText = `${number}${DurationUnit}`

const DURATION = /^([1-9]\d{0,8})(ms|[smhdw])$/

/** Milliseconds, or null where the text is not a duration. */
export function parseDurationMs(text: string): number | null {
  const match = DURATION.exec(text)
  return match === null ? null : Number(match[1]) * UNIT_MS[match[2] as DurationUnit]
}

const ZERO = /^0(ms|[smhdw])?$/

/** Milliseconds of a duration or of zero, which needs no unit; null where the text is neither. */
export function parseDurationOrZeroMs(text: string): number | null {
  return ZERO.test(text) ? 0 : parseDurationMs(text)
}

/** The shortest text of a duration, in the largest unit that divides it; weeks are written as days. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (durationMs % UNIT_MS[unit] === 0) return `${durationMs / UNIT_MS[unit]}${unit}`
  }
  return `${durationMs}ms`
}
