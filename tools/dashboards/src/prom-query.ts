// What a query asks for: its metrics, and of each the labels that it names. By Prometheus' own grammar, so a query that this reads, Prometheus reads too.

import type { SyntaxNode } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'

export interface PromQuery {
  readonly selectors: readonly Selector[]
  /** Labels by which is grouped or matched. */
  readonly groupedBy: readonly string[]
}

export interface Selector {
  /** With the suffix that a series of a histogram has. */
  readonly metric: string
  readonly matchers: readonly Matcher[]
  /** Of a selector over a range what is made of it: `rate`. */
  readonly rangeFunction: string | null
}

export interface Matcher {
  readonly label: string
  /** `=`, `!=`, `=~` or `!~`. */
  readonly operator: string
  readonly value: string
}

/** What Grafana puts in the place of its own words. */
const GRAFANA_VARIABLES: readonly [RegExp, string][] = [[/\$__rate_interval|\$__range|\$__interval/g, '5m'], [/\$\{?\w+(:\w+)?\}?/g, 'x']]

/** Throws where it is no query, and says at which character. */
export function readQuery(text: string): PromQuery {
  const query = GRAFANA_VARIABLES.reduce((told, [variable, value]) => told.replaceAll(variable, value), text)
  const textOf = (node: SyntaxNode): string => query.slice(node.from, node.to)
  const selectors: Selector[] = []
  const groupedBy: string[] = []
  parser.parse(query).iterate({
    enter: (found) => {
      const { node } = found
      if (node.type.isError) throw new Error(`No query, at character ${node.from + 1}: ${query}`)
      if (node.name === 'GroupingLabels') groupedBy.push(...node.getChildren('LabelName').map(textOf))
      if (node.name !== 'VectorSelector') return
      const metric = node.getChild('Identifier')
      if (metric === null) throw new Error(`A selector without a metric, at character ${node.from + 1}: ${query}`)
      const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []
      const call = node.parent?.name === 'MatrixSelector' ? node.parent.parent?.parent?.getChild('FunctionIdentifier') : null
      selectors.push({
        metric: textOf(metric),
        matchers: matchers.map((matcher) => ({ label: textOf(matcher.getChild('LabelName')!), operator: textOf(matcher.getChild('MatchOp')!), value: textOf(matcher.getChild('StringLiteral')!).slice(1, -1) })),
        rangeFunction: call ? textOf(call) : null,
      })
    },
  })
  return { selectors, groupedBy }
}

/** The query with one more condition on each of its selectors. */
export function withMatcher(query: string, { label, operator, value }: Matcher): string {
  const places: { at: number; text: string }[] = []
  const condition = `${label}${operator}"${value}"`
  parser.parse(query).iterate({
    enter: ({ node }) => {
      if (node.type.isError) throw new Error(`No query, at character ${node.from + 1}: ${query}`)
      if (node.name !== 'VectorSelector') return
      const matchers = node.getChild('LabelMatchers')
      if (matchers === null) places.push({ at: node.to, text: `{${condition}}` })
      else places.push({ at: matchers.to - 1, text: matchers.firstChild === null ? condition : `,${condition}` })
    },
  })
  return places.sort((a, b) => b.at - a.at).reduce((told, { at, text }) => told.slice(0, at) + text + told.slice(at), query)
}
