// The known name that a wrong one was probably meant to be.

/** The nearest of `names` by edits (insert, delete, replace; case is free), where it takes at most a third of the letters; else null. */
export function suggestName(wrong: string, names: Iterable<string>): string | null {
  let nearest: string | null = null
  let fewest = Math.max(1, Math.floor(wrong.length / 3)) + 1
  for (const name of names) {
    const edits = editDistance(wrong.toLowerCase(), name.toLowerCase())
    if (edits < fewest) [nearest, fewest] = [name, edits]
  }
  return nearest
}

/** `Did you mean delay?`, or the names that there are. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const nearest = suggestName(wrong, names)
  if (nearest !== null) return `Did you mean ${nearest}?`
  return names.length === 0 ? 'There is none to choose from.' : `There is ${names.join(', ')}.`
}

/** Levenshtein's distance, row by row (Wagner and Fischer 1974). */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1))
    }
    above = row
  }
  return above[b.length]!
}
