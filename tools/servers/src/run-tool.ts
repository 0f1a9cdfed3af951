// Runs a program of a build or a preparation to its end: in a process group of its own, which ends as a whole when the run is
// aborted, with all it prints in one log.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readSync, fstatSync } from 'node:fs'
import { ServersError } from './servers-error.ts'

export interface ToolRun {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly logPath: string
  readonly signal?: AbortSignal | undefined
}

const LOG_END_BYTES_MAX = 16_384
const LOG_END_LINES_MAX = 20

/** Resolves when the program ends with 0; else throws what it was and the end of its log. */
export async function runTool({ program, args, cwd, env, logPath, signal }: ToolRun): Promise<void> {
  signal?.throwIfAborted()
  const log = openSync(logPath, 'a')
  try {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', log, log], detached: true })
    const endGroup = (): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL')
    }
    signal?.addEventListener('abort', endGroup, { once: true })
    const ended = await new Promise<string>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, killedBy) => resolve(code === null ? `was ended by ${killedBy}` : code === 0 ? '' : `ended with exit code ${code}`))
    }).finally(() => signal?.removeEventListener('abort', endGroup))
    signal?.throwIfAborted()
    if (ended !== '') throw new ServersError(`${[program, ...args].join(' ')}\n${ended}. The end of what it printed:\n${endOfLog(logPath)}`)
  } finally {
    closeSync(log)
  }
}

/** The last lines of a log, indented. */
export function endOfLog(path: string, linesMax = LOG_END_LINES_MAX): string {
  if (!existsSync(path)) return '  (there is no log)'
  const file = openSync(path, 'r')
  try {
    const size = fstatSync(file).size
    const bytes = Buffer.alloc(Math.min(size, LOG_END_BYTES_MAX))
    readSync(file, bytes, 0, bytes.length, size - bytes.length)
    const lines = bytes.toString('utf8').trimEnd().split('\n').slice(-linesMax)
    return lines.map((line) => `  ${line}`).join('\n')
  } finally {
    closeSync(file)
  }
}
