// A `tidemark dev --json` in a process of its own: what it says is read line by line, and waited for with a deadline.
import type { ChildProcess } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import type { Ended, Folder } from './run-cli.ts'

const DEADLINE_MS = 30_000

export interface DevEvent {
  readonly event: string
  readonly [property: string]: unknown
}

export interface DevProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  readonly url: string
  readonly ready: DevEvent
  readonly events: readonly DevEvent[]
  /** The first event that it said, or will say, after `from` others. */
  next(event: string, isIt?: (said: DevEvent) => boolean, from?: number): Promise<DevEvent>
}

/** Starts it and waits until it is ready. */
export async function startDev(folder: Folder, ...args: readonly string[]): Promise<DevProcess> {
  const { child, ended } = folder.start(['dev', '--port', '0', '--json', ...args], {})
  const events: DevEvent[] = []
  const waiters = new Set<() => void>()
  let [rest, isOver] = ['', false]
  child.stdout!.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) events.push(JSON.parse(line) as DevEvent)
    for (const waiter of waiters) waiter()
  })
  void ended.then(() => {
    isOver = true
    for (const waiter of waiters) waiter()
  })
  const next: DevProcess['next'] = async (event, isIt = () => true, from = 0) => {
    const { promise, resolve, reject } = Promise.withResolvers<DevEvent>()
    const look = (): void => {
      const found = events.slice(from).find((said) => said.event === event && isIt(said))
      if (found !== undefined) resolve(found)
      else if (isOver) void ended.then(({ code, stdout, stderr }) => reject(new Error(`It ended with ${code} before it said ${event}.\n${stdout}\n${stderr}`)))
    }
    const deadline = globalThis.setTimeout(() => reject(new Error(`It never said ${event}, but ${JSON.stringify(events)}`)), DEADLINE_MS)
    waiters.add(look)
    look()
    try {
      return await promise
    } finally {
      clearTimeout(deadline)
      waiters.delete(look)
    }
  }
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  try {
    const ready = await next('ready')
    return { child, ended, events, next, ready, url: String(ready['url']), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

export async function postJson(url: string, body: unknown, type = 'application/json'): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body: typeof body === 'string' ? body : JSON.stringify(body) })
  return { status: response.status, body: await response.json() }
}

/** Asks again and again until the answer is as expected; the last one. Throws with it after the deadline. */
export async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  const endMs = performance.now() + DEADLINE_MS
  for (;;) {
    const answer = await ask()
    if (isIt(answer)) return answer
    if (performance.now() > endMs) throw new Error(`It never came to be: ${JSON.stringify(answer)}`)
    await setTimeout(5)
  }
}
