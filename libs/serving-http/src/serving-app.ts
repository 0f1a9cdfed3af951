// The serving API on Express. The one hot route reads its own body and writes its own answer: Express' router finds it, and nothing else of
// Express is on the way. What an app prepares of a request for its handlers takes longer than that, and they would not use it.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { ERROR_CODES, TidemarkError } from '@tidemark/feature-schema/errors'
import type { FeatureServer } from '@tidemark/pipelines/serve/answer-features'
import type { FeatureCatalog } from '@tidemark/pipelines/serve/feature-catalog'
import { NO_TRACES, type Span, type Tracer } from '@tidemark/observability/tracing'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import { viewId } from '@tidemark/pipelines/names'
import { featureText } from '@tidemark/pipelines/resolve-features'
import { after } from '@tidemark/ports/soon'
import express, { type Express, type Request, type Response } from 'express'
import { AccessGuard, type Access } from './access-guard.ts'
import { answerJson, entityJson } from './answer-json.ts'
import { AnswersOfATurn } from './answers-of-a-turn.ts'
import { piecesOf, sendPieces, textOf } from './large-answer.ts'
import { openApiDocument, withAccess, type OpenApiDocument } from './openapi.ts'
import { BUG, PROBLEM_TYPE, problemDocument } from './problem-document.ts'
import { readJsonBody, WrongMediaType } from './request-body.ts'
import { readFeatureRequest } from './request-schema.ts'
import { send } from './send.ts'

export const BODY_SIZE_MAX_BYTES = 1_048_576

/** What the API needs of a feature server. */
export type AnsweringServer = Pick<FeatureServer, 'answerAs' | 'slices'>

export interface ServingAppOptions {
  readonly server: AnsweringServer
  readonly catalog: () => FeatureCatalog
  /** Told of every error that is a bug, or a store's. */
  readonly onError: (error: unknown) => void
  /** Hears of each question how long it took, and what came of it: `answered`, `degraded`, or an error's code. */
  readonly onAnswered?: OnAnswered | undefined
  /** An answer goes on with its request's trace. Default: none is recorded. */
  readonly tracer?: Tracer | undefined
  /** Adds routes of its own, before the ones that say what does not exist. */
  readonly extend?: (app: Express, fail: FailRequest) => void
  /** What `/openapi.json` says; default: the routes that are here. */
  readonly openApi?: OpenApiDocument
  /** Who may ask for what; default: anybody, for everything. */
  readonly access?: Access | undefined
}

export type OnAnswered = (outcome: string, durationMs: number) => void

/** Answers with an error's problem document; the status is the error's own, unless another is given. */
export type FailRequest = (response: ServerResponse, error: unknown, status?: number) => void

/** What answers every request; what serves it is the caller's. */
export function createServingApp({ server, catalog, onError, onAnswered = () => undefined, tracer = NO_TRACES, extend, openApi = openApiDocument, access }: ServingAppOptions): RequestListener {
  const app = express()
  app.disable('x-powered-by').disable('etag')
  const fail: FailRequest = (response, error, status) => {
    const document = problemDocument(error, status ?? (error instanceof WrongMediaType ? 415 : undefined))
    if (document.status >= 500) onError(error)
    send(response, document.status, JSON.stringify(document), PROBLEM_TYPE)
  }
  const guard = access === undefined ? null : new AccessGuard(access, fail)
  const described = JSON.stringify(guard === null ? openApi : withAccess(openApi))
  app.get('/v1/catalog', (_request, response) => send(response, 200, JSON.stringify(catalogDocument(catalog()))))
  app.get('/v1/errors/:code', ({ params: { code } }, response) => {
    if (code === BUG.code) return send(response, 200, JSON.stringify({ code, status: BUG.status, meaning: BUG.title }))
    if (!Object.hasOwn(ERROR_CODES, code)) return fail(response, unknown(`There is no error code ${code}.`, `/v1/errors/${code}`))
    const { httpStatus, meaning } = ERROR_CODES[code as keyof typeof ERROR_CODES]
    send(response, 200, JSON.stringify({ code, status: httpStatus, meaning }))
  })
  app.get('/openapi.json', (_request, response) => send(response, 200, described))
  app.get('/livez', (_request, response) => send(response, 200, '{"status":"alive"}'))
  extend?.(app, fail)
  app.all('/v1/features', (request, response) => refuseMethod(fail, 'POST', request, response))
  for (const path of READ_PATHS) app.all(path, (request, response) => refuseMethod(fail, 'GET, HEAD', request, response))
  app.use((request, response) => fail(response, unknown(`There is nothing at ${request.path}.`, request.path)))
  app.use((error: unknown, request: IncomingMessage, response: ServerResponse, _next: () => void) => fail(response, refusedByRouter(error, request) ?? error))
  const posted = express.Router().post('/v1/features', answerFeatures({ server, fail, guard, onAnswered, tracer }))
  const route: RequestListener = (request, response) => {
    if (request.method !== 'POST') return app(request, response)
    posted(request as Request, response as Response, (error?: unknown) => (error instanceof Error ? fail(response, error) : app(request, response)))
  }
  return guard === null ? route : guard.before(route)
}

