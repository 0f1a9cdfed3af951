// Runs the real command in a process of its own, in a folder that goes away with the test.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const stub = join(import.meta.dirname, '..', '..', 'bin', 'tidemark.js')
// One for all runs, also for those that get a temporary folder of their own.
const compileCache = join(tmpdir(), 'node-compile-cache')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Folder extends Disposable {
  readonly path: string
  /** Writes a file and gives back its name. */
  write(name: string, text: string | Uint8Array): string
  /** Runs `tidemark` with these arguments, in the folder. */
  run(...args: readonly string[]): Promise<Ended>
  /** The JSON document of a run with --json. */
  json(...args: readonly string[]): Promise<{ readonly code: number | null; readonly document: unknown; readonly stderr: string }>
  /** Starts `tidemark` and lets the caller do something with the process. */
  start(args: readonly string[], environment: Readonly<Record<string, string>>): { readonly child: ChildProcess; readonly ended: Promise<Ended> }
}

export function makeFolder(): Folder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-cli-')))
  const start: Folder['start'] = (args, environment) => {
    const child = spawn(process.execPath, [stub, ...args], { cwd: path, env: { ...process.env, NODE_COMPILE_CACHE: compileCache, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
    return { child, ended: endOf(child) }
  }
  const run: Folder['run'] = (...args) => start(args, {}).ended
  return {
    path,
    write: (name, text) => {
      writeFileSync(join(path, name), text)
      return name
    },
    run,
    async json(...args) {
      const { code, stdout, stderr } = await run(...args, '--json')
      return { code, document: JSON.parse(stdout) as unknown, stderr }
    },
    start,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** Runs one line of a shell. */
export function runShell(line: string, cwd: string, environment: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return endOf(spawn('sh', ['-c', line], { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] }))
}

function endOf(child: ChildProcess): Promise<Ended> {
  const texts = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name]!.setEncoding('utf8').on('data', (text: string) => (texts[name] += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, ...texts }))
  })
}
