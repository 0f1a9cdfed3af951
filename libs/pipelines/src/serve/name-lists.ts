// Lists of features as clients name them, VIEW:FEATURE or VIEW@VERSION:FEATURE. The same list comes out for the same names, so that it is resolved once
// (feature-request.ts); what is asked for again and again is few lists.

import { LRUCache } from 'lru-cache'
import type { FeatureName } from '../resolve-features.ts'

const SIZE_MAX_BYTES = 8 * 2 ** 20
/** What a name costs besides its text. */
const NAME_SIZE_BYTES = 150

const lists = new LRUCache<string, readonly FeatureName[]>({ maxSize: SIZE_MAX_BYTES, sizeCalculation: (names, text) => 2 * text.length + names.length * NAME_SIZE_BYTES })

export function featureNames(names: readonly string[]): readonly FeatureName[] {
  const text = JSON.stringify(names)
  let list = lists.get(text)
  if (list === undefined) lists.set(text, (list = names.map(featureName)))
  return list
}

const VERSIONED = /^(.*)@([1-9]\d{0,8})$/

function featureName(name: string): FeatureName {
  const at = name.indexOf(':')
  const [view, feature] = [name.slice(0, at), name.slice(at + 1)]
  const versioned = VERSIONED.exec(view)
  return versioned === null ? { view, feature } : { view: versioned[1]!, version: Number(versioned[2]), feature }
}
