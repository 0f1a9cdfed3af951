// The OpenAPI document of the serving API. Its schemas are the ones that requests are checked with and that answers are tested against.

import { SCOPES } from '@tidemark/pipelines/access/principal'
import packageJson from '../package.json' with { type: 'json' }
import { scopesOf } from './access-guard.ts'
import { featureAnswerSchema } from './answer-json.ts'
import { PROBLEM_TYPE, problemDocumentSchema } from './problem-document.ts'
import { featureRequestSchema } from './request-schema.ts'

export const jsonContent = (schema: string): object => ({ 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } })
export const problemResponse = (description: string): object => ({ description, content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } } })

export interface OpenApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, object>> }>>>>
  readonly components: object
}

/** Of a server that asks who asks: what each route needs, and how it turns others away. */
export function withAccess<D extends OpenApiDocument>(document: D): OpenApiDocument {
  const guarded = (path: string, operation: OpenApiDocument['paths'][string][string]): typeof operation => {
    const scopes = scopesOf(path)
    if (scopes.length === 0) return operation
    const refused = {
      401: problemResponse('Nobody is named by `authorization`, or not in a way that is accepted.'),
      403: problemResponse(path === '/v1/features' ? 'The scope `features:read` is missing, or `operate`, which `explain` needs.' : `The scope ${scopes.map((scope) => `\`${scope}\``).join(' or ')} is missing.`),
      503: operation.responses[503] ?? problemResponse('Who asks cannot be told at the moment.'),
    }
    return { ...operation, responses: { ...operation.responses, ...refused }, ...{ security: scopes.map((scope) => ({ bearer: [scope] })) } }
  }
  const paths = Object.entries(document.paths).map(([path, methods]) => [path, Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, guarded(path, operation)]))])
  const description = `An API key, or a token of the issuer that the server trusts. Scopes: ${Object.entries(SCOPES).map(([scope, allows]) => `\`${scope}\` to ${allows}`).join('; ')}.`
  return { ...document, paths: Object.fromEntries(paths) as OpenApiDocument['paths'], components: { ...document.components, securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description } } } }
}

export const openApiDocument = {
  openapi: '3.1.0',
  info: { title: 'Tidemark serving API', version: packageJson.version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
  paths: {
    '/v1/features': {
      post: {
        operationId: 'getFeatures',
        summary: 'The features of entities, as of now, each with its status',
        requestBody: { required: true, content: jsonContent('FeatureRequest') },
        responses: {
          200: { description: 'The values, and what makes them believable.', content: jsonContent('FeatureAnswer') },
          400: problemResponse('The request is malformed or not UTF-8, or an entity is not as its view has them.'),
          404: problemResponse('A service, view or feature does not exist.'),
          405: problemResponse('Another method than POST.'),
          413: problemResponse('More entities, features or bytes than the limit.'),
          415: problemResponse('Another content type than application/json, another charset than UTF-8, or a content encoding.'),
          500: problemResponse('Stored state is damaged, and the policy is `fail`; or a bug.'),
          503: problemResponse('A store does not answer, or the stream is silent, behind or standing still, and the policy is `fail`.'),
          504: problemResponse('The deadline came first, and the policy is `fail`.'),
        },
      },
    },
    '/v1/catalog': { get: { operationId: 'getCatalog', summary: 'The views, their features and the services that can be asked', responses: { 200: { description: 'Names, types and windows.', content: jsonContent('Catalog') }, 405: problemResponse('Another method than GET or HEAD.') } } },
    '/v1/errors/{code}': {
      get: {
        operationId: 'explainError',
        summary: 'What an error code means',
        parameters: [{ name: 'code', in: 'path', required: true, schema: { type: 'string' } }],
        responses: { 200: { description: 'Its meaning.', content: jsonContent('ErrorMeaning') }, 400: problemResponse('The path cannot be decoded.'), 404: problemResponse('There is no such code.'), 405: problemResponse('Another method than GET or HEAD.') },
      },
    },
    '/livez': { get: { operationId: 'isAlive', summary: 'Whether the process answers', responses: { 200: { description: 'It does.', content: jsonContent('Alive') }, 405: problemResponse('Another method than GET or HEAD.') } } },
  },
  components: {
    schemas: {
      FeatureRequest: featureRequestSchema,
      FeatureAnswer: featureAnswerSchema,
      Problem: problemDocumentSchema,
      Alive: { type: 'object', additionalProperties: false, required: ['status'], properties: { status: { const: 'alive' } } },
      ErrorMeaning: {
        type: 'object', additionalProperties: false, required: ['code', 'status', 'meaning'],
        properties: { code: { type: 'string' }, status: { type: 'integer' }, meaning: { type: 'string' } },
      },
      Catalog: {
        type: 'object', additionalProperties: false, required: ['views', 'services'],
        properties: {
          views: {
            type: 'array',
            items: {
              type: 'object', additionalProperties: false, required: ['view', 'version', 'isWhole', 'source', 'entity', 'features'],
              properties: {
                view: { type: 'string' }, version: { type: 'integer' },
                isWhole: { type: 'boolean', description: 'false: it is being back-filled, and answered with UNAVAILABLE.' }, howFar: { type: 'string', description: 'What it lacks of being whole.' },
                source: { type: 'string' }, description: { type: 'string' },
                entity: { type: 'array', items: { type: 'object', additionalProperties: false, required: ['key', 'type'], properties: { key: { type: 'string' }, type: { type: 'string' } } } },
                features: { type: 'array', items: { type: 'string' } },
              },
            },
          },
          services: {
            type: 'array',
            items: {
              type: 'object', additionalProperties: false, required: ['service', 'version', 'features'],
              properties: { service: { type: 'string' }, version: { type: 'integer' }, description: { type: 'string' }, features: { type: 'array', items: { type: 'string' } } },
            },
          },
        },
      },
    },
  },
} as const
