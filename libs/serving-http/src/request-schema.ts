// The body of a request for features as a JSON schema: what the OpenAPI document shows is what is checked.

import { Ajv, type ErrorObject } from 'ajv'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import { DEADLINE_MAX_MS } from '@tidemark/pipelines/serve/answer-features'
import { ENTITIES_PER_REQUEST_MAX, FEATURES_PER_REQUEST_MAX, PROBLEMS_MAX, type FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import { parseBody, type Beginning } from '@tidemark/pipelines/serve/known-beginnings'
import { featureNames } from '@tidemark/pipelines/serve/name-lists'
import type { FeatureName } from '@tidemark/pipelines/resolve-features'

export const DEADLINE_DEFAULT_MS = 1_000

export const featureRequestSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['entities'],
  properties: {
    service: { type: 'string', description: 'Name of a feature service, of the newest version whose views are whole, or NAME@VERSION. Either this or `features`.' },
    features: {
      type: 'array', minItems: 1, maxItems: FEATURES_PER_REQUEST_MAX, description: 'Features by name: VIEW:FEATURE, of the newest version that is whole, or VIEW@VERSION:FEATURE. Either this or `service`.',
      items: { type: 'string', pattern: '^[^:]+:[^:]+$' },
    },
    entities: {
      type: 'array', maxItems: ENTITIES_PER_REQUEST_MAX,
      description: 'Join keys and their values, for each entity; those of every view that is asked. Integers beyond 2^53 are strings.',
      items: { type: 'object', additionalProperties: { description: 'A string, a number or a boolean, as the key\'s type is; anything else is ENTITY_INVALID.' } },
    },
    policy: { enum: ['fail', 'degrade', 'defaults'], default: 'degrade', description: 'What to do where something is missing: an error; its status and why; the same with declared defaults as values.' },
    deadlineMs: { type: 'integer', minimum: 1, maximum: DEADLINE_MAX_MS, default: DEADLINE_DEFAULT_MS, description: 'Milliseconds since the request came; what is not done by then is UNAVAILABLE.' },
    explain: { type: 'boolean', default: false, description: 'Adds for each value the panes and the side of the seam that it came from, and the fences of its state.' },
  },
} as const

/** A body that the schema accepts. */
interface FeatureRequestBody {
  readonly service?: string
  readonly features?: readonly string[]
  readonly entities: FeatureRequest['entities']
  readonly policy?: FeatureRequest['policy']
  readonly deadlineMs?: number
  readonly explain?: boolean
}

const validate = new Ajv({ allErrors: true }).compile<FeatureRequestBody>(featureRequestSchema)

/** Reads a body. Throws USAGE or REQUEST_TOO_LARGE with the problems of its form, 50 at most. */
export function readFeatureRequest(text: string): FeatureRequest {
  const { body, beginning } = parseJson(text)
  if (!validate(body)) {
    const [first, ...others] = validate.errors!.slice(0, PROBLEMS_MAX).map(problemOf)
    throw new TidemarkError([first!, ...others])
  }
  const { service, features, entities, policy = 'degrade', deadlineMs = DEADLINE_DEFAULT_MS, explain = false } = body
  if ((service === undefined) === (features === undefined)) throw new TidemarkError([usage('It must have either `service` or `features`.', 'body', 'Name a service, or list features as VIEW:FEATURE.')])
  return { asked: service === undefined ? { features: namesOf(features!, beginning) } : { service }, entities, policy, deadlineMs, explain }
}

/** Of beginnings, by their names: what is asked for again and again is not even compared with what was asked before. */
const namesOfBeginnings = new WeakMap<Beginning, readonly FeatureName[]>()

function namesOf(features: readonly string[], beginning: Beginning | null): readonly FeatureName[] {
  if (beginning?.['features'] !== features) return featureNames(features)
  let names = namesOfBeginnings.get(beginning)
  if (names === undefined) namesOfBeginnings.set(beginning, (names = featureNames(features)))
  return names
}

function parseJson(text: string): ReturnType<typeof parseBody> {
  try {
    return parseBody(text)
  } catch (error) {
    throw new TidemarkError([usage(`It is not JSON: ${(error as Error).message}.`, 'body', 'Send a JSON object with content-type application/json.')], { cause: error })
  }
}

function problemOf({ instancePath, keyword, message = 'is not accepted', params }: ErrorObject): Problem {
  const where = instancePath === '' ? 'body' : `body${instancePath.replaceAll('/', '.').replaceAll(/\.(\d+)/g, '[$1]')}`
  if (keyword === 'maxItems') {
    return { code: 'REQUEST_TOO_LARGE', message: `It ${message}.`, where, action: `Ask in several requests, each with at most ${String(params['limit'])}.` }
  }
  const extra = keyword === 'additionalProperties' ? `: ${String(params['additionalProperty'])}` : keyword === 'enum' ? `: ${(params['allowedValues'] as string[]).join(', ')}` : ''
  return usage(`It ${message}${extra}.`, where, 'The form of a request is in /openapi.json.')
}

function usage(message: string, where: string, action: string): Problem {
  return { code: 'USAGE', message, where, action }
}
