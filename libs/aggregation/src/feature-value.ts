// What a reader gets for a feature: a final value, or why there is none (law 7).

import { compareStrings } from '@tidemark/feature-schema/value'
import { Unavailable, type FinalValue, type UnavailableReason } from './partial.ts'

export type FeatureStatus = 'PRESENT' | 'NULL_VALUE' | 'NOT_FOUND' | 'OUTSIDE_MAX_AGE' | 'UNAVAILABLE'

export interface FeatureValue {
  readonly status: FeatureStatus
  /** null for every status but PRESENT. */
  readonly value: FinalValue
  /** UNAVAILABLE: why. */
  readonly reason?: UnavailableReason
}

/** No event within the longest window. */
export const NOT_FOUND: FeatureValue = Object.freeze({ status: 'NOT_FOUND', value: null })
export const OUTSIDE_MAX_AGE: FeatureValue = Object.freeze({ status: 'OUTSIDE_MAX_AGE', value: null })
const NULL_VALUE: FeatureValue = Object.freeze({ status: 'NULL_VALUE', value: null })
const WINDOW_TRUNCATED: FeatureValue = Object.freeze({ status: 'UNAVAILABLE', value: null, reason: 'window_truncated' })

const overflow = new Unavailable('overflow')

/** What a slot was finalised to, as a feature's value; an `exact` window that lost panes has none. */
export function featureValueOf(value: FinalValue | Unavailable, isTruncated: boolean): FeatureValue {
  if (isTruncated) return WINDOW_TRUNCATED
  if (value === null) return NULL_VALUE
  if (value instanceof Unavailable) return { status: 'UNAVAILABLE', value: null, reason: value.reason }
  return { status: 'PRESENT', value }
}

/** The ratio of two sums, or of two maps of sums by group: NULL where a sum is, and where the denominator is zero. */
export function ratioOf(top: FinalValue | Unavailable, bottom: FinalValue | Unavailable): FinalValue | Unavailable {
  if (top instanceof Unavailable) return top
  if (bottom instanceof Unavailable) return bottom
  if (isMap(top) && isMap(bottom)) return ratioOfMaps(top, bottom)
  if (top === null || bottom === null || bottom === 0) return null
  const ratio = (top as number) / (bottom as number)
  return Number.isFinite(ratio) ? ratio + 0 : overflow
}

type MapValue = { readonly [key: string]: FinalValue }

function isMap(value: FinalValue): value is MapValue {
  return typeof value === 'object' && value !== null
}

function ratioOfMaps(top: MapValue, bottom: MapValue): FinalValue | Unavailable {
  const groups = [...new Set([...Object.keys(top), ...Object.keys(bottom)])].sort(compareStrings)
  const ratios: [string, FinalValue][] = []
  for (const group of groups) {
    const ratio = ratioOf(Object.hasOwn(top, group) ? top[group]! : null, Object.hasOwn(bottom, group) ? bottom[group]! : null)
    if (ratio instanceof Unavailable) return ratio
    ratios.push([group, ratio])
  }
  return Object.fromEntries(ratios)
}
