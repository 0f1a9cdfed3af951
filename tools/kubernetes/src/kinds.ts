// Whether a manifest is what its kind's schema says, and nothing else: a field that has another name is told, where a cluster would have none of it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import type { Manifest } from './rendered.ts'

const { kinds, $defs } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'schemas', 'kinds.json'), 'utf8')) as { kinds: Record<string, object>; $defs: object }
const ajv = new Ajv({ allErrors: true, strict: false })
const validators = new Map<string, ValidateFunction>()

/** What is wrong with it. */
export function kindFaults(manifest: Manifest): string[] {
  const kind = `${manifest.apiVersion} ${manifest.kind}`
  const where = `${manifest.kind} ${manifest.metadata.name}`
  const schema = kinds[kind]
  if (schema === undefined) return [`${where}: no schema of ${kind} is known; tools/kubernetes/src/pick-schemas.ts takes one in`]
  const validate = validators.get(kind) ?? ajv.compile({ ...schema, $defs })
  validators.set(kind, validate)
  validate(manifest)
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${where}: ${instancePath === '' ? '/' : instancePath} ${message}${'additionalProperty' in params ? ` (${String(params['additionalProperty'])})` : ''}`)
}
