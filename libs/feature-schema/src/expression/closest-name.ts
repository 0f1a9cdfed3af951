// "Did you mean": the known name that is fewest edits away.

/** Most edits, as a share of the name's length, that still look like a slip. */
const EDITS_SHARE_MAX = 0.4

/** The closest of `known` to `name`, or null when none is close. Case does not count as an edit. */
export function closestName(name: string, known: Iterable<string>): string | null {
  let best: string | null = null
  let fewest = Math.max(1, Math.floor(name.length * EDITS_SHARE_MAX)) + 1
  for (const candidate of known) {
    const edits = editCount(name.toLowerCase(), candidate.toLowerCase())
    if (edits < fewest) [best, fewest] = [candidate, edits]
  }
  return best
}

/** Shortest name in which one other letter is a slip, and not another name. */
const SLIP_LENGTH_MIN = 5

/** Whether `found` is surely meant to be `name`: the same but for case, `_` and `-`; in a name that is not short, one edit or two neighbours swapped. */
export function isSlipOf(name: string, found: string): boolean {
  const [a, b] = [name, found].map((each) => each.toLowerCase().replaceAll(/[_-]/g, '')) as [string, string]
  return a === b || (Math.min(a.length, b.length) >= SLIP_LENGTH_MIN && (editCount(a, b) === 1 || areNeighboursSwapped(a, b)))
}

function areNeighboursSwapped(a: string, b: string): boolean {
  const at = [...a].findIndex((letter, i) => letter !== b[i])
  return a.slice(0, at) + a.charAt(at + 1) + a.charAt(at) + a.slice(at + 2) === b
}

/** Levenshtein's distance, one row of its table at a time. */
function editCount(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
