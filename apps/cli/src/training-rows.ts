// What commands that add features to rows have in common: the rows file, its key columns, and how their answers are counted.
import type { StatusCounts } from '@tidemark/pipelines/training/answer-columns'
import { usageError } from './failure.ts'
import { type Output, tableText } from './output.ts'

/** Join key -> column of the rows, from `JOINKEY=COLUMN`. Throws USAGE. */
export function parseRowKeys(texts: readonly string[], known: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map((text) => {
    const [key = '', column = ''] = text.split(/=(.*)/s, 2)
    if (column === '') throw usageError(`${JSON.stringify(text)} does not name a column.`, '--key', 'Write JOINKEY=COLUMN.')
    if (!known.includes(key)) throw usageError(`There is no join key ${key}.`, '--key', `Write one of ${[...new Set(known)].map((name) => `${name}=COLUMN`).join(', ')}.`)
    return [key, column]
  }))
}

const STATUSES = ['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE', 'UNAVAILABLE'] as const

/** How many rows have each status, by feature. */
export function statusTable({ colors }: Output, statusCounts: StatusCounts): string {
  const used = STATUSES.filter((status) => Object.values(statusCounts).some((counts) => counts[status] !== undefined))
  return tableText(colors, ['feature', ...used], Object.entries(statusCounts).map(([name, counts]) => [name, ...used.map((status) => counts[status] ?? 0)]))
}
