// Definitions as JSON text: the registry's form, enough to run them. A default beyond 2^53 is written `{ "int64": "…" }`,
// because JSON numbers do not hold it. Unknown properties are refused: they would be rules that nobody follows.

import { z } from 'zod'
import { AGGREGATION_RULES } from './aggregation-rules.ts'
import { type AggregationOp, type Definitions, DEFINITIONS_FORMAT_VERSION, RECORD_FORMATS } from './definition.ts'
import { type Problem, TidemarkError } from './errors.ts'
import { canonicalInt64, INT64_MAX, INT64_MIN, VALUE_TYPES } from './value.ts'

const ownership = {
  owner: z.string().optional(),
  description: z.string().optional(),
  tags: z.array(z.string()).optional(),
}
const valueType = z.enum(VALUE_TYPES)

const source = z.strictObject({
  kind: z.enum(['event', 'batch-table']),
  name: z.string(),
  version: z.number(),
  fields: z.array(
    z.strictObject({
      name: z.string(),
      type: valueType,
      nullable: z.boolean(),
      min: z.number().optional(),
      max: z.number().optional(),
      ...ownership,
    }),
  ),
  format: z.enum(RECORD_FORMATS).optional(),
  relayFrom: z.string().optional(),
  eventTime: z.string(),
  appendTime: z.string().optional(),
  epochLengthMs: z.number(),
  skewMaxMs: z.number(),
  delayMs: z.number(),
  ...ownership,
})

const int64 = z.strictObject({ int64: z.string().regex(/^-?\d{1,19}$/) }).transform(({ int64 }) => BigInt(int64))
const value = z.union([
  z.null(),
  z.boolean(),
  z.number(),
  z.string(),
  int64.refine((value) => value >= INT64_MIN && value <= INT64_MAX, 'beyond 64 bits').transform(canonicalInt64),
])

const aggregation = z.strictObject({
  name: z.string(),
  op: z.enum(Object.keys(AGGREGATION_RULES) as [AggregationOp, ...AggregationOp[]]),
  of: z.string().nullable(),
  per: z.string().optional(),
  where: z.string().optional(),
  groupBy: z.string().optional(),
  groupsMax: z.number().optional(),
  windows: z.array(
    z.strictObject({ name: z.string(), lengthMs: z.number().nullable(), resolutionMs: z.number().nullable() }),
  ),
  k: z.number().optional(),
  quantile: z.number().optional(),
  error: z.number().optional(),
  valuesMax: z.number().optional(),
  default: value.optional(),
  ...ownership,
})

const view = z.strictObject({
  name: z.string(),
  version: z.number(),
  source: z.string(),
  sourceVersion: z.number(),
  entityName: z.string().optional(),
  entity: z.array(z.strictObject({ key: z.string(), column: z.string() })),
  where: z.string().optional(),
  derive: z.array(z.strictObject({ name: z.string(), type: valueType, expression: z.string() })),
  aggregations: z.array(aggregation),
  maxAgeMs: z.number().optional(),
  bucketCount: z.number(),
  ...ownership,
})

const service = z.strictObject({
  name: z.string(),
  version: z.number(),
  features: z.array(z.strictObject({ view: z.string(), feature: z.string() })),
  ...ownership,
})

const definitions = z.strictObject({
  formatVersion: z.literal(DEFINITIONS_FORMAT_VERSION),
  sources: z.array(source),
  views: z.array(view),
  services: z.array(service),
})

/** JSON text of checked definitions, two spaces deep. */
export function serializeDefinitions(definitions: Definitions): string {
  const text = JSON.stringify(
    definitions,
    (_, value: unknown) => {
      if (typeof value === 'bigint') return { int64: String(value) }
      if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`${value} has no JSON form: check definitions first`)
      return value
    },
    2,
  )
  return `${text}\n`
}

/**
 * Reads what `serializeDefinitions` wrote. Only the form is checked; the meaning is `checkDefinitions`' to check.
 * @throws TidemarkError DEFINITION_TOO_NEW for a later format version; DEFINITION_INVALID with every problem of the form.
 */
export function parseDefinitions(text: string): Definitions {
  const json = parseJson(text)
  const formatVersion = typeof json === 'object' && json !== null && 'formatVersion' in json ? json.formatVersion : undefined
  if (typeof formatVersion === 'number' && formatVersion > DEFINITIONS_FORMAT_VERSION) {
    throw new TidemarkError([
      {
        code: 'DEFINITION_TOO_NEW',
        message: `The definitions have format version ${formatVersion}; this release reads up to ${DEFINITIONS_FORMAT_VERSION}.`,
        where: 'formatVersion',
        action: 'Read them with the release that wrote them, or a later one; or write them again with this release from their source.',
      },
    ])
  }
  const result = definitions.safeParse(json)
  if (result.success) return result.data as Definitions
  const [first, ...rest] = result.error.issues.flatMap((issue) => problemsOf(issue, json))
  throw new TidemarkError([first!, ...rest])
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TidemarkError(
      [invalid('document', `It is not JSON: ${(error as Error).message}.`, 'Write it with `tidemark plan FILE --out FILE.json`, or mend it by hand.')],
      { cause: error },
    )
  }
}

function problemsOf(issue: z.core.$ZodIssue, json: unknown): Problem[] {
  const where = placeOf(issue.path, json)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) =>
      invalid(where, `There is a property \`${key}\`, which means nothing here.`, 'Remove it, or read it with the release that knows it.'),
    )
  }
  return [invalid(where, `${issue.message}.`, 'Correct the value, or write the JSON again from its definitions.')]
}

function invalid(where: string, message: string, action: string): Problem {
  return { code: 'DEFINITION_INVALID', message, where, action }
}

const KINDS: Readonly<Record<string, string>> = {
  sources: 'source', views: 'view', services: 'service', fields: 'field', aggregations: 'aggregation', derive: 'derived column',
  windows: 'window', entity: 'entity key', features: 'feature', tags: 'tag',
}

/** `view airport_delays, aggregation late_share, of`, or the index where a thing has no name. */
function placeOf(path: readonly PropertyKey[], json: unknown): string {
  const place: string[] = []
  let at = json
  for (const [depth, step] of path.entries()) {
    at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined
    if (typeof step !== 'number') {
      if (typeof path[depth + 1] !== 'number') place.push(String(step))
      continue
    }
    const kind = KINDS[String(path[depth - 1])] ?? String(path[depth - 1])
    const name = typeof at === 'object' && at !== null && 'name' in at && typeof at.name === 'string' ? at.name : `#${step}`
    place.push(`${kind} ${name}`)
  }
  return place.length === 0 ? 'document' : place.join(', ')
}
