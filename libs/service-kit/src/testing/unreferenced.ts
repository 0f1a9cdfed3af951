// Holds what a service may be told against docs/services.md, which has each row of `--print-config-reference`; TLS, of all servers alike, is there once.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { referenceRow, settingsReference, type SettingReference } from '../setting-reference.ts'

const REFERENCE = join(import.meta.dirname, '../../../../docs/services.md')

/** The rows that are missing there; one that has no description is never there. */
export function unreferenced(groups: Readonly<Record<string, { readonly references: readonly SettingReference[] }>>): string[] {
  const lines = new Set(readFileSync(REFERENCE, 'utf8').split('\n'))
  const rows = settingsReference(groups).map((reference) => ({ ...reference, variable: reference.variable.replace(TLS_OF_A_SERVER, '…_TLS') }))
  return rows.filter((row) => row.description === '' || !lines.has(referenceRow(row))).map(referenceRow)
}

export const TLS_OF_A_SERVER = /^TIDEMARK_(?:KAFKA|S3|CASSANDRA|REDIS_[A-Z]+|SCHEMA_REGISTRY)_TLS/
