// Whether two values are the same within a tolerance, and how far apart two numbers are. A value may stand as text, as CSV has them all:
// a number is the same number whichever way it is written, and so is a time; a number with zeros in front is no number.
import { parseTimestampMs } from '@tidemark/feature-schema/timestamp-text'
import type { Value } from '@tidemark/feature-schema/value'

export interface CellComparison {
  readonly isEqual: boolean
  /** Largest difference of two numbers here; -1 where none were compared. */
  readonly absolute: number
  readonly relative: number
}

const SAME: CellComparison = { isEqual: true, absolute: -1, relative: -1 }
const DIFFERENT: CellComparison = { isEqual: false, absolute: -1, relative: -1 }
const SAME_NUMBER: CellComparison = { isEqual: true, absolute: 0, relative: 0 }

/** Digits that a double keeps apart, as programs write it. */
const DOUBLE_DIGITS_MAX = 17
const NUMBER_TEXT = /^([+-]?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/

/** A decimal of more digits than a double keeps: compared digit by digit. */
interface LongDecimal {
  readonly text: string
}

/**
 * Numbers are equal within tolerance × max(1, |a|, |b|), also inside lists and maps written as JSON; all else exactly. `isTime`: numbers
 * are epoch milliseconds.
 */
export function compareCells(a: Value, b: Value, tolerance: number, isTime = false): CellComparison {
  if (a === b) return numberOf(a) === null ? SAME : SAME_NUMBER
  if (a === null || b === null) return DIFFERENT
  if (isTime) return microsOf(a) !== null && microsOf(a) === microsOf(b) ? SAME : DIFFERENT
  const [x, y] = [numberOf(a), numberOf(b)]
  if (x !== null && y !== null) return compareNumbers(x, y, tolerance)
  if (typeof a !== 'string' || typeof b !== 'string') return String(a) === String(b) && typeof a !== 'number' && typeof b !== 'number' ? SAME : DIFFERENT
  const [treeA, treeB] = [parseTree(a), parseTree(b)]
  if (treeA !== null && treeB !== null) return compareTrees(treeA, treeB, tolerance)
  const micros = timestampMicros(a)
  return micros !== null && micros === timestampMicros(b) ? SAME : DIFFERENT
}

function microsOf(value: Value): number | null {
  if (typeof value === 'number') return Math.round(value * 1_000)
  return typeof value === 'string' ? timestampMicros(value) : null
}

/** Epoch microseconds; null where it is no time, or says more than that. */
function timestampMicros(text: string): number | null {
  const timeMs = parseTimestampMs(text)
  if (timeMs === null) return null
  const [, beyondMs = '', rest = ''] = /\.\d{3}(\d{1,3})(\d*)/.exec(text) ?? []
  return /[1-9]/.test(rest) ? null : timeMs * 1_000 + Number(beyondMs.padEnd(3, '0'))
}

function numberOf(value: unknown): number | bigint | LongDecimal | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value instanceof NumberText) return numberOf(value.text)
  if (typeof value !== 'string') return null
  const match = NUMBER_TEXT.exec(value)
  if (match === null) return null
  const [, , whole = '', fraction, exponent] = match
  if (fraction === undefined && exponent === undefined) return BigInt(value)
  const digits = (whole + (fraction ?? '')).replace(/^0+/, '').length
  return digits <= DOUBLE_DIGITS_MAX ? Number(value) : { text: value }
}

function compareNumbers(a: number | bigint | LongDecimal, b: number | bigint | LongDecimal, tolerance: number): CellComparison {
  if (Object.is(a, b) || isSameNumber(a, b)) return SAME_NUMBER
  const [x, y] = [doubleOf(a), doubleOf(b)]
  if (!Number.isFinite(x) || !Number.isFinite(y)) return DIFFERENT
  const magnitude = Math.max(Math.abs(x), Math.abs(y))
  const absolute = typeof a === 'bigint' && typeof b === 'bigint' ? Math.abs(Number(a - b)) : Math.abs(x - y)
  return { isEqual: tolerance > 0 && absolute <= tolerance * Math.max(1, magnitude), absolute, relative: magnitude === 0 ? 0 : absolute / magnitude }
}

/** A bigint and a double are compared by their mathematical values. */
function isSameNumber(a: number | bigint | LongDecimal, b: number | bigint | LongDecimal): boolean {
  if (typeof a !== 'object' && typeof b !== 'object') return a == b // eslint-disable-line eqeqeq -- a bigint and a double of the same value are not ===
  return decimalOf(a) === decimalOf(b)
}

function doubleOf(value: number | bigint | LongDecimal): number {
  return Number(typeof value === 'object' ? value.text : value)
}

/** One text for each decimal: sign, digits without zeros around them, and the power of ten. */
function decimalOf(value: number | bigint | LongDecimal): string {
  const match = NUMBER_TEXT.exec(typeof value === 'object' ? value.text : String(value))
  if (match === null) return String(value)
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = digits.replace(/0+$/, '')
  return significant === '' ? '0' : `${sign === '-' ? '-' : ''}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}

/** A number of JSON as it was written. */
class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** A list or a map; null for any other text. */
function parseTree(text: string): object | null {
  if (!text.startsWith('[') && !text.startsWith('{')) return null
  try {
    return JSON.parse(text, keepNumberText) as object
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function keepNumberText(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new NumberText(context?.source ?? String(value)) : value
}

function compareTrees(a: unknown, b: unknown, tolerance: number): CellComparison {
  if (a instanceof NumberText && b instanceof NumberText) return compareNumbers(numberOf(a)!, numberOf(b)!, tolerance)
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b ? SAME : DIFFERENT
  const [entriesA, entriesB] = [Object.entries(a), new Map<string, unknown>(Object.entries(b))]
  if (Array.isArray(a) !== Array.isArray(b) || entriesA.length !== entriesB.size) return DIFFERENT
  return entriesA.reduce<CellComparison>((soFar, [key, value]) => {
    const inner = entriesB.has(key) ? compareTrees(value, entriesB.get(key), tolerance) : DIFFERENT
    return {
      isEqual: soFar.isEqual && inner.isEqual,
      absolute: Math.max(soFar.absolute, inner.absolute),
      relative: Math.max(soFar.relative, inner.relative),
    }
  }, SAME)
}
