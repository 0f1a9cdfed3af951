// The rules of alerts as the repository has them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const OBSERVABILITY = join(import.meta.dirname, '../../../infra/observability')
export const ALERTS_FILE = join(OBSERVABILITY, 'prometheus/alerts.yml')
export const ALERTS_TESTS_FILE = join(OBSERVABILITY, 'prometheus/alerts.test.yml')

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export function readAlertRules(): AlertRule[] {
  const { groups } = parse(readFileSync(ALERTS_FILE, 'utf8')) as { readonly groups: readonly { readonly rules: readonly AlertRule[] }[] }
  return groups.flatMap(({ rules }) => rules)
}
