// What to do about a name that does not exist.

import { closestName } from './expression/closest-name.ts'

/** `Did you mean delay?`, or the names that there are. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const nearest = closestName(wrong, names)
  if (nearest !== null) return `Did you mean ${nearest}?`
  return names.length === 0 ? 'There is none to choose from.' : `There is ${names.join(', ')}.`
}