interface FeatureRoute {
  readonly server: AnsweringServer
  readonly fail: FailRequest
  readonly guard: AccessGuard | null
  readonly onAnswered: OnAnswered
  readonly tracer: Tracer
}

function answerFeatures({ server, fail, guard, onAnswered, tracer }: FeatureRoute): RequestListener {
  const answers = new AnswersOfATurn()
  return (request, response) => {
    const sinceMs = server.slices.steadyMs()
    const fromMs = performance.now()
    const span = beginAnswer(tracer, request)
    readJsonBody(request, BODY_SIZE_MAX_BYTES)
      .then((text) => {
        const asked = readFeatureRequest(text)
        if (asked.explain) guard?.demandExplain(request, response)
        return tracer.within(span, () => server.answerAs(entityJson, asked, sinceMs))
      })
      .then((answer) => {
        if (span !== null) endOfAnswer(span, answer)
        const json = answerJson(answer)
        onAnswered(answer.degraded.length === 0 ? 'answered' : 'degraded', performance.now() - fromMs)
        const text = textOf(json)
        if (text !== null) return answers.send(response, text)
        return after(piecesOf(json, server.slices), (pieces) => sendPieces(response, pieces, server.slices))
      })
      .catch((error: unknown) => {
        onAnswered(error instanceof TidemarkError ? error.code : BUG.code, performance.now() - fromMs)
        span?.end(error)
        fail(response, error)
      })
  }
}

function beginAnswer(tracer: Tracer, { headers: { traceparent } }: IncomingMessage): Span | null {
  return tracer === NO_TRACES ? null : tracer.begin('POST /v1/features', { parent: typeof traceparent === 'string' ? traceparent : null, kind: 'server' })
}

function endOfAnswer(span: Span, { views, degraded, entities: { length: entityCount } }: Pick<FeatureAnswer<unknown>, 'views' | 'degraded' | 'entities'>): void {
  span.set({ 'entities.count': entityCount, degraded: degraded.map(({ code }) => code).join(' ') })
  for (const { view, generation, cut, lagMs } of views) span.set({ [`${view}.generation`]: generation ?? -1, ...(cut !== null && { [`${view}.cut`]: cut }), ...(lagMs !== null && { [`${view}.lag_ms`]: lagMs }) })
  span.end()
}

/** What Express could not route for a reason of the client's, such as a path that cannot be decoded; null: it is no such error. */
function refusedByRouter(error: unknown, { url = '' }: IncomingMessage): TidemarkError | null {
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  if (typeof status !== 'number' || status < 400 || status >= 500) return null
  return new TidemarkError([{ code: 'USAGE', message: `${(error as Error).message}.`, where: url, action: 'The routes are in /openapi.json.' }], { cause: error })
}

const READ_PATHS = ['/v1/catalog', '/v1/errors/:code', '/openapi.json', '/livez']

/** Of a path that takes other methods, given as the header Allow has them. */
export function refuseMethod(fail: FailRequest, allowed: string, { method, path }: { readonly method: string; readonly path: string }, response: ServerResponse): void {
  response.setHeader('allow', allowed)
  fail(response, new TidemarkError([{ code: 'USAGE', message: `The method ${method} means nothing here.`, where: path, action: `Use ${allowed.replace(', ', ' or ')}.` }]), 405)
}

function unknown(message: string, where: string): TidemarkError {
  return new TidemarkError([{ code: 'UNKNOWN_NAME', message, where, action: 'The routes are in /openapi.json.' }])
}

function catalogDocument({ plans, services, backfills }: FeatureCatalog): object {
  return {
    views: plans.map(({ view, source, keys, features }) => ({
      view: view.name,
      version: view.version,
      isWhole: backfills?.has(viewId(view)) !== true,
      ...(backfills?.has(viewId(view)) === true && { howFar: backfills.get(viewId(view))!.howFar }),
      source: source.name,
      ...(view.description !== undefined && { description: view.description }),
      entity: keys.map(({ key, type }) => ({ key, type })),
      features: features.map(({ name }) => name),
    })),
    services: services.map(({ definition: { name, version, description }, features }) => ({
      service: name,
      version,
      ...(description !== undefined && { description }),
      features: features.map(featureText),
    })),
  }
}
