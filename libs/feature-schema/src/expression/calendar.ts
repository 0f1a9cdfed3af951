// The parts of a wall-clock time, as milliseconds since 1970-01-01T00:00 of the same clock, in the proleptic Gregorian calendar.
// The calendar repeats after 400 years, whole weeks too, so that JavaScript's Date does the work for every year.

export const DAY_MS = 86_400_000
const CYCLE_YEARS = 400
const CYCLE_MS = 146_097 * DAY_MS

export const TIME_UNITS = ['year', 'month', 'week', 'day', 'hour', 'minute', 'second'] as const
export type TimeUnit = (typeof TIME_UNITS)[number]

export function yearOf(wallMs: number): number {
  return dateOf(wallMs).getUTCFullYear() + CYCLE_YEARS * cycleOf(wallMs)
}

export function monthOf(wallMs: number): number {
  return dateOf(wallMs).getUTCMonth() + 1
}

export function dayOf(wallMs: number): number {
  return dateOf(wallMs).getUTCDate()
}

export function hourOf(wallMs: number): number {
  return Math.floor(modulo(wallMs, DAY_MS) / 3_600_000)
}

export function minuteOf(wallMs: number): number {
  return Math.floor(modulo(wallMs, 3_600_000) / 60_000)
}

export function secondOf(wallMs: number): number {
  return Math.floor(modulo(wallMs, 60_000) / 1000)
}

/** ISO 8601: Monday is 1, Sunday is 7. 1970-01-01 was a Thursday. */
export function dayOfWeek(wallMs: number): number {
  return modulo(Math.floor(wallMs / DAY_MS) + 3, 7) + 1
}

export function dayOfYear(wallMs: number): number {
  return Math.floor((wallMs - startOfUnit(wallMs, 'year')) / DAY_MS) + 1
}

/** ISO 8601: a week belongs to the year of its Thursday. */
export function weekOf(wallMs: number): number {
  return Math.ceil(dayOfYear(startOfUnit(wallMs, 'week') + 3 * DAY_MS) / 7)
}

/** The first millisecond of the year, month, week (Monday), day, hour, minute or second. */
export function startOfUnit(wallMs: number, unit: TimeUnit): number {
  switch (unit) {
    case 'year':
      return Date.UTC(dateOf(wallMs).getUTCFullYear()) + cycleOf(wallMs) * CYCLE_MS
    case 'month':
      return wallMs - modulo(wallMs, DAY_MS) - (dayOf(wallMs) - 1) * DAY_MS
    case 'week':
      return wallMs - modulo(wallMs, DAY_MS) - (dayOfWeek(wallMs) - 1) * DAY_MS
    case 'day':
      return wallMs - modulo(wallMs, DAY_MS)
    case 'hour':
      return wallMs - modulo(wallMs, 3_600_000)
    case 'minute':
      return wallMs - modulo(wallMs, 60_000)
    case 'second':
      return wallMs - modulo(wallMs, 1000)
  }
}

/** The same day of a year from 1970 to 2369. */
function dateOf(wallMs: number): Date {
  return new Date(wallMs - cycleOf(wallMs) * CYCLE_MS)
}

function cycleOf(wallMs: number): number {
  return Math.floor(wallMs / CYCLE_MS)
}

function modulo(value: number, divisor: number): number {
  const remainder = value % divisor
  return remainder < 0 ? remainder + divisor : remainder + 0
}
