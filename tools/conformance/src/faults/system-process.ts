// The parent's side of system-child.ts.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Begin, Said } from './system-child.ts'

/** A process that has not ended, begun or said something within this time never will. */
const PATIENCE_MS = 60_000

export class SystemProcess {
  readonly said: Said[] = []
  readonly ended: Promise<NodeJS.Signals | null>
  private readonly child: ReturnType<typeof startChild>
  private errors = ''
  private isOver = false
  private wake: () => void = () => undefined

  /** Loads what it needs, and waits until it is told to begin. */
  constructor(temporaryFolder: string, cacheFolder: string) {
    this.child = startChild({ TMPDIR: temporaryFolder, NODE_COMPILE_CACHE: cacheFolder })
    createInterface(this.child.stdout).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said)
      this.wake()
    })
    this.child.stderr.on('data', (text: Buffer) => (this.errors += text.toString()))
    this.ended = once(this.child, 'close').then(([, signal]) => {
      this.isOver = true
      this.wake()
      return signal as NodeJS.Signals | null
    })
  }

  begin(begin: Begin): void {
    this.child.stdin.write(`${JSON.stringify(begin)}\n`)
  }

  /** null: it ended first. */
  async until<S extends Said['said']>(said: S): Promise<Extract<Said, { said: S }> | null> {
    const deadline = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const found = this.said.find((each) => each.said === said)
      if (found !== undefined) return found as Extract<Said, { said: S }>
      if (this.isOver) return null
      if (deadline.aborted) throw new Error(`It never said ${said}, but ${JSON.stringify(this.said)} ${this.errors}`)
      await new Promise<void>((resolve) => {
        this.wake = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  kill(): void {
    this.child.kill('SIGKILL')
  }

  /** What went wrong by itself; none of it may. */
  complaints(): string[] {
    return [...this.said.flatMap((each) => (each.said === 'failed' ? [each.text] : [])), ...(this.errors === '' ? [] : [this.errors])]
  }
}

function startChild(environment: Readonly<Record<string, string>>) {
  return spawn(process.execPath, [join(import.meta.dirname, 'system-child.ts')], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
}
