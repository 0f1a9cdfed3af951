// What is going on, all the time: on a terminal a line that is drawn again and again below what stays; elsewhere a line of its own now and then.
import pc from 'picocolors'
import { formatMs } from '../demo-report.ts'

const DRAWN_EVERY_MS = { onTerminal: 200, elsewhere: 5_000 }
const CLEAR_LINE = '\r\x1b[2K'
const TITLE_WIDTH = 16

export type ScreenStream = Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>

export class Screen {
  private readonly stream: ScreenStream
  private drawn: (() => string) | null = null

  constructor(stream: ScreenStream = process.stdout) {
    this.stream = stream
  }

  /** A line that stays. */
  print(line: string): void {
    this.stream.write(`${this.clear()}${line}\n`)
    if (this.stream.isTTY) this.draw()
  }

  /** Runs a step, shows how far it is, and prints what it says of itself, with how long it took. */
  async step<T>(title: string, progress: () => string, run: () => Promise<T> | T, describe: (result: T, ms: number) => string): Promise<T> {
    const startedAtMs = performance.now()
    const result = await this.showing(() => `${title}: ${progress()} (${formatMs(performance.now() - startedAtMs)})`, run)
    const ms = performance.now() - startedAtMs
    this.print(`${pc.green('✓')} ${pc.bold(title.padEnd(TITLE_WIDTH))} ${describe(result, ms)} ${pc.dim(`(${formatMs(ms)})`)}`)
    return result
  }

  private async showing<T>(text: () => string, run: () => Promise<T> | T): Promise<T> {
    this.drawn = text
    const timer = setInterval(() => this.draw(), this.stream.isTTY ? DRAWN_EVERY_MS.onTerminal : DRAWN_EVERY_MS.elsewhere)
    try {
      return await run()
    } finally {
      clearInterval(timer)
      this.stream.write(this.clear())
      this.drawn = null
    }
  }

  private draw(): void {
    if (this.drawn === null) return
    const text = `  … ${this.drawn()}`
    if (this.stream.isTTY) this.stream.write(`${CLEAR_LINE}${pc.dim(text.slice(0, (this.stream.columns || 80) - 1))}`)
    else this.stream.write(`${pc.dim(text)}\n`)
  }

  private clear(): string {
    return this.stream.isTTY && this.drawn !== null ? CLEAR_LINE : ''
  }
}
