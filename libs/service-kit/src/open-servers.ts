// Servers that a service needs, opened in whatever order they come up: each is tried until it answers, and said once that it is waited for. What waiting
// does not mend, wrong credentials or settings, is thrown at once. Who does not wait for a server that is away tries each once, within a time.

import { TidemarkError } from '@tidemark/feature-schema/errors'
import type { WaitingClock } from '@tidemark/ports/clock'
import { keepRunning } from '@tidemark/pipelines/lambda/keep-running'
import type { Readiness } from './readiness.ts'
import type { ServiceLog } from './service-log.ts'

/** Between two attempts: a service is ready soon after its servers are. */
const RETRY_MAX_MS = 1_000

export interface Waiting {
  readonly log: ServiceLog
  readonly readiness: Readiness
  readonly clock: WaitingClock
  readonly signal: AbortSignal
}

type Openers = Readonly<Record<string, (signal: AbortSignal) => Promise<AsyncDisposable>>>
export type Opened<O extends Openers> = { readonly [name in keyof O]: Awaited<ReturnType<O[name]>> } & AsyncDisposable

export interface InTime {
  /** Of each, until it answers. */
  readonly withinMs: number
  readonly clock: WaitingClock
  readonly signal: AbortSignal
}

/** Makes attempts at a server's opening, as many as it sees fit. */
type Try = (name: string, attempt: (signal: AbortSignal) => Promise<AsyncDisposable>, signal: AbortSignal) => Promise<AsyncDisposable>

/** Opens all of them side by side. Throws what cannot be waited out, or the signal's reason; then nothing of them stays open. */
export function openServers<O extends Openers>(openers: O, waiting: Waiting): Promise<Opened<O>> {
  return openTogether(openers, waiting.signal, (name, attempt, signal) => untilAnswered(name, attempt, { ...waiting, signal }))
}

/** Opens all of them side by side, or throws what the first says that cannot be: STORE_UNAVAILABLE of one that does not answer in time. */
export function openServersInTime<O extends Openers>(openers: O, { withinMs, clock, signal }: InTime): Promise<Opened<O>> {
  return openTogether(openers, signal, (name, attempt, ended) => answeredInTime(name, attempt, { withinMs, clock, signal: ended }))
}

async function openTogether<O extends Openers>(openers: O, signal: AbortSignal, tryToOpen: Try): Promise<Opened<O>> {
  await using opened = new SideBySide()
  const failed = new AbortController()
  const ended = AbortSignal.any([signal, failed.signal])
  const one = async ([name, open]: [string, Openers[string]]): Promise<[string, AsyncDisposable]> => {
    const server = await tryToOpen(name, async (still) => closedUnless(still, await open(still)), ended)
    return [name, opened.use(server)]
  }
  const results = await Promise.allSettled(Object.entries(openers).map((entry) => one(entry).catch((error: unknown) => {
    failed.abort(error)
    throw error
  })))
  ended.throwIfAborted()
  const servers = Object.fromEntries(results.map((result) => (result as PromiseFulfilledResult<[string, AsyncDisposable]>).value))
  const owned = opened.move()
  return { ...servers, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() } as unknown as Opened<O>
}

/** Servers that know nothing of each other: one that hangs, and takes its time to be left, keeps no other. */
class SideBySide implements AsyncDisposable {
  private servers: AsyncDisposable[] = []

  use(server: AsyncDisposable): AsyncDisposable {
    this.servers.push(server)
    return server
  }

  move(): SideBySide {
    const moved = new SideBySide()
    moved.servers = this.servers
    this.servers = []
    return moved
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = await Promise.allSettled(this.servers.map((server) => server[Symbol.asyncDispose]()))
    const failed = closed.find(({ status }) => status === 'rejected')
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason
  }
}

/** Something that came too late is closed. */
async function closedUnless(still: AbortSignal, server: AsyncDisposable): Promise<AsyncDisposable> {
  if (!still.aborted) return server
  await server[Symbol.asyncDispose]()
  throw still.reason
}

/** Tries something of a server's until it answers. Throws the signal's reason as soon as it is aborted: what is under way then is left to itself. */
export async function untilAnswered<T>(name: string, attempt: (signal: AbortSignal) => Promise<T>, { log, readiness, clock, signal }: Waiting, retryMaxMs = RETRY_MAX_MS): Promise<T> {
  signal.throwIfAborted()
  let isWaiting = false
  let answer: { readonly value: T } | undefined
  readiness.waits(name, { message: 'It has not answered yet.' })
  const trying = keepRunning(async () => void (answer = { value: await attempt(signal) }), clock, signal, ({ code, message, where }) => {
    if (isWaiting) return
    isWaiting = true
    readiness.waits(name, { code, message })
    log.warn({ code, where }, `waits for ${name}: ${message}`)
  }, retryMaxMs)
  await Promise.race([trying, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))])
  trying.catch(() => undefined)
  signal.throwIfAborted()
  readiness.answers(name)
  if (isWaiting) log.info(`${name} answers`)
  return answer!.value
}

/** One attempt. Throws the signal's reason as soon as it is aborted: what is under way then, or when the time is over, is left to itself. */
async function answeredInTime<T>(name: string, attempt: (signal: AbortSignal) => Promise<T>, { withinMs, clock, signal }: InTime): Promise<T> {
  signal.throwIfAborted()
  const answered = new AbortController()
  const tooLate = async (): Promise<never> => {
    await clock.wait(withinMs, AbortSignal.any([signal, answered.signal]))
    signal.throwIfAborted()
    throw new TidemarkError([{ code: 'STORE_UNAVAILABLE', message: `It has not answered within ${withinMs / 1_000} s.`, where: name, action: 'See that it runs and can be reached, then try again.' }])
  }
  try {
    return await Promise.race([attempt(signal), tooLate()])
  } finally {
    answered.abort()
  }
}
