// What to do about a name that does not exist.

import { closestName } from './expression/closest-name.ts'
import { NAME_LENGTH_MAX } from './limits.ts'

/** A file may have any number of columns, with names of any length. */
const NAMES_SHOWN_MAX = 30

/** `Did you mean delay?`, or the names that there are. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const nearest = closestName(wrong, names)
  if (nearest !== null) return `Did you mean ${nearest}?`
  if (names.length === 0) return 'There is none to choose from.'
  const shown = names.slice(0, NAMES_SHOWN_MAX).map((name) => (name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name))
  return `There is ${shown.join(', ')}${names.length > NAMES_SHOWN_MAX ? ` and ${names.length - NAMES_SHOWN_MAX} more` : ''}.`
}
