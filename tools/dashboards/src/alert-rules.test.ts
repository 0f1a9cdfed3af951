// Each alert is whole, asks for what is told, and has a case in which it fires and one in which it does not. promtool runs the cases themselves
// (alert-rules.integration.test.ts).
import { readFileSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { ERROR_CODES } from '@tidemark/feature-schema/errors'
import { parse } from 'yaml'
import { ALERTS_TESTS_FILE, readAlertRules, type AlertRule } from './alert-rules.ts'
import { readQuery } from './prom-query.ts'
import { faultsOfQuery } from './query-faults.ts'

interface TestedAlert {
  readonly alertname: string
  readonly exp_alerts?: readonly object[]
}

const rules = readAlertRules()
const valuesOf = ({ expr }: AlertRule, label: string): string[] =>
  readQuery(expr).selectors.flatMap(({ matchers }) => matchers.filter((matcher) => matcher.label === label).flatMap(({ value }) => value.split('|')))

describe('alert rules', () => {
  it('have each a name of its own, a duration, a severity, a summary and its runbook', () => {
    expect(rules.length).toBeGreaterThan(20)
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { alert, for: lasting, labels, annotations } of rules) {
      expect(alert).toMatch(/^Tidemark([A-Z][a-z]+)+$/)
      expect([alert, lasting]).toEqual([alert, expect.stringMatching(/^\d+[smh]$/)])
      expect([alert, labels]).toEqual([alert, { severity: expect.stringMatching(/^(critical|warning)$/) }])
      expect([alert, annotations]).toEqual([alert, { summary: expect.stringMatching(/\.$/), runbook_url: `docs/runbooks.md#${alert.toLowerCase()}` }])
    }
  })

  it('ask for metrics that are told, by labels that they have', () => {
    expect(rules.flatMap(({ alert, expr }) => faultsOfQuery(expr).map((fault) => `${alert}: ${fault}`))).toEqual([])
  })

  it('name in their summaries only labels that are left of what they ask for', () => {
    for (const { alert, expr, annotations } of rules) {
      const named = [...annotations['summary']!.matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label!)
      const { selectors, groupedBy } = readQuery(expr)
      const left = groupedBy.length > 0 ? groupedBy : ['service', 'instance', ...selectors.flatMap(({ matchers }) => matchers.map(({ label }) => label)), 'server']
      expect([alert, named.filter((label) => !left.includes(label))]).toEqual([alert, []])
    }
  })

  it('take for a failed question every outcome but answers and what the asker did wrong', () => {
    const wrongOfAsker = Object.entries(ERROR_CODES).filter(([, { httpStatus }]) => httpStatus < 500).map(([code]) => code)
    const rule = rules.find(({ alert }) => alert === 'TidemarkRequestsFailing')!
    expect(valuesOf(rule, 'outcome').sort()).toEqual(['answered', 'degraded', ...wrongOfAsker].sort())
  })

  it('leave out only codes that there are', () => {
    for (const rule of rules.filter(({ alert }) => alert === 'TidemarkAlarm' || alert === 'TidemarkSeamBroken')) {
      expect(valuesOf(rule, 'code').filter((code) => !(code in ERROR_CODES))).toEqual([])
    }
  })

  it('have each a test in which it fires, and one in which it does not', () => {
    const { tests } = parse(readFileSync(ALERTS_TESTS_FILE, 'utf8')) as { readonly tests: readonly { readonly alert_rule_test: readonly TestedAlert[] }[] }
    const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
    const names = (isFiring: boolean): string[] =>
      [...new Set(cases.filter(({ exp_alerts = [] }) => exp_alerts.length > 0 === isFiring).map(({ alertname }) => alertname))].sort()
    const all = rules.map(({ alert }) => alert).sort()
    expect(names(true)).toEqual(all)
    expect(names(false)).toEqual(all)
  })
})
