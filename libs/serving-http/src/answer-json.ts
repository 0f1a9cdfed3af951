// An answer as JSON text, and the schema that the OpenAPI document gives of it. By entity the values and their statuses are arrays in the
// order of `features`, so that a model takes them as they are. Integers beyond 2^53 are strings.

import type { FinalValue } from '@tidemark/aggregation/partial'
import type { FeatureAnswer, ServedValue } from '@tidemark/pipelines/serve/feature-answer'

const nullableInteger = { type: ['integer', 'null'] } as const

export const featureAnswerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['t', 'features', 'tails', 'entities', 'views', 'degraded'],
  properties: {
    t: { type: 'integer', description: 'The time that the features are of, epoch milliseconds.' },
    features: { type: 'array', items: { type: 'string' }, description: 'VIEW:FEATURE, in the order that was asked for.' },
    tails: { type: 'array', items: nullableInteger, description: 'Where each feature\'s window begins, epoch milliseconds; null: lifetime.' },
    entities: {
      type: 'array',
      description: 'In the order of the request; the arrays in each are in the order of `features`.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['values', 'statuses'],
        properties: {
          values: { type: 'array', items: {}, description: 'null for every status but PRESENT, unless it is a default.' },
          statuses: { type: 'array', items: { enum: ['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE', 'UNAVAILABLE'] } },
          reasons: { type: 'array', items: { type: ['string', 'null'] }, description: 'Why values are UNAVAILABLE; left out where none is.' },
          isDefault: { type: 'array', items: { type: 'boolean' }, description: 'Which values are declared defaults; left out where none is.' },
          explanation: { type: 'array', items: { type: 'object' }, description: 'By view; where the request asked to explain.' },
        },
      },
    },
    views: {
      type: 'array',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['view', 'version', 'generation', 'cut', 'lagMs'],
        properties: {
          view: { type: 'string' },
          version: { type: 'integer' },
          generation: { type: 'integer', description: '0: none is published, everything is of the stream.' },
          cut: { ...nullableInteger, description: 'The last epoch that the generation contains.' },
          lagMs: { ...nullableInteger, description: 'Everything that the log took longer ago than this is in the answer; null: not known.' },
        },
      },
    },
    degraded: {
      type: 'array',
      description: 'What makes the answer less than it should be; empty where nothing does.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['code', 'view', 'message'],
        properties: {
          code: { enum: ['SPEED_UNAVAILABLE', 'BATCH_UNAVAILABLE', 'DEADLINE', 'STATE_DAMAGED', 'SPEED_SILENT', 'SPEED_LAGGING', 'PARTITION_STOPPED', 'SEAM_BROKEN'] },
          view: { type: 'string' },
          message: { type: 'string' },
        },
      },
    },
  },
} as const

export function answerJson({ t, features, entities, views, degraded }: FeatureAnswer): string {
  return JSON.stringify({
    t,
    features: features.map(({ view, feature }) => `${view}:${feature}`),
    tails: features.map(({ tailMs }) => tailMs),
    entities: entities.map(({ values, explanation }) => ({
      values: values.map(({ value }) => jsonValue(value)),
      statuses: values.map(({ status }) => status),
      ...optional('reasons', values, ({ reason }) => reason ?? null),
      ...optional('isDefault', values, ({ isDefault }) => isDefault ?? false),
      ...(explanation && { explanation }),
    })),
    views,
    degraded,
  })
}

/** A property of all values, where any has one. */
function optional(name: string, values: readonly ServedValue[], read: (value: ServedValue) => string | boolean | null): object {
  return values.some((value) => read(value)) ? { [name]: values.map(read) } : {}
}

function jsonValue(value: FinalValue): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonValue)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonValue(inner as FinalValue)]))
}
