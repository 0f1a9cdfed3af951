// Compares what Tidemark answers with what the oracle answers, and counts: exact values must be equal, means equal to the last
// few bits, estimates within the error that they declare.
import type { PlannedFeature } from '@tidemark/aggregation/view-plan'

export interface Comparison {
  exactCount: number
  estimateCount: number
  differingCount: number
  /** Where the first few differ. */
  readonly examples: string[]
}

const EXAMPLES_MAX = 5
const DOUBLE_TOLERANCE = 1e-9
/** A distinct count of HyperLogLog is taken for right within so many of its standard errors. */
const STANDARD_ERRORS_MAX = 5
/** Two values in one of a small sketch's registers, which happens, count for one. */
const DISTINCT_SLACK = 2

export function newComparison(): Comparison {
  return { exactCount: 0, estimateCount: 0, differingCount: 0, examples: [] }
}

export function comparedCount({ exactCount, estimateCount }: Comparison): number {
  return exactCount + estimateCount
}

/** Counts one value; `where` names it when it differs. Integers of the oracle may be bigints. */
export function compareValue(comparison: Comparison, feature: PlannedFeature, where: string, ours: unknown, oracle: unknown): void {
  const declared = declaredError(feature)
  if (declared === null) comparison.exactCount++
  else comparison.estimateCount++
  const expected = plain(oracle)
  if (declared === null ? isSame(ours, expected) : isWithin(ours, expected, declared)) return
  comparison.differingCount++
  if (comparison.examples.length < EXAMPLES_MAX) {
    comparison.examples.push(`${where} ${feature.name}: ${JSON.stringify(ours)}, the oracle says ${JSON.stringify(expected)}`)
  }
}

interface DeclaredError {
  readonly relative: number
  readonly slack: number
}

function declaredError({ aggregation: { op, error } }: PlannedFeature): DeclaredError | null {
  if (op === 'quantile') return { relative: error!, slack: 0 }
  return op === 'approxUniqueCount' ? { relative: error! * STANDARD_ERRORS_MAX, slack: DISTINCT_SLACK } : null
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value !== null && typeof value === 'object' && 'items' in value) return (value.items as unknown[]).map(plain)
  return Array.isArray(value) ? value.map(plain) : (value ?? null)
}

function isSame(ours: unknown, expected: unknown): boolean {
  if (Array.isArray(ours) && Array.isArray(expected)) return ours.length === expected.length && ours.every((value, i) => isSame(value, expected[i]))
  if (typeof ours !== 'number' || typeof expected !== 'number') return ours === expected
  return ours === expected || (!Number.isInteger(expected) && Math.abs(ours - expected) <= DOUBLE_TOLERANCE * Math.abs(expected))
}

function isWithin(ours: unknown, expected: unknown, { relative, slack }: DeclaredError): boolean {
  if (typeof ours !== 'number' || typeof expected !== 'number') return ours === expected
  return Math.abs(ours - expected) <= relative * Math.abs(expected) * (1 + Number.EPSILON * 4) + slack
}
