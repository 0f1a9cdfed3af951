// Calls to a server: counted, timed, and told of where it is away.
import { describe, expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { Metrics, type Series } from '@tidemark/observability/metrics'
import { NO_TRACES } from '@tidemark/observability/tracing'
import { Readiness } from './readiness.ts'
import { ServerCalls } from './server-calls.ts'
import { createServiceLog } from './service-log.ts'

class Store {
  #answer = 7
  code: ErrorCode | null = null

  read(add: number): Promise<number> {
    if (this.code !== null) return Promise.reject(new TidemarkError([{ code: this.code, message: 'It is so.', where: 'there', action: 'Wait.' }]))
    return Promise.resolve(this.#answer + add)
  }

  isClosed = false
  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = this.#answer > 0
  }

  readonly late = Promise.withResolvers<number>()
  readLate(): Promise<number> {
    return this.late.promise
  }

  atHand(): number {
    return this.#answer
  }
}

function world() {
  let nowMs = 0
  const said: { level: string; msg: string }[] = []
  const metrics = new Metrics()
  const readiness = new Readiness(() => nowMs)
  readiness.started()
  const log = createServiceLog({ service: 'test', level: 'info', metrics, destination: { write: (line) => void said.push(JSON.parse(line) as never) } })
  const store = new Store()
  const ending = new AbortController()
  const calls = new ServerCalls({ metrics, tracer: NO_TRACES, readiness, log, steadyMs: () => nowMs, patience: ending.signal })
  const read = (name: string): readonly Series[] => metrics.read().find((metric) => metric.name === name)?.series ?? []
  return { calls, store, observed: calls.observe('stores', store), readiness, said, read, ending, pass: (ms: number) => void (nowMs += ms) }
}

describe('ServerCalls', () => {
  it('gives what the port gives, and times it', async () => {
    const { store, observed, read, pass } = world()
    {
      await using opened = new AsyncDisposableStack()
      opened.use(observed)
    }
    expect(store.isClosed).toBe(true)
    const asked = observed.read(1)
    expect(read('tidemark_server_calls_active')).toEqual([{ labels: { server: 'stores' }, value: 1 }])
    pass(30)
    expect(await asked).toBe(8)
    expect(observed.atHand()).toBe(7)
    expect(read('tidemark_server_calls_active')).toEqual([{ labels: { server: 'stores' }, value: 0 }])
    expect(read('tidemark_server_call_seconds').map(({ labels, value }) => [labels['call'], (value as { sum: number }).sum])).toEqual([['read', 0.03], ['atHand', 0]])
  })

  it('tells at once what somebody has found out of a server before a call has failed, and of the first call that succeeds', async () => {
    const { calls, observed, readiness, said, read } = world()
    const hangs = { code: 'STORE_UNAVAILABLE', message: 'It hangs.', where: 'there', action: 'Wait.' } as const
    for (let i = 0; i < 2; i++) calls.told('stores', hangs)
    calls.told('nobody', hangs)
    expect(readiness.read()).toMatchObject({ status: 'waiting', waitsFor: [{ name: 'stores', code: 'STORE_UNAVAILABLE', message: 'It hangs.' }] })
    expect(read('tidemark_server_call_errors_total')).toEqual([])
    await observed.read(1)
    expect(readiness.read().status).toBe('ready')
    for (let i = 0; i < 2; i++) calls.told('stores', null)
    calls.told('stores', hangs)
    calls.told('stores', null)
    expect(readiness.read().status).toBe('ready')
    expect(said.map(({ msg }) => msg)).toEqual(['stores does not answer: It hangs.', 'stores answers again', 'stores does not answer: It hangs.', 'stores answers again'])
  })

  it('tells readiness and, once, the log of a server that is away, and that it answers again', async () => {
    const { store, observed, read, readiness, said, pass } = world()
    store.code = 'STORE_UNAVAILABLE'
    for (let i = 0; i < 4; i++) {
      await expect(observed.read(1)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
      pass(600)
    }
    expect(readiness.read()).toEqual({ status: 'waiting', isReady: false, waitsFor: [{ name: 'stores', code: 'STORE_UNAVAILABLE', message: 'It is so.', forMs: 2_400 }] })
    expect(read('tidemark_server_call_errors_total')).toEqual([{ labels: { server: 'stores', code: 'STORE_UNAVAILABLE' }, value: 4 }])
    // What is at hand is no answer.
    expect(observed.atHand()).toBe(7)
    expect(readiness.read().isReady).toBe(false)
    store.code = null
    await observed.read(1)
    expect(readiness.read().isReady).toBe(true)
    expect(said.map(({ level, msg }) => [level, msg])).toEqual([['warn', 'stores does not answer: It is so.'], ['info', 'stores answers again']])
  })

  it('tells of a server whose calls are under way, and none succeeds, before the first has failed', async () => {
    const { calls, store, readiness, said } = world()
    let silentMs = 9_999
    const observed = calls.observe('objects', store, { load: () => ({ waitingCount: 0, atOnceMax: 1, silentMs }) })
    calls.look()
    expect(readiness.read().isReady).toBe(true)
    silentMs = 10_000
    for (let i = 0; i < 2; i++) calls.look()
    expect(readiness.read()).toMatchObject({ isReady: false, waitsFor: [{ name: 'objects', code: 'STORE_UNAVAILABLE', message: 'It has not answered for 10 s.' }] })
    silentMs = 0
    calls.look()
    expect(readiness.read().isReady).toBe(false)
    await observed.read(1)
    expect(readiness.read().isReady).toBe(true)
    expect(said.map(({ msg }) => msg)).toEqual(['objects does not answer: It has not answered for 10 s.', 'objects answers again'])
  })

  it('counts what a server refuses, which is an answer', async () => {
    const { store, observed, read, readiness, said } = world()
    store.code = 'STORE_REFUSED'
    await expect(observed.read(1)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    expect(readiness.read().isReady).toBe(true)
    expect(read('tidemark_server_call_errors_total')).toEqual([{ labels: { server: 'stores', code: 'STORE_REFUSED' }, value: 1 }])
    expect(said).toEqual([])
  })

  it('waits for no answer any more once its service has to end, whenever it was asked', async () => {
    const { store, observed, read, ending } = world()
    const before = observed.readLate()
    const answered = observed.read(1)
    expect(await answered).toBe(8)
    ending.abort()
    await expect(before).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', problems: [{ where: 'stores' }] })
    await expect(observed.readLate()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(observed.atHand()).toBe(7)
    store.late.reject(new Error('too late for anybody to hear of it'))
    await expect(observed.readLate()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(read('tidemark_server_calls_active')).toEqual([{ labels: { server: 'stores' }, value: 0 }])
  })
})
