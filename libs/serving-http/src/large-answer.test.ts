// A large answer leaves whole, but no turn of the event loop takes much of it, and nothing of it is given to a connection that is still busy.
import { Writable } from 'node:stream'
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from '@jest/globals'
import type { AnsweredEntity, FeatureAnswer } from '@tidemark/pipelines/serve/feature-answer'
import { Slices } from '@tidemark/pipelines/serve/sliced-work'
import { answerJson, entityJson, type AnswerJson } from './answer-json.ts'
import { listen, type HttpListener } from '@tidemark/machine/http-listener'
import { piecesOf, sendPieces, textOf } from './large-answer.ts'
import { createServingApp } from './serving-app.ts'

const PIECE_SIZE_BYTES = 64 * 2 ** 10
const VALUE_COUNT = 1_000
const entity = (text: string): AnsweredEntity => ({ values: new Array(VALUE_COUNT).fill({ status: 'PRESENT', value: text }) })
const answerOf = (entityCount: number): FeatureAnswer => ({
  t: 1, features: [], tailsMs: [], entities: Array.from({ length: entityCount }, (_, i) => entity(i % 2 === 0 ? `é${i}` : `${i}`)), views: [], degraded: [],
})
const jsonOf = (answer: FeatureAnswer): AnswerJson => answerJson({ ...answer, entities: answer.entities.map(entityJson) })
const ENTITY_SIZE_MAX_BYTES = Buffer.byteLength(jsonOf(answerOf(1)).entities[0]!) + 4 * VALUE_COUNT

const everyTurn = (): Slices => new Slices({ nowMs: () => 0, steadyMs: () => 0 }, 0)
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A connection that takes a write when it is told to. */
class Connection extends Writable {
  headers: Record<string, unknown> = {}
  readonly taken: Buffer[] = []
  private readonly takesAtOnce: boolean
  private take: (() => void) | null = null

  constructor(takesAtOnce: boolean) {
    super({ highWaterMark: PIECE_SIZE_BYTES })
    this.takesAtOnce = takesAtOnce
  }

  writeHead(_: number, headers: Record<string, unknown>): this {
    this.headers = headers
    return this
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.taken.push(chunk)
    if (this.takesAtOnce) done()
    else this.take = done
  }

  takeNext(): void {
    const { take } = this
    this.take = null
    take?.()
  }

  get response(): ServerResponse {
    return this as unknown as ServerResponse
  }
}

describe('a large answer', () => {
  it('is of pieces that are large enough and no larger than an entity more', async () => {
    expect(textOf(jsonOf(answerOf(100)))).toBeNull()
    const pieces = await piecesOf(jsonOf(answerOf(100)), everyTurn())
    expect(pieces.length).toBeGreaterThan(10)
    for (const { length } of pieces.slice(0, -1)) expect(length).toBeGreaterThanOrEqual(PIECE_SIZE_BYTES)
    for (const { length } of pieces) expect(length).toBeLessThan(PIECE_SIZE_BYTES + ENTITY_SIZE_MAX_BYTES)
  })

  it('leaves with one piece in a slice, and is whole', async () => {
    const connection = new Connection(true)
    const pieces = await piecesOf(jsonOf(answerOf(100)), everyTurn())
    const sent = sendPieces(connection.response, pieces, everyTurn())
    let takenCount = 0
    for (let turn = 0; !connection.writableFinished && turn < 1_000; turn++) {
      await nextTurn()
      expect(connection.taken.length - takenCount).toBeLessThanOrEqual(1)
      takenCount = connection.taken.length
    }
    await sent
    const bytes = Buffer.concat(connection.taken)
    expect(bytes.equals(Buffer.concat(pieces))).toBe(true)
    expect(connection.headers['content-length']).toBe(bytes.length)
  })

  it('waits for a connection that is busy, and ends with one that is gone', async () => {
    const connection = new Connection(false)
    const sent = sendPieces(connection.response, await piecesOf(jsonOf(answerOf(100)), everyTurn()), everyTurn())
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    expect(connection.taken).toHaveLength(1)
    connection.takeNext()
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    expect(connection.taken).toHaveLength(2)
    expect(connection.writableLength).toBeLessThan(3 * PIECE_SIZE_BYTES)
    connection.destroy()
    await sent
  })
})

describe('over HTTP', () => {
  let listener: HttpListener | null = null
  afterEach(async () => {
    await listener?.[Symbol.asyncDispose]()
    listener = null
  })

  it('is what it would be in one piece, and a client that hangs up is no error', async () => {
    const errors: unknown[] = []
    const answer = answerOf(200)
    const server = { answerAs: (form: (each: AnsweredEntity) => never) => ({ ...answer, entities: answer.entities.map(form) }), slices: everyTurn() }
    listener = await listen(createServingApp({ server, catalog: () => ({ plans: [], services: [] }), onError: (error) => void errors.push(error) }), { host: '127.0.0.1', port: 0 })
    const ask = (): Promise<Response> => fetch(`${listener!.url}/v1/features`, { method: 'POST', body: '{"service":"any","entities":[]}', headers: { 'content-type': 'application/json' } })
    await (await ask()).body!.cancel()
    const response = await ask()
    const text = await response.text()
    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
    const entities = answer.entities.map(({ values }) => ({ values: values.map(({ value }) => value), statuses: values.map(({ status }) => status) }))
    expect(text === JSON.stringify({ t: 1, features: [], tails: [], entities, views: [], degraded: [] })).toBe(true)
    expect(errors).toEqual([])
  })
})
