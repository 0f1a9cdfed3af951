// Names: what they may look like, and that no two things in one place have the same. Case does not tell names apart, because
// SQL engines do not let it.

import { RESERVED_WORDS } from './expression/scan.ts'
import { NAME_LENGTH_MAX } from './limits.ts'
import type { ProblemReport } from './problem-report.ts'

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Reports a name that is no identifier, too long or taken by the expression language or by JavaScript's objects. */
export function checkName(report: ProblemReport, where: string, name: string): void {
  if (!IDENTIFIER.test(name)) {
    report.add(where, `The name ${JSON.stringify(name)} is not an identifier.`, 'Use letters, digits and _, and begin with a letter.')
  } else if (name.length > NAME_LENGTH_MAX) {
    report.add(where, `The name has ${name.length} characters.`, `Use at most ${NAME_LENGTH_MAX}.`)
  } else if (RESERVED_WORDS.includes(name.toLowerCase()) || name in Object.prototype || name.startsWith('__')) {
    report.add(where, `The name ${name} is reserved.`, 'Choose another.')
  }
}

/** Reports each name that was there before, `place` being what the later one is: `view flights, field delay`. */
export function checkDistinct(report: ProblemReport, things: Iterable<{ readonly name: string; readonly place: string }>): void {
  const seen = new Map<string, { readonly name: string; readonly place: string }>()
  for (const thing of things) {
    const other = seen.get(thing.name.toLowerCase())
    if (other === undefined) {
      seen.set(thing.name.toLowerCase(), thing)
      continue
    }
    const sameness = other.name === thing.name ? `The name ${thing.name} is taken` : `The names ${other.name} and ${thing.name} differ only in case`
    report.add(thing.place, `${sameness}, by ${other.place}.`, 'Rename one of them.')
  }
}
