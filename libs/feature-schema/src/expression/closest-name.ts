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
