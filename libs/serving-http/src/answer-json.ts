// An answer as JSON text, and the schema that the OpenAPI document gives of it. By entity the values and their statuses are arrays in the
// order of `features`, so that a model takes them as they are. Integers beyond 2^53 are strings.

import type { FinalValue } from '@tidemark/aggregation/partial'
import { featureText } from '@tidemark/pipelines/resolve-features'
import type { AnsweredEntity, FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'

const nullableInteger = { type: ['integer', 'null'] } as const

export const featureAnswerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['t', 'features', 'tails', 'entities', 'views', 'degraded'],
  properties: {
    t: { type: 'integer', description: 'The time that the features are of, epoch milliseconds.' },
    features: { type: 'array', items: { type: 'string' }, description: 'VIEW:FEATURE or VIEW@VERSION:FEATURE, as they were asked for.' },
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
          generation: { ...nullableInteger, description: '0: none is published, everything is of the stream. null: the pointer could not be read in time.' },
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
          code: { enum: ['BACKFILLING', 'SPEED_UNAVAILABLE', 'BATCH_UNAVAILABLE', 'DEADLINE', 'STATE_DAMAGED', 'SPEED_SILENT', 'SPEED_LAGGING', 'PARTITION_STOPPED', 'SEAM_BROKEN'] },
          view: { type: 'string' },
          message: { type: 'string' },
        },
      },
    },
  },
} as const

/** An entity of at least so many characters is kept as bytes. */
const ENTITY_BYTES_FROM = 8_192

/** An entity: its text, or its bytes. */
export type EntityJson = string | Buffer

/** Text that is put together piece by piece stays in its pieces until it is read: where that is much, it is done with each entity, not with all at the end. */
export function entityJson(entity: AnsweredEntity): EntityJson {
  const text = entityText(entity)
  return text.length < ENTITY_BYTES_FROM ? text : Buffer.from(text)
}

/** Commas belong between the entities. */
export interface AnswerJson {
  readonly head: string
  readonly entities: readonly EntityJson[]
  readonly tail: string
}

/** Written piece by piece: most of an answer is text that is known before the values are. */
export function answerJson({ t, features, tailsMs, entities, views, degraded }: FeatureAnswer<EntityJson>): AnswerJson {
  return {
    head: `{"t":${t},${headText(features, tailsMs)},"entities":[`,
    entities,
    tail: `],"views":[${views.map(viewText).join()}],"degraded":${degraded.length === 0 ? '[]' : JSON.stringify(degraded)}}`,
  }
}

function viewText({ view, version, generation, cut, lagMs }: FeatureAnswer['views'][number]): string {
  return `{"view":${JSON.stringify(view)},"version":${version},"generation":${generation},"cut":${cut},"lagMs":${lagMs}}`
}

/** What was last written of a list of features: its tails are the same for as long as the finest of their resolutions. */
interface Head {
  readonly tailsMs: FeatureAnswer['tailsMs']
  readonly text: string
}

const heads = new WeakMap<FeatureAnswer['features'], Head>()

function headText(features: FeatureAnswer['features'], tailsMs: FeatureAnswer['tailsMs']): string {
  const known = heads.get(features)
  if (known !== undefined && tailsMs.every((tailMs, i) => tailMs === known.tailsMs[i])) return known.text
  const text = `"features":${JSON.stringify(features.map(featureText))},"tails":${JSON.stringify(tailsMs)}`
  heads.set(features, { tailsMs, text })
  return text
}

function entityText({ values, explanation }: AnsweredEntity): string {
  let [valueTexts, statuses, hasReason, hasDefault] = ['', '', false, false]
  for (let i = 0; i < values.length; i++) {
    const { value, status, reason, isDefault } = values[i]!
    const separator = i === 0 ? '' : ','
    valueTexts += separator + valueText(value)
    statuses += `${separator}"${status}"`
    hasReason ||= reason !== undefined
    hasDefault ||= isDefault === true
  }
  const reasons = hasReason ? `,"reasons":${JSON.stringify(values.map(({ reason }) => reason ?? null))}` : ''
  const defaults = hasDefault ? `,"isDefault":${JSON.stringify(values.map(({ isDefault }) => isDefault ?? false))}` : ''
  const explained = explanation === undefined ? '' : `,"explanation":${JSON.stringify(explanation)}`
  return `{"values":[${valueTexts}],"statuses":[${statuses}]${reasons}${defaults}${explained}}`
}

function valueText(value: FinalValue): string {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  return value === null ? 'null' : JSON.stringify(jsonValue(value))
}

function jsonValue(value: FinalValue): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(jsonValue)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonValue(inner as FinalValue)]))
}
