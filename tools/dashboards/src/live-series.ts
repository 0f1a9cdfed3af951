// Series as pages of metrics have them, and whether a selector finds one.

import type { Matcher } from './prom-query.ts'

export interface LiveSeries {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^(\w+)(?:\{(.*)\})? (\S+)$/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** `added`: what Prometheus adds to each. */
export function seriesOf(page: string, added: Readonly<Record<string, string>>): LiveSeries[] {
  return page.split('\n').flatMap((line) => {
    const found = LINE.exec(line)
    if (found === null) return []
    const [, name, text = '', value] = found
    const labels = Object.fromEntries([...text.matchAll(LABEL)].map(([, label, told]) => [label!, told!]))
    return [{ name: name!, labels: { ...labels, ...added }, value: Number(value) }]
  })
}

/** By Prometheus' rules: a label that is not there is an empty one, and a pattern is of all of it. */
export function isFoundBy(matchers: readonly Matcher[], { labels }: LiveSeries): boolean {
  return matchers.every(({ label, operator, value }) => {
    const told = labels[label] ?? ''
    const isLike = operator.endsWith('~') ? new RegExp(`^(?:${value})$`).test(told) : told === value
    return operator.startsWith('!') ? !isLike : isLike
  })
}
