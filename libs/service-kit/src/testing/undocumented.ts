// Holds what a service may be told against its reference, docs/services.md.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SettingsGroup } from '../settings.ts'

const REFERENCE = join(import.meta.dirname, '../../../../docs/services.md')

/** The variables of these groups that the reference does not name; it tells of TLS, and of files that hold secrets, once for all servers. */
export function undocumented(groups: Readonly<Record<string, SettingsGroup<unknown>>>): string[] {
  const named = new Set(readFileSync(REFERENCE, 'utf8').match(/TIDEMARK_[A-Z0-9_]+/g))
  const variables = new Set(Object.values(groups).flatMap((group) => group.variables))
  const isSecretsFile = (variable: string): boolean => variable.endsWith('_FILE') && variables.has(variable.slice(0, -'_FILE'.length))
  return [...variables].filter((variable) => !named.has(variable) && !isSecretsFile(variable) && !/_TLS(_(CA|CERT|KEY)_FILE)?$/.test(variable))
}
