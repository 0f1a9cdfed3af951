// Servers that come up in any order: each is waited for, and said once; what waiting does not mend ends the waiting for all.
import { describe, expect, it } from '@jest/globals'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import { Metrics } from '@tidemark/observability/metrics'
import { openServers, openServersInTime, untilAnswered, type Waiting } from './open-servers.ts'
import { Readiness } from './readiness.ts'
import { createServiceLog } from './service-log.ts'

const trouble = (code: ErrorCode): TidemarkError => new TidemarkError([{ code, message: 'It is so.', where: 'there', action: 'Wait.' }])

interface World extends Waiting {
  readonly controller: AbortController
  readonly said: Record<string, unknown>[]
  readonly closed: string[]
  /** Opens after so many attempts that fail. */
  readonly opener: (name: string, failures: number, code?: ErrorCode) => () => Promise<AsyncDisposable & { readonly name: string }>
}

function world(): World {
  const controller = new AbortController()
  const said: Record<string, unknown>[] = []
  const closed: string[] = []
  let nowMs = 0
  return {
    controller, said, closed, signal: controller.signal, readiness: new Readiness(() => nowMs),
    log: createServiceLog({ service: 'test', level: 'info', metrics: new Metrics(), destination: { write: (line) => void said.push(JSON.parse(line) as Record<string, unknown>) } }),
    clock: {
      nowMs: () => nowMs, steadyMs: () => nowMs,
      wait: async (durationMs) => void (nowMs += durationMs),
    },
    opener: (name, failures, code = 'STORE_UNAVAILABLE') => async () => {
      // Longer than any pause: what is away is still away.
      nowMs += 15_000
      if (failures-- > 0) throw trouble(code)
      return { name, [Symbol.asyncDispose]: async () => void closed.push(name) }
    },
  }
}

describe('openServers', () => {
  it('waits for each, and says so once', async () => {
    const { opener, said, closed, ...waiting } = world()
    {
      await using servers = await openServers({ log: opener('log', 0), objects: opener('objects', 3), views: opener('views', 1) }, waiting)
      expect([servers.log.name, servers.objects.name, servers.views.name]).toEqual(['log', 'objects', 'views'])
    }
    expect(closed.sort()).toEqual(['log', 'objects', 'views'])
    expect(said.map(({ level, code, msg }) => [level, code, msg])).toEqual(expect.arrayContaining([
      ['warn', 'STORE_UNAVAILABLE', 'waits for objects: It is so.'], ['warn', 'STORE_UNAVAILABLE', 'waits for views: It is so.'], ['info', undefined, 'objects answers'], ['info', undefined, 'views answers'],
    ]))
    expect(said).toHaveLength(4)
  })

  it('leaves one while another takes its time to be left, and says what leaving one has thrown once all are left', async () => {
    const { opener, closed, ...waiting } = world()
    const hanging = Promise.withResolvers<null>()
    const servers = await openServers({
      log: opener('log', 0),
      objects: async () => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error('a bug')) }),
      views: async () => ({ [Symbol.asyncDispose]: () => hanging.promise.then(() => void closed.push('views')) }),
    }, waiting)
    const left = expect(servers[Symbol.asyncDispose]()).rejects.toThrow('a bug')
    await new Promise((resolve) => setImmediate(resolve))
    expect(closed).toEqual(['log'])
    hanging.resolve(null)
    await left
    expect(closed).toEqual(['log', 'views'])
  })

  it('throws what waiting does not mend, and leaves nothing open', async () => {
    const { opener, closed, ...waiting } = world()
    await expect(openServers({ log: opener('log', 0), objects: opener('objects', 1, 'STORE_REFUSED'), views: opener('views', Infinity) }, waiting)).rejects.toMatchObject({ code: 'STORE_REFUSED' })
    expect(closed).toEqual(['log'])
  })

  it('ends with the signal, and closes what comes too late', async () => {
    const { controller, closed, ...waiting } = world()
    const late = Promise.withResolvers<AsyncDisposable>()
    const opening = openServers({ log: () => late.promise }, waiting)
    controller.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
    late.resolve({ [Symbol.asyncDispose]: async () => void closed.push('late') })
    await new Promise((resolve) => setImmediate(resolve))
    expect(closed).toEqual(['late'])
  })
})

describe('openServersInTime', () => {
  const WITHIN_MS = 15_000

  /** The time is over once it is told so. */
  function timed(): World & { readonly over: () => void; readonly within: { readonly withinMs: number; readonly clock: Waiting['clock']; readonly signal: AbortSignal } } {
    const all = world()
    const over = new AbortController()
    const wait: Waiting['clock']['wait'] = (_, signal) => new Promise((resolve) => AbortSignal.any([signal!, over.signal]).addEventListener('abort', () => resolve()))
    return { ...all, over: () => over.abort(), within: { withinMs: WITHIN_MS, clock: { ...all.clock, wait }, signal: all.signal } }
  }

  it('tries each once, and throws what the first says that fails', async () => {
    const { opener, closed, within } = timed()
    {
      await using servers = await openServersInTime({ log: opener('log', 0), views: opener('views', 0) }, within)
      expect([servers.log.name, servers.views.name]).toEqual(['log', 'views'])
    }
    expect(closed.splice(0).sort()).toEqual(['log', 'views'])
    await expect(openServersInTime({ log: opener('log', 0), views: opener('views', 1) }, within)).rejects.toMatchObject({ problems: [{ code: 'STORE_UNAVAILABLE', message: 'It is so.' }] })
    expect(closed).toEqual(['log'])
  })

  it('gives up what does not answer in time, says of what, and closes it where it comes late', async () => {
    const { opener, closed, over, within } = timed()
    const late = Promise.withResolvers<AsyncDisposable>()
    const opening = openServersInTime({ log: opener('log', 0), views: () => late.promise }, within)
    setImmediate(over)
    await expect(opening).rejects.toMatchObject({ problems: [{ code: 'STORE_UNAVAILABLE', message: 'It has not answered within 15 s.', where: 'views' }] })
    late.resolve({ [Symbol.asyncDispose]: async () => void closed.push('late') })
    await new Promise((resolve) => setImmediate(resolve))
    expect(closed).toEqual(['log', 'late'])
  })

  it('ends with the signal', async () => {
    const { controller, within } = timed()
    const opening = openServersInTime({ log: () => new Promise(() => undefined) }, within)
    controller.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
  })
})

describe('untilAnswered', () => {
  it('gives what is answered, and throws a bug', async () => {
    const { readiness, opener, ...waiting } = world()
    const asked = untilAnswered('it', opener('it', 1), { ...waiting, readiness })
    expect(readiness.read()).toMatchObject({ isReady: false, waitsFor: [{ name: 'it', message: 'It has not answered yet.' }] })
    expect((await asked).name).toBe('it')
    expect(readiness.read().waitsFor).toEqual([])
    await expect(untilAnswered('it', () => Promise.reject(new Error('a bug')), { ...waiting, readiness })).rejects.toThrow('a bug')
  })
})
