// Law 1: `substring` is what docs/expressions.md says, place by place, at the edges of 64 bits too. Closure and SQL are written on the
// same rules, so a slip in a rule shows in no comparison of the two.
import { expect, it } from '@jest/globals'
import { openDuckDb } from '@tidemark/adapter-duckdb/duckdb-session'
import type { Row } from '@tidemark/feature-schema/value'
import { canonicalInt64, INT64_MAX, INT64_MIN } from '@tidemark/feature-schema/value'
import { answersOfDuckDb, compileClosure, loadRows } from './expression-differential.ts'
import { COLUMNS } from './expression-values.ts'

const TEXT = 'a👍c'
const LIMIT = 2n ** 31n
const EDGES = [INT64_MIN, INT64_MIN + 1n, -(2n ** 53n) - 1n, -LIMIT - 2n, -LIMIT, 2n - LIMIT, -5n, -1n, 0n, 1n, 2n, 3n, 4n, 7n, LIMIT - 1n, LIMIT, LIMIT + 3n, INT64_MAX - 1n, INT64_MAX]

/** The code points whose place is asked for, one by one. */
function expected(start: bigint, count: bigint | null): string {
  const isAsked = (place: bigint): boolean => place >= start && (count === null || place <= start + count - 1n)
  return [...TEXT].filter((_, i) => isAsked(BigInt(i + 1))).join('')
}

it.each([
  ['substring(s1, l1)', [null]],
  ['substring(s1, l1, l2)', EDGES],
  ['substring(s1, l1, 2)', [2n]],
  ['substring(s1, l1 - 0, l2 + 0)', EDGES],
] as const)('law 1: %s gives the code points at the places that are asked for', async (text, counts) => {
  const questions = EDGES.flatMap((start) => counts.map((count) => ({ start, count })))
  const rows = questions.map(({ start, count }): Row => COLUMNS.map(({ name }) => {
    if (name === 's1') return TEXT
    if (name === 'l1') return canonicalInt64(start)
    return name === 'l2' && count !== null ? canonicalInt64(count) : null
  }))
  await using database = await openDuckDb({ threads: 1 })
  await using session = await database.openSession()
  await loadRows(session, rows)
  const [answer] = await answersOfDuckDb(session, [text])
  const wanted = questions.map(({ start, count }) => [String(start), String(count), expected(start, count)])
  const given = (valueOf: (i: number) => unknown): unknown[] => questions.map(({ start, count }, i) => [String(start), String(count), valueOf(i)])
  const evaluate = compileClosure(answer!.expression)
  expect(given((i) => evaluate(rows[i]!))).toEqual(wanted)
  expect(given((i) => answer!.values[i])).toEqual(wanted)
})
