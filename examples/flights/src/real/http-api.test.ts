// What comes back over HTTP is what the serving code answered with; and who does not answer is told from who refuses.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { RequestListener } from 'node:http'
import type { FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import { answerJson, entityJson } from '@tidemark/serving-http/answer-json'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { problemDocument } from '@tidemark/serving-http/problem-document'
import { readFeatureRequest } from '@tidemark/serving-http/request-schema'
import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { FeatureRequest } from '@tidemark/pipelines/serve/feature-request'
import { NotAnswered, openHttpApi, requestJson, type HttpApi } from './http-api.ts'

const ANSWER: FeatureAnswer = {
  t: 1_795_697_682_116, tailsMs: [null, 1_795_697_000_000],
  features: [{ view: 'airport_delays', feature: 'departures_lifetime' }, { view: 'airport_delays', feature: 'worst_delays_24h' }],
  entities: [
    { values: [{ status: 'PRESENT', value: 12 }, { status: 'PRESENT', value: [3, 2, 1] }], explanation: [{ view: 'airport_delays@1', bucket: 5, fences: [{ partition: 0, nextOffset: null }, { partition: 1, nextOffset: 17, epoch: 2, knownTimeMs: 3 }], features: [] }] },
    { values: [{ status: 'UNAVAILABLE', value: null, reason: 'batch_unavailable' }, { status: 'NOT_FOUND', value: null }] },
  ],
  views: [{ view: 'airport_delays', version: 1, generation: 3, cut: 20_782, lagMs: null }],
  degraded: [{ code: 'BATCH_UNAVAILABLE', view: 'airport_delays', message: 'It does not answer.' }],
}
const REQUEST: FeatureRequest = { asked: { features: ANSWER.features }, entities: [{ airport: 'ATL' }, { airport: 'SFO' }], policy: 'degrade', deadlineMs: 10_000, explain: true }

let listener: HttpListener
let api: HttpApi
let handler: RequestListener
beforeAll(async () => {
  listener = await listen((request, response) => handler(request, response), { host: '127.0.0.1', port: 0 })
  api = openHttpApi(() => listener.url)
})
afterAll(async () => {
  api[Symbol.dispose]()
  await listener[Symbol.asyncDispose]()
})

describe('asking over HTTP', () => {
  it('gives the answer as it was made', async () => {
    const { head, entities, tail } = answerJson({ ...ANSWER, entities: ANSWER.entities.map(entityJson) })
    handler = (_, response) => void response.end(`${head}${entities.map(String).join()}${tail}`)
    expect(await api.ask(REQUEST)).toEqual(ANSWER)
  })

  it.each<FeatureRequest>([REQUEST, { ...REQUEST, asked: { service: 'delay_model' }, explain: false }])('asks as it was told to', (request) => {
    expect(readFeatureRequest(requestJson(request))).toEqual(request)
  })

  it('throws the problem of who refuses, with its code', async () => {
    const document = problemDocument(new TidemarkError([{ code: 'UNKNOWN_NAME', message: 'There is no view.', where: 'features', action: 'Look.' }]))
    handler = (_, response) => void response.writeHead(document.status).end(JSON.stringify(document))
    await expect(api.ask(REQUEST)).rejects.toMatchObject({ code: 'UNKNOWN_NAME' })
  })

  it('says that nobody answered where the connection breaks, also in the middle, and where there is none', async () => {
    handler = (request) => void request.socket.destroy()
    await expect(api.ask(REQUEST)).rejects.toBeInstanceOf(NotAnswered)
    handler = (_, response) => {
      response.writeHead(200, { 'content-length': 1_000 }).write('{')
      setImmediate(() => response.destroy())
    }
    await expect(api.ask(REQUEST)).rejects.toBeInstanceOf(NotAnswered)
    using nobody = openHttpApi(() => 'http://127.0.0.1:1')
    await expect(nobody.ask(REQUEST)).rejects.toBeInstanceOf(NotAnswered)
  })
})
