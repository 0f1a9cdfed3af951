// The HTTP API of the serving layer as who is asked: a request is a body, an answer is read back into what the serving code itself answers with.
import { Agent, request } from 'node:http'
import { TidemarkError, type Problem } from '@tidemark/feature-schema/errors'
import type { FeatureAnswer, ServedValue } from '@tidemark/pipelines/serve/feature-answer'
import type { FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import type { FeatureName } from '@tidemark/pipelines/resolve-features'

const CONNECTIONS_MAX = 64
/** Longer than any deadline. */
const ANSWER_WITHIN_MS = 30_000

/** Nobody answered: the connection was refused, or it broke, or it hung. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered'
}

export interface HttpApi extends Disposable {
  /** Throws NotAnswered, and the TidemarkError of a problem document. */
  ask(request: FeatureRequest): Promise<FeatureAnswer>
}

/** `urlOf` is asked each time: a server that is started again may be elsewhere. */
export function openHttpApi(urlOf: () => string): HttpApi {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX })
  return {
    async ask(asked) {
      const { status, text } = await post(`${urlOf()}/v1/features`, agent, requestJson(asked))
      if (status === 200) return readAnswer(text)
      const { problems } = JSON.parse(text) as { readonly problems: readonly [Problem, ...Problem[]] }
      throw new TidemarkError(problems)
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

export function requestJson({ asked, entities, policy, deadlineMs, explain }: FeatureRequest): string {
  const what = 'service' in asked ? asked : { features: asked.features.map(({ view, feature }) => `${view}:${feature}`) }
  return JSON.stringify({ ...what, entities, policy, deadlineMs, explain })
}

function post(url: string, agent: Agent, body: string): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(new NotAnswered(`${url} did not answer: ${error.message}`, { cause: error }))
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const posted = request(url, { method: 'POST', agent, headers, timeout: ANSWER_WITHIN_MS }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part)).on('error', fail)
      response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(parts).toString() }))
    })
    posted.on('timeout', () => posted.destroy(new Error(`nothing came for ${ANSWER_WITHIN_MS / 1_000} s`)))
    posted.on('error', fail).end(body)
  })
}

/** As JSON writes it; its integers beyond 2^53 stay strings. */
interface AnswerDocument {
  readonly t: number
  readonly features: readonly string[]
  readonly tails: FeatureAnswer['tailsMs']
  readonly entities: readonly {
    readonly values: readonly ServedValue['value'][]
    readonly statuses: readonly ServedValue['status'][]
    readonly reasons?: readonly (ServedValue['reason'] | null)[]
    readonly explanation?: FeatureAnswer['entities'][number]['explanation']
  }[]
  readonly views: FeatureAnswer['views']
  readonly degraded: FeatureAnswer['degraded']
}

export function readAnswer(text: string): FeatureAnswer {
  const { t, features, tails, entities, views, degraded } = JSON.parse(text) as AnswerDocument
  return {
    t, views, degraded, tailsMs: tails,
    features: features.map(featureName),
    entities: entities.map(({ values, statuses, reasons, explanation }) => ({
      values: values.map((value, i): ServedValue => {
        const reason = reasons?.[i]
        return { status: statuses[i]!, value, ...(reason && { reason }) }
      }),
      ...(explanation && { explanation }),
    })),
  }
}

function featureName(text: string): FeatureName {
  const [view, feature] = text.split(':')
  return { view: view!, feature: feature! }
}
