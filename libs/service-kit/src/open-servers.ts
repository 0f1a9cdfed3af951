// Servers that a service needs, opened in whatever order they come up: each is tried until it answers, and said once that it is waited for. What waiting
// does not mend, wrong credentials or settings, is thrown at once.

import type { WaitingClock } from '@tidemark/ports/clock'
import { keepRunning } from '@tidemark/pipelines/lambda/keep-running'
import type { ServiceLog } from './service-log.ts'

export interface Waiting {
  readonly log: ServiceLog
  readonly clock: WaitingClock
  readonly signal: AbortSignal
}

type Openers = Readonly<Record<string, (signal: AbortSignal) => Promise<AsyncDisposable>>>
export type Opened<O extends Openers> = { readonly [name in keyof O]: Awaited<ReturnType<O[name]>> } & AsyncDisposable

/** Opens all of them side by side. Throws what cannot be waited out, or the signal's reason; then nothing of them stays open. */
export async function openServers<O extends Openers>(openers: O, { log, clock, signal }: Waiting): Promise<Opened<O>> {
  await using opened = new AsyncDisposableStack()
  const failed = new AbortController()
  const ended = AbortSignal.any([signal, failed.signal])
  const one = async ([name, open]: [string, Openers[string]]): Promise<[string, AsyncDisposable]> => {
    const server = await untilAnswered(name, async (still) => closedUnless(still, await open(still)), { log, clock, signal: ended })
    return [name, opened.use(server)]
  }
  const results = await Promise.allSettled(Object.entries(openers).map((entry) => one(entry).catch((error: unknown) => {
    failed.abort(error)
    throw error
  })))
  ended.throwIfAborted()
  const servers = Object.fromEntries(results.map((result) => (result as PromiseFulfilledResult<[string, AsyncDisposable]>).value))
  const owned = opened.move()
  return { ...servers, [Symbol.asyncDispose]: () => owned.disposeAsync() } as unknown as Opened<O>
}

/** Something that came too late is closed. */
async function closedUnless(still: AbortSignal, server: AsyncDisposable): Promise<AsyncDisposable> {
  if (!still.aborted) return server
  await server[Symbol.asyncDispose]()
  throw still.reason
}

/** Tries something of a server's until it answers. Throws the signal's reason as soon as it is aborted: what is under way then is left to itself. */
export async function untilAnswered<T>(name: string, attempt: (signal: AbortSignal) => Promise<T>, { log, clock, signal }: Waiting): Promise<T> {
  signal.throwIfAborted()
  let isWaiting = false
  let answer: { readonly value: T } | undefined
  const trying = keepRunning(async () => void (answer = { value: await attempt(signal) }), clock, signal, ({ code, message, where }) => {
    if (isWaiting) return
    isWaiting = true
    log.warn({ code, where }, `waits for ${name}: ${message}`)
  })
  await Promise.race([trying, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))])
  trying.catch(() => undefined)
  signal.throwIfAborted()
  if (isWaiting) log.info(`${name} answers`)
  return answer!.value
}
