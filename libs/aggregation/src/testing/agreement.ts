// Whether an answer is what the oracle says: statuses and integers exactly, floats within the law's slack.

import type { OracleFeature } from './oracle.ts'
import type { Answer, Judgement } from './oracle-aggregations.ts'

/** What a feature's answer has; the status decides whether the value counts. */
export interface GivenFeature {
  readonly status: string
  readonly value: unknown
  readonly reason?: string
}

/** null where every feature agrees; else a sentence for each that does not. */
export function disagreements(expected: readonly OracleFeature[], given: readonly GivenFeature[]): string | null {
  if (expected.length !== given.length) return `${given.length} features instead of ${expected.length}`
  const wrong = expected.filter((feature, i) => !agrees(feature, given[i]!) || (given[i]!.reason === 'window_truncated') !== (feature.isTruncated === true))
  if (wrong.length === 0) return null
  return wrong.map((feature) => `${feature.name}: ${show(given[expected.indexOf(feature)])}, not ${show(feature)}`).join('\n')
}

export function agrees(expected: Judgement, given: GivenFeature): boolean {
  if (expected.mayOverflow === true && given.status === 'UNAVAILABLE') return true
  if (expected.slack === Infinity) return given.status === 'PRESENT' || given.status === 'NULL_VALUE'
  if (expected.status !== given.status) return false
  if (expected.status !== 'PRESENT') return true
  return expected.groups === undefined ? agreesInValue(expected, given.value) : agreesInGroups(expected.groups, given.value)
}

function agreesInValue({ value, slack = 0, isSlackOfSquare }: Judgement, given: unknown): boolean {
  if (typeof value !== 'number' || typeof given !== 'number') return isSame(value as Answer, given)
  if (Object.is(given, -0) || !Number.isFinite(given)) return false
  if (given === value) return true
  return Math.abs(isSlackOfSquare === true ? given ** 2 - value ** 2 : given - value) <= slack
}

function agreesInGroups(groups: Readonly<Record<string, Judgement>>, given: unknown): boolean {
  if (typeof given !== 'object' || given === null || !isSame(Object.keys(groups).sort(), Object.keys(given).sort())) return false
  const values = new Map<string, unknown>(Object.entries(given))
  return Object.entries(groups).every(([group, judgement]) => {
    const value = values.get(group)
    return agrees(judgement, { status: value === null ? 'NULL_VALUE' : 'PRESENT', value })
  })
}

/** Equal to the last bit: lists in order, maps in any. */
function isSame(expected: Answer, given: unknown): boolean {
  if (typeof expected !== 'object' || expected === null || typeof given !== 'object' || given === null) return Object.is(expected, given)
  if (Array.isArray(expected) !== Array.isArray(given)) return false
  const others = new Map<string, unknown>(Object.entries(given))
  const entries = Object.entries(expected)
  return entries.length === others.size && entries.every(([key, value]) => others.has(key) && isSame(value as Answer, others.get(key)))
}

function show(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return `${inner}n`
    return Object.is(inner, -0) || inner === Infinity ? (inner === 0 ? '-0' : 'Infinity') : inner
  })
}
