// How a listener ends: whoever asks on connections that are kept loses nothing, and holds nothing up.
import { once } from 'node:events'
import { Agent, request, type IncomingMessage, type RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from '@jest/globals'
import { listen } from './http-listener.ts'

const HERE = { host: '127.0.0.1', port: 0 }
const CONNECTION_COUNT = 8
/** Much less than what ends connections that are still there. */
const SOON_MS = 5_000
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTION_COUNT })
afterEach(() => agent.destroy())

interface Asked {
  /** What the answer says of its connection; null: there is none. */
  readonly connection: string | null
  readonly isReused: boolean
}

async function ask(url: string, by = agent): Promise<Asked> {
  const asked = request(url, { agent: by }).end()
  try {
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    await once(response.resume(), 'end')
    return { connection: response.headers.connection!, isReused: asked.reusedSocket }
  } catch {
    return { connection: null, isReused: asked.reusedSocket }
  }
}

const slowly: RequestListener = (_, response) => void sleep(2).then(() => response.end('here'))

describe('a listener that ends', () => {
  it('loses no request on connections that are kept, and waits for nobody who would ask on', async () => {
    const listener = await listen(slowly, HERE)
    let answeredCount = 0
    /** Until there is no answer: whether that was on a connection that was kept. */
    const askOn = async (): Promise<boolean> => {
      for (;;) {
        const { connection, isReused } = await ask(listener.url)
        if (connection === null) return isReused
        answeredCount++
      }
    }
    const asking = Promise.all(Array.from({ length: CONNECTION_COUNT }, askOn))
    while (answeredCount < 100) await sleep(1)
    const fromMs = performance.now()
    await listener[Symbol.asyncDispose]()
    expect(performance.now() - fromMs).toBeLessThan(SOON_MS)
    // Nobody listens for connections any more.
    expect(await asking).toEqual(Array(CONNECTION_COUNT).fill(false))
  })

  it('waits for those that keep connections to ask once more, new ones too, and no longer than it is told to', async () => {
    const tellMaxMs = 800
    const listener = await listen(slowly, { ...HERE, tellMaxMs })
    await Promise.all([ask(listener.url), ask(listener.url), ask(listener.url)])
    const fromMs = performance.now()
    const ended = listener[Symbol.asyncDispose]()
    // Longer than what was on its way takes.
    await sleep(tellMaxMs / 2)
    expect(await ask(listener.url)).toEqual({ isReused: true, connection: 'close' })
    const stranger = new Agent()
    expect(await ask(listener.url, stranger)).toEqual({ isReused: false, connection: 'close' })
    await ended
    const tookMs = performance.now() - fromMs
    expect(tookMs).toBeGreaterThan(tellMaxMs - 5)
    expect(tookMs).toBeLessThan(SOON_MS)
  })

  it('answers what it has begun, and keeps no connection for more', async () => {
    let begun = 0
    const finish = Promise.withResolvers<undefined>()
    const listener = await listen((_, response) => {
      begun++
      if (begun === 2) response.write('a head that promises to keep the connection')
      void finish.promise.then(() => response.end('here'))
    }, HERE)
    const asking = Promise.all([ask(listener.url), ask(listener.url)])
    while (begun < 2) await sleep(1)
    const ended = listener[Symbol.asyncDispose]()
    finish.resolve(undefined)
    const fromMs = performance.now()
    expect((await asking).map(({ connection }) => connection)).toEqual(['close', 'keep-alive'])
    await ended
    expect(performance.now() - fromMs).toBeLessThan(SOON_MS)
  })

  it('keeps no connection that becomes idle once nobody is listened to any more', async () => {
    let begun = 0
    const finish = Promise.withResolvers<undefined>()
    const listener = await listen((_, response) => {
      if (++begun > 1) return void response.end('here')
      response.write('a head that promises to keep the connection')
      void finish.promise.then(() => response.end('here'))
    }, HERE)
    const asking = ask(listener.url)
    while (begun < 1) await sleep(1)
    const ended = listener[Symbol.asyncDispose]()
    while ((await ask(listener.url)).connection !== null) await sleep(1)
    finish.resolve(undefined)
    const fromMs = performance.now()
    expect(await asking).toMatchObject({ connection: 'keep-alive' })
    await ended
    expect(performance.now() - fromMs).toBeLessThan(SOON_MS)
  })

  it('tells whoever asks to leave from when it is known that it will end', async () => {
    let isEnding = false
    await using listener = await listen(slowly, { ...HERE, isEnding: () => isEnding })
    await ask(listener.url)
    expect(await ask(listener.url)).toEqual({ isReused: true, connection: 'keep-alive' })
    isEnding = true
    expect(await ask(listener.url)).toEqual({ isReused: true, connection: 'close' })
    expect(await ask(listener.url)).toEqual({ isReused: false, connection: 'close' })
  })
})
