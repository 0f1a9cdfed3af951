// The serving API on Express. The one hot route reads its own body and writes its own answer: Express routes it, and nothing else of it
// is on the way.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { ERROR_CODES, TidemarkError } from '@tidemark/feature-schema/errors'
import type { FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import express, { type Express } from 'express'
import { answerJson } from './answer-json.ts'
import { openApiDocument } from './openapi.ts'
import { PROBLEM_TYPE, problemDocument } from './problem-document.ts'
import { readFeatureRequest } from './request-schema.ts'

export const BODY_SIZE_MAX_BYTES = 1_048_576

export interface ServingAppOptions {
  readonly server: FeatureServer
  readonly catalog: () => FeatureCatalog
  /** Told of every error that is a bug, or a store's. */
  readonly onError: (error: unknown) => void
  /** Adds routes of its own, before the ones that say what does not exist. */
  readonly extend?: (app: Express) => void
}

/** An Express app; what serves it is the caller's. */
export function createServingApp({ server, catalog, onError, extend }: ServingAppOptions): Express {
  const app = express()
  app.disable('x-powered-by').disable('etag')
  const fail = (response: ServerResponse, error: unknown, status?: number): void => {
    const document = problemDocument(error, status)
    if (document.status >= 500) onError(error)
    send(response, document.status, JSON.stringify(document), PROBLEM_TYPE)
  }
  app.post('/v1/features', async (request: IncomingMessage, response: ServerResponse) => {
    try {
      const body = await readJsonText(request)
      send(response, 200, answerJson(await server.answer(readFeatureRequest(body))))
    } catch (error) {
      fail(response, error, error instanceof WrongMediaType ? 415 : undefined)
    }
  })
  app.get('/v1/catalog', (_request, response) => send(response, 200, JSON.stringify(catalogDocument(catalog()))))
  app.get('/v1/errors/:code', ({ params: { code } }, response) => {
    if (!Object.hasOwn(ERROR_CODES, code)) return fail(response, unknown(`There is no error code ${code}.`, `/v1/errors/${code}`))
    const { httpStatus, meaning } = ERROR_CODES[code as keyof typeof ERROR_CODES]
    send(response, 200, JSON.stringify({ code, status: httpStatus, meaning }))
  })
  app.get('/openapi.json', (_request, response) => send(response, 200, JSON.stringify(openApiDocument)))
  app.get('/livez', (_request, response) => send(response, 200, '{"status":"alive"}'))
  extend?.(app)
  app.all('/v1/features', ({ method }, response) => {
    response.setHeader('allow', 'POST')
    fail(response, new TidemarkError([{ code: 'USAGE', message: `The method ${method} means nothing here.`, where: '/v1/features', action: 'Use POST.' }]), 405)
  })
  app.use((request, response) => fail(response, unknown(`There is nothing at ${request.path}.`, request.path)))
  app.use((error: unknown, request: IncomingMessage, response: ServerResponse, _next: () => void) => fail(response, refusedByRouter(error, request) ?? error))
  return app
}

/** What Express could not route for a reason of the client's, such as a path that cannot be decoded; null: it is no such error. */
function refusedByRouter(error: unknown, { url = '' }: IncomingMessage): TidemarkError | null {
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  if (typeof status !== 'number' || status < 400 || status >= 500) return null
  return new TidemarkError([{ code: 'USAGE', message: `${(error as Error).message}.`, where: url, action: 'The routes are in /openapi.json.' }], { cause: error })
}

/** Answers with JSON text. */
export function send(response: ServerResponse, status: number, text: string, contentType = 'application/json'): void {
  const body = Buffer.from(text)
  response.writeHead(status, { 'content-type': contentType, 'content-length': body.length }).end(body)
}

class WrongMediaType extends TidemarkError {}

/** The text of a JSON body. Throws USAGE or REQUEST_TOO_LARGE. */
export function readJsonText(request: IncomingMessage, sizeMaxBytes = BODY_SIZE_MAX_BYTES): Promise<string> {
  const type = request.headers['content-type']
  if (type !== undefined && !/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) {
    request.resume()
    throw new WrongMediaType([{ code: 'USAGE', message: `The content type is ${type}.`, where: 'content-type', action: 'Send application/json.' }])
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let sizeBytes = 0
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length
      if (sizeBytes <= sizeMaxBytes) chunks.push(chunk)
    })
    request.on('end', () => {
      if (sizeBytes <= sizeMaxBytes) return resolve(Buffer.concat(chunks).toString('utf8'))
      reject(new TidemarkError([{ code: 'REQUEST_TOO_LARGE', message: `It has ${sizeBytes} bytes; the limit is ${sizeMaxBytes}.`, where: 'body', action: 'Send it in several requests.' }]))
    })
    request.on('error', reject)
  })
}

function unknown(message: string, where: string): TidemarkError {
  return new TidemarkError([{ code: 'UNKNOWN_NAME', message, where, action: 'The routes are in /openapi.json.' }])
}

function catalogDocument({ plans, services }: FeatureCatalog): object {
  return {
    views: plans.map(({ view, source, keys, features }) => ({
      view: view.name,
      version: view.version,
      source: source.name,
      ...(view.description !== undefined && { description: view.description }),
      entity: keys.map(({ key, type }) => ({ key, type })),
      features: features.map(({ name }) => name),
    })),
    services: services.map(({ name, version, description, features }) => ({
      service: name,
      version,
      ...(description !== undefined && { description }),
      features: features.map(({ view, feature }) => `${view}:${feature}`),
    })),
  }
}
