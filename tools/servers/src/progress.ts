// Tells what happens to the servers, a line each, and what is still waited for: soon at first, then at longer and longer intervals.
import picocolors from 'picocolors'
import { SERVER_NAMES, type ServerName } from './names.ts'
import type { ServerEvent, Watch } from './server-set.ts'

export interface Progress extends Disposable {
  readonly watch: Watch
}

const FIRST_REMINDER_MS = 5_000
const REMINDER_INTERVAL_MAX_MS = 60_000
const nameWidth = Math.max(...SERVER_NAMES.map((name) => name.length))

export function createProgress(print: (line: string) => void, nowMs: () => number = () => performance.now()): Progress {
  const startedMs = nowMs()
  const pending = new Map<ServerName, { what: string; sinceMs: number }>()
  const seconds = (sinceMs: number): string => `${((nowMs() - sinceMs) / 1_000).toFixed(1)} s`
  const remind = (intervalMs: number): NodeJS.Timeout => setTimeout(() => {
    if (pending.size > 0) print(picocolors.dim(`still waiting for ${[...pending].map(([name, { what, sinceMs }]) => `${name} (${what}, ${seconds(sinceMs)})`).join(', ')}`))
    timer = remind(Math.min(2 * intervalMs, REMINDER_INTERVAL_MAX_MS))
  }, intervalMs).unref()
  let timer = remind(FIRST_REMINDER_MS)
  return {
    watch(name, event) {
      const what = PENDING[event.kind]
      if (what === undefined) pending.delete(name)
      else pending.set(name, { what, sinceMs: nowMs() })
      print(`${name.padEnd(nameWidth)}  ${describe(event, () => seconds(startedMs))}`)
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

const PENDING: Partial<Record<ServerEvent['kind'], string>> = {
  building: 'building', waiting: 'another process builds it', starting: 'starting', stopping: 'stopping',
}

function describe(event: ServerEvent, sinceStart: () => string): string {
  switch (event.kind) {
    case 'building': return `building ${event.build.name} ${event.build.version}, once: it takes ${event.build.expected}`
    case 'waiting': return `waiting for another process, which builds ${event.build.name} ${event.build.version}`
    case 'built': return `is built: ${event.folder}`
    case 'starting': return 'starting'
    case 'ready': return event.wasRunning ? `runs already (pid ${event.identity.pid})` : `${picocolors.green('ready')} after ${sinceStart()} (pid ${event.identity.pid})`
    case 'failed': return `${picocolors.red('failed')} after ${sinceStart()}\n${event.error.message.replace(/^/gm, '  ')}`
    case 'stopping': return 'stopping'
    case 'stopped': return event.wasKilled ? 'killed: it did not end when asked to' : 'stopped'
  }
}
