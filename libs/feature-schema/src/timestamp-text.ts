// The one text form of a timestamp that is accepted, in JSON and in CSV: ISO 8601, with `T` or a space, taken as UTC where it
// names no zone. `TIMESTAMP_TEXT` is the rule, for SQL engines to follow; the functions here only read what it admits.

import { TIMESTAMP_MAX_MS, TIMESTAMP_MIN_MS } from './limits.ts'

/**
 * `2001-06-30`, `2001-06-30 23:59:59`, `2001-06-30T23:59:59.123456Z`, `2001-06-30T23:59:59+02:00`. Besides, the day must exist in its month,
 * and digits after the milliseconds are dropped.
 */
export const TIMESTAMP_TEXT =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)?)?$/

/** Epoch milliseconds, or null where the text breaks the rule or is outside the years 1678 to 2261. */
export function parseTimestampMs(text: string): number | null {
  if (!TIMESTAMP_TEXT.test(text)) return null
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2)
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  if (day > 28 && day > daysOfMonth(year, month)) return null
  const dayMs = daysFromEpoch(year, month, day) * 86_400_000
  const timeMs = text.length === 10 ? dayMs : dayMs + timeOfDayMs(text) - zoneMs(text)
  return timeMs >= TIMESTAMP_MIN_MS && timeMs <= TIMESTAMP_MAX_MS ? timeMs : null
}

function timeOfDayMs(text: string): number {
  const seconds = twoDigits(text, 11) * 3600 + twoDigits(text, 14) * 60 + twoDigits(text, 17)
  return seconds * 1000 + (text.charCodeAt(19) === 0x2e ? fractionMs(text) : 0)
}

/** The digits after the point at 19, read as milliseconds. */
function fractionMs(text: string): number {
  let ms = 0
  for (let i = 0, weight = 100; i < 3; i++, weight /= 10) {
    const digit = text.charCodeAt(20 + i) - 0x30
    if (!(digit >= 0 && digit <= 9)) break
    ms += digit * weight
  }
  return ms
}

function zoneMs(text: string): number {
  const signAt = text.length - 6
  const sign = text.charCodeAt(signAt)
  if (text.length < 25 || (sign !== 0x2b && sign !== 0x2d)) return 0
  const offsetMs = (twoDigits(text, signAt + 1) * 60 + twoDigits(text, signAt + 4)) * 60_000
  return sign === 0x2b ? offsetMs : -offsetMs
}

function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30
}

function daysOfMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** Days since 1970-01-01 in the Gregorian calendar: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil. */
function daysFromEpoch(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}
