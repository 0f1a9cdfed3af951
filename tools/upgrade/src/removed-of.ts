// What a document of an HTTP face had and a later one has not, each as its place: a route, a field, a value of a list, or something that means something else.
// Words for people may change.

const WORDS: ReadonlySet<string> = new Set(['description', 'summary', 'title', 'version', 'example'])

export function removedOf(before: unknown, after: unknown, place = ''): string[] {
  if (typeof before !== 'object' || before === null) return before === after ? [] : [`${place}: ${JSON.stringify(before)} is ${JSON.stringify(after)}`]
  if (Array.isArray(before)) {
    return before.filter((one) => !(Array.isArray(after) && after.some((other) => removedOf(one, other).length === 0))).map((one) => `${place}: ${JSON.stringify(one)}`)
  }
  const found = new Map(Object.entries(after ?? {}))
  return Object.entries(before).flatMap(([name, value]) => {
    if (WORDS.has(name) && typeof value !== 'object') return []
    return found.has(name) ? removedOf(value, found.get(name), `${place}/${name}`) : [`${place}/${name}`]
  })
}
