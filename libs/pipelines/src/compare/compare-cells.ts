// Whether two values are the same within a tolerance, and how far apart two numbers are.
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

/** Numbers are equal within tolerance × max(1, |a|, |b|), also inside lists and maps written as JSON; all else exactly. */
export function compareCells(a: Value, b: Value, tolerance: number): CellComparison {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b, tolerance)
  if (a === b) return SAME
  if (tolerance === 0 || typeof a !== 'string' || typeof b !== 'string') return DIFFERENT
  const [treeA, treeB] = [parseTree(a), parseTree(b)]
  return treeA === null || treeB === null ? DIFFERENT : compareTrees(treeA, treeB, tolerance)
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function compareNumbers(a: number | bigint, b: number | bigint, tolerance: number): CellComparison {
  // A bigint and a double are compared by their mathematical values.
  if (!(a < b) && !(a > b)) return SAME_NUMBER
  const magnitude = Math.max(Math.abs(Number(a)), Math.abs(Number(b)))
  const absolute = typeof a === 'bigint' && typeof b === 'bigint' ? Math.abs(Number(a - b)) : Math.abs(Number(a) - Number(b))
  return { isEqual: tolerance > 0 && absolute <= tolerance * Math.max(1, magnitude), absolute, relative: absolute / magnitude }
}

/** A list or a map; null for any other text. */
function parseTree(text: string): object | null {
  if (!text.startsWith('[') && !text.startsWith('{')) return null
  try {
    return JSON.parse(text) as object
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function compareTrees(a: unknown, b: unknown, tolerance: number): CellComparison {
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b, tolerance)
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
