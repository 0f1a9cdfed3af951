// One server as a process: started on its own, so that it outlives whoever started it; waited for until it answers; and ended.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identifyProcess, isPaused, isRunning, signalProcess, type ProcessIdentity } from './process-identity.ts'
import { endOfLog, runTool } from './run-tool.ts'
import { DATA_FOLDER, type Command, type ServerPlace, type ServerSpec } from './server-specs.ts'
import { ServersError } from './servers-error.ts'
import type { SetFolder } from './set-folder.ts'

/** The longest that a server may take until it answers, recovery after kill -9 on a busy machine included. */
export const READY_LIMIT_MS = 120_000
/** What a server gets after SIGTERM before SIGKILL; Cassandra needs 6 s to flush and to leave, and on a busy machine three times that. */
export const STOP_LIMIT_MS = 40_000

const READY_POLL_MS = 100
const STATE_POLL_MS = 20
const SIGNAL_LIMIT_MS = 10_000
const PREPARED_FILE = 'prepared'

/** Writes the server's configuration, prepares its data once, starts it, and records which process it is. */
export async function launch(spec: ServerSpec, place: ServerPlace, folder: SetFolder, signal?: AbortSignal): Promise<ProcessIdentity> {
  mkdirSync(join(place.folder, DATA_FOLDER), { recursive: true })
  for (const [file, text] of Object.entries(spec.configure(place))) writeFileSync(join(place.folder, file), text)
  const prepared = join(place.folder, PREPARED_FILE)
  if (spec.prepare !== undefined && !existsSync(prepared)) {
    const { program, args } = spec.prepare(place)
    await runTool({ program, args, cwd: place.folder, logPath: folder.logOf(place.name), signal })
    writeFileSync(prepared, '')
  }
  signal?.throwIfAborted()
  return startProcess(spec.start(place), place.folder, folder.logOf(place.name), (identity) => folder.writeProcess(place.name, identity))
}

async function startProcess({ program, args, env }: Command, cwd: string, logPath: string, record: (identity: ProcessIdentity) => void): Promise<ProcessIdentity> {
  const log = openSync(logPath, 'a')
  try {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', log, log], detached: true })
    // Before anything else runs here that may end this process: who takes the set down must find the server.
    const identity = child.pid === undefined ? undefined : identifyProcess(child.pid)
    if (identity !== undefined) record(identity)
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    child.unref()
    if (identity === undefined) throw new ServersError(`${program} ended as soon as it had started. The end of its log:\n${endOfLog(logPath)}`)
    return identity
  } finally {
    closeSync(log)
  }
}

/** Resolves when the process answers `probe`; throws when it has ended, or has not answered within the limit. */
export async function waitUntilReady(
  identity: ProcessIdentity, probe: () => Promise<void>, logPath: string, { signal, limitMs = READY_LIMIT_MS }: { signal?: AbortSignal | undefined; limitMs?: number } = {},
): Promise<void> {
  const startedAtMs = performance.now()
  for (;;) {
    signal?.throwIfAborted()
    const reason = await probe().then(() => undefined, (error: Error) => error.message)
    // Whoever answers on a dead server's port is somebody else.
    if (!isRunning(identity)) throw new ServersError(`It ended. The end of ${logPath}:\n${endOfLog(logPath)}`)
    if (reason === undefined) return
    if (performance.now() - startedAtMs > limitMs) {
      throw new ServersError(`It did not answer within ${limitMs / 1_000} s (${reason}). The end of ${logPath}:\n${endOfLog(logPath)}`)
    }
    await sleep(READY_POLL_MS)
  }
}

/** Ends the process: SIGTERM, also to a paused one, and SIGKILL after the limit. True where it had to be killed. */
export async function endProcess(identity: ProcessIdentity, limitMs = STOP_LIMIT_MS): Promise<boolean> {
  signalProcess(identity, 'SIGTERM')
  signalProcess(identity, 'SIGCONT')
  if (await waitForEnd(identity, limitMs)) return false
  await killProcess(identity)
  return true
}

/** SIGKILL; resolves when the process is gone. */
export async function killProcess(identity: ProcessIdentity): Promise<void> {
  signalProcess(identity, 'SIGKILL')
  if (!(await waitForEnd(identity, SIGNAL_LIMIT_MS))) throw new ServersError(`pid ${identity.pid} is still there ${SIGNAL_LIMIT_MS / 1_000} s after SIGKILL.`)
}

/** SIGSTOP; resolves when no thread runs any more. */
export async function pauseProcess(identity: ProcessIdentity): Promise<void> {
  signalProcess(identity, 'SIGSTOP')
  if (!(await waitUntil(() => isPaused(identity), SIGNAL_LIMIT_MS))) throw new ServersError(`pid ${identity.pid} still runs ${SIGNAL_LIMIT_MS / 1_000} s after SIGSTOP.`)
}

function waitForEnd(identity: ProcessIdentity, limitMs: number): Promise<boolean> {
  return waitUntil(() => !isRunning(identity), limitMs)
}

async function waitUntil(holds: () => boolean, limitMs: number): Promise<boolean> {
  const startedAtMs = performance.now()
  while (!holds()) {
    if (performance.now() - startedAtMs > limitMs) return false
    await sleep(STATE_POLL_MS)
  }
  return true
}
