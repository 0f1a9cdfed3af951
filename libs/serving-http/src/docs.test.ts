// docs/serving.md says what the code does: fields, statuses, degradations, limits.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { DEADLINE_MAX_MS } from '@tidemark/pipelines/serve/answer-features'
import { INGEST_LIMITS } from '@tidemark/pipelines/ingest/ingest-limits'
import { HEARTBEAT_AGE_MAX_MS, LAG_MAX_MS } from '@tidemark/pipelines/serve/freshness'
import { SLICE_MAX_MS } from '@tidemark/pipelines/serve/sliced-work'
import { ENTITIES_PER_REQUEST_MAX, FEATURES_PER_REQUEST_MAX } from '@tidemark/pipelines/serve/feature-request'
import { featureAnswerSchema } from './answer-json.ts'
import { EVENTS_BODY_SIZE_MAX_BYTES, EVENTS_PER_REQUEST_MAX } from './event-body.ts'
import { openApiDocumentWithEvents } from './event-routes.ts'
import { DEADLINE_DEFAULT_MS, featureRequestSchema } from './request-schema.ts'
import { BODY_SIZE_MAX_BYTES } from './serving-app.ts'

const doc = readFileSync(join(import.meta.dirname, '../../../docs/serving.md'), 'utf8')
/** What the first cells of a section's tables name. */
const namedIn = (section: string): string[] => {
  const text = doc.slice(doc.indexOf(`\n## ${section}`)).split('\n## ')[1]!
  return text.split('\n').filter((line) => line.startsWith('| `')).flatMap((line) => [...line.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
}

describe('docs/serving.md', () => {
  it('has the routes', () => {
    const routes = Object.entries(openApiDocumentWithEvents.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`))
    expect([...doc.matchAll(/^\| `((?:GET|POST) [^`]+)`/gm)].map(([, route]) => route!).filter((route) => route !== 'GET /openapi.json').sort()).toEqual(routes.sort())
  })

  it('has the fields of request and answer', () => {
    expect(namedIn('Ask').sort()).toEqual(Object.keys(featureRequestSchema.properties).sort())
    const { entities, views, ...others } = featureAnswerSchema.properties
    const nested = [...Object.keys(entities.items.properties).map((name) => `entities[].${name}`), ...Object.keys(views.items.properties).filter((name) => name !== 'view' && name !== 'version').map((name) => `views[].${name}`)]
    expect(namedIn('The answer')).toEqual(expect.arrayContaining([...Object.keys(others), ...nested, ...entities.items.properties.statuses.items.enum]))
  })

  it('has the degradations', () => {
    expect(namedIn('Degraded').sort()).toEqual([...featureAnswerSchema.properties.degraded.items.properties.code.enum].sort())
  })

  it('has the limits', () => {
    for (const text of [
      `at most ${ENTITIES_PER_REQUEST_MAX.toLocaleString('en-US')}.`, `at most ${FEATURES_PER_REQUEST_MAX.toLocaleString('en-US')} |`,
      `1 to ${DEADLINE_MAX_MS.toLocaleString('en-US')}, default ${DEADLINE_DEFAULT_MS.toLocaleString('en-US')}`, `${BODY_SIZE_MAX_BYTES / 2 ** 20} MiB`,
      `slices of ${SLICE_MAX_MS} ms`, `has said for ${HEARTBEAT_AGE_MAX_MS / 1_000} s how far`, `more than ${LAG_MAX_MS / 1_000} s behind the log`, `each ${INGEST_LIMITS.checkEveryMs / 1_000} s`,
      `${EVENTS_PER_REQUEST_MAX.toLocaleString('en-US')} records and ${EVENTS_BODY_SIZE_MAX_BYTES / 2 ** 20} MiB`,
    ]) expect(doc).toContain(text)
  })
})
