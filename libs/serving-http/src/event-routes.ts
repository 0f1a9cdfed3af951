// A way to send events over HTTP, for a system that has no producers of its own: one process for development, a demo, an edge. And what the
// OpenAPI document says of it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { inSpan, NO_TRACES, TRACEPARENT, type Tracer } from '@tidemark/observability/tracing'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import type { Express } from 'express'
import { appendEvents, type AppendLog } from './append-events.ts'
import { EVENT_BODY_TYPES, EVENTS_BODY_SIZE_MAX_BYTES, EVENTS_PER_REQUEST_MAX, recordsOf } from './event-body.ts'
import { jsonContent, openApiDocument, problemResponse } from './openapi.ts'
import { readBody } from './request-body.ts'
import { send } from './send.ts'
import { refuseMethod, type FailRequest } from './serving-app.ts'

export interface EventRoutesOptions {
  readonly log: AppendLog
  /** Whether it is read as JSON, whatever formats sources declare. Default: no, and events of sources of other formats are refused. */
  readonly isAllJson?: boolean
  /** Asked for each request, so that definitions can change while it runs. */
  readonly catalog: () => FeatureCatalog
  readonly onAppended?: (source: string, count: number) => void
  /** Where events are sampled, their records carry the context to who reads them. Default: none is recorded. */
  readonly tracer?: Tracer
}

/** Adds `POST /v1/events/{source}`; what `createServingApp` takes as `extend`. */
export function addEventRoutes(app: Express, fail: FailRequest, { log, isAllJson = false, catalog, onAppended, tracer = NO_TRACES }: EventRoutesOptions): void {
  app.post('/v1/events/:source', async (request: IncomingMessage & { params: { source: string } }, response: ServerResponse) => {
    try {
      const { bytes, type } = await readBody(request, EVENTS_BODY_SIZE_MAX_BYTES, EVENT_BODY_TYPES)
      const { traceparent } = request.headers
      const span = tracer === NO_TRACES ? null : tracer.begin('POST /v1/events', { parent: typeof traceparent === 'string' ? traceparent : null, kind: 'server' })
      const headers = span === null ? undefined : { [TRACEPARENT]: Buffer.from(span.traceparent) }
      const appended = await inSpan(tracer, span, () => appendEvents({ log, isAllJson, headers }, catalog(), request.params.source, recordsOf(bytes, type)))
      onAppended?.(appended.source, appended.appendedCount)
      send(response, 200, JSON.stringify(appended))
    } catch (error) {
      fail(response, error)
    }
  })
  app.all('/v1/events/:source', (request, response) => refuseMethod(fail, 'POST', request, response))
}

export const appendedEventsSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['source', 'appendedCount', 'appended', 'rejectedCount', 'rejected'],
  properties: {
    source: { type: 'string' },
    appendedCount: { type: 'integer', description: 'How many records are in the log, durably; all that were sent.' },
    appended: {
      type: 'array',
      description: 'Where they are, by partition; in each, in the order of the request.',
      items: {
        type: 'object', additionalProperties: false, required: ['partition', 'firstOffset', 'count'],
        properties: { partition: { type: 'integer' }, firstOffset: { type: 'integer' }, count: { type: 'integer' } },
      },
    },
    rejectedCount: { type: 'integer', description: 'How many of them will count nowhere, because they do not fit the source.' },
    rejected: {
      type: 'array',
      description: 'Each of those; they become dead letters.',
      items: {
        type: 'object', additionalProperties: false, required: ['index', 'partition', 'offset', 'code', 'reason'],
        properties: {
          index: { type: 'integer', description: 'In the request, from 0.' },
          partition: { type: 'integer' }, offset: { type: 'integer' },
          code: { enum: ['EVENT_MALFORMED', 'EVENT_TOO_LARGE'] },
          reason: { type: 'string' },
        },
      },
    },
  },
} as const

/** The document of a serving API that takes events too. */
export const openApiDocumentWithEvents = {
  ...openApiDocument,
  paths: {
    ...openApiDocument.paths,
    '/v1/events/{source}': {
      post: {
        operationId: 'appendEvents',
        summary: 'Appends events to the log of a source',
        description: 'What is answered is in the log, durably, and soon in the features. A record that does not fit the source is kept too, as a dead letter.',
        parameters: [{ name: 'source', in: 'path', required: true, schema: { type: 'string' } }],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { oneOf: [{ type: 'object' }, { type: 'array', maxItems: EVENTS_PER_REQUEST_MAX }], description: `A record, or several; at most ${EVENTS_BODY_SIZE_MAX_BYTES} bytes.` } },
            'application/x-ndjson': { schema: { type: 'string', description: `A record a line, at most ${EVENTS_PER_REQUEST_MAX}.` } },
          },
        },
        responses: {
          200: { description: 'All records are in the log.', content: jsonContent('AppendedEvents') },
          400: problemResponse('The body is neither a JSON object nor an array, or not UTF-8; the path cannot be decoded; or the source\'s log is not of JSON.'),
          404: problemResponse('No view reads events of that source.'),
          405: problemResponse('Another method than POST.'),
          413: problemResponse('More records or bytes than the limit.'),
          415: problemResponse('Another content type, another charset than UTF-8, or a content encoding.'),
          500: problemResponse('A bug.'),
          503: problemResponse('The log does not answer.'),
          507: problemResponse('The log has no room left.'),
        },
      },
    },
  },
  components: { schemas: { ...openApiDocument.components.schemas, AppendedEvents: appendedEventsSchema } },
} as const
