// node tools/kubernetes/src/pick-schemas.ts DEFINITIONS CRD: writes schemas/kinds.json, the schemas of the kinds that k8s/ has, made strict. DEFINITIONS is
// `kubernetes-json-schema/v1.34.0-local/_definitions.json` of the Python package kubernetes-validate 1.37.0, which has it from Kubernetes' own OpenAPI document;
// CRD is config/crd/bases/keda.sh_scaledobjects.yaml of the Go module github.com/kedacore/keda/v2 v2.16.1.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

type Schema = { [key: string]: unknown }

const KINDS: Readonly<Record<string, string>> = {
  'v1 Namespace': 'io.k8s.api.core.v1.Namespace',
  'v1 ServiceAccount': 'io.k8s.api.core.v1.ServiceAccount',
  'v1 ConfigMap': 'io.k8s.api.core.v1.ConfigMap',
  'v1 Service': 'io.k8s.api.core.v1.Service',
  'apps/v1 Deployment': 'io.k8s.api.apps.v1.Deployment',
  'batch/v1 Job': 'io.k8s.api.batch.v1.Job',
  'policy/v1 PodDisruptionBudget': 'io.k8s.api.policy.v1.PodDisruptionBudget',
  'networking.k8s.io/v1 NetworkPolicy': 'io.k8s.api.networking.v1.NetworkPolicy',
  'autoscaling/v2 HorizontalPodAutoscaler': 'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
}
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const REFERENCE = '#/$defs/'
/** What people read, and what only the API server looks at. */
const LEFT_OUT = /^(?:description|default|format|x-kubernetes-.*)$/

const [definitionsPath, crdPath] = process.argv.slice(2)
const { $defs: all } = JSON.parse(readFileSync(definitionsPath!, 'utf8')) as { $defs: Record<string, Schema> }
const crd = parse(readFileSync(crdPath!, 'utf8')) as { spec: { group: string; names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: Schema } }[] } }

const picked: Record<string, unknown> = {}
for (const name of [...Object.values(KINDS), OBJECT_META]) pick(name)
const [{ name: version, schema: { openAPIV3Schema } }] = crd.spec.versions as [typeof crd.spec.versions[number]]
const { properties } = openAPIV3Schema as { properties: Schema }
const custom = strict({ ...openAPIV3Schema, properties: { ...properties, metadata: { $ref: `${REFERENCE}${OBJECT_META}` } } })
const kinds = {
  ...Object.fromEntries(Object.entries(KINDS).map(([kind, name]) => [kind, { $ref: `${REFERENCE}${name}` }])),
  [`${crd.spec.group}/${version} ${crd.spec.names.kind}`]: custom,
}
const $comment = 'Of Kubernetes 1.34 and KEDA 2.16: made by tools/kubernetes/src/pick-schemas.ts, which says from what. Apache-2.0, of their authors.'
writeFileSync(join(import.meta.dirname, '..', 'schemas', 'kinds.json'), `${JSON.stringify({ $comment, kinds, $defs: Object.fromEntries(Object.entries(picked).sort(([a], [b]) => (a < b ? -1 : 1))) })}\n`)

function pick(name: string): void {
  if (name in picked) return
  picked[name] = null
  picked[name] = strict(all[name]!)
  for (const [, referred] of JSON.stringify(all[name]).matchAll(/"\$ref":\s*"(?:_definitions\.json)?#\/\$defs\/([^"]+)"/g)) pick(referred!)
}

/** The same with no field that it does not name, and none that is null. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict)
  if (typeof value !== 'object' || value === null) return value
  const schema = value as Schema
  const entries = Object.entries(schema).filter(([key, inner]) => !LEFT_OUT.test(key) || isNamed(inner))
  const kept: Schema = Object.fromEntries(entries.map(([key, inner]) => [key, strict(inner)]))
  if (Array.isArray(schema['type'])) kept['type'] = schema['type'].find((type) => type !== 'null')
  if (typeof schema['$ref'] === 'string') kept['$ref'] = schema['$ref'].replace('_definitions.json', '')
  if (isNamed(schema['properties']) && schema['additionalProperties'] === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true) kept['additionalProperties'] = false
  return schema['x-kubernetes-int-or-string'] === true ? { type: ['string', 'integer'] } : kept
}

/** A property may have a keyword's name. */
function isNamed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
