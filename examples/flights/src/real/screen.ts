// What is going on, all the time: on a terminal a line that is drawn again and again below what stays; elsewhere a line of its own now and then.
import pc from 'picocolors'

const DRAWN_EVERY_MS = { onTerminal: 200, elsewhere: 5_000 }
const CLEAR_LINE = '\r\x1b[2K'

export class Screen {
  private readonly stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'>
  private drawn: (() => string) | null = null

  constructor(stream: Pick<NodeJS.WriteStream, 'write' | 'isTTY' | 'columns'> = process.stdout) {
    this.stream = stream
  }

  /** A line that stays. */
  print(line: string): void {
    this.stream.write(`${this.clear()}${line}\n`)
    if (this.stream.isTTY) this.draw()
  }

  /** Shows how far it is until it is disposed. */
  show(text: () => string): Disposable {
    this.drawn = text
    const timer = setInterval(() => this.draw(), this.stream.isTTY ? DRAWN_EVERY_MS.onTerminal : DRAWN_EVERY_MS.elsewhere)
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer)
        this.stream.write(this.clear())
        this.drawn = null
      },
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
