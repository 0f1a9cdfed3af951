// Where log lines go: a file descriptor, at once, so that a crash loses none. A disk that is full, a reader that is gone or does not read costs lines, which
// are counted, and never the service: nothing is thrown, and nothing waits. What a full pipe does not take at the moment is kept, up to a limit.

import { fstatSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Counter } from '@tidemark/observability/metrics'

const KEPT_MAX_BYTES = 1_048_576
/** How soon what is kept is tried again, where no other line comes. */
const AGAIN_MS = 100

export interface LogOutputOptions {
  /** Counts lines that were not written, or only in part. */
  readonly lost: Counter
  /** How many bytes were taken; throws errors of the system. Default: stdout. */
  readonly write?: (bytes: Uint8Array) => number
}

export class LogOutput {
  private readonly lost: Counter
  private readonly writeSome: (bytes: Uint8Array) => number
  /** What was begun and is not written, then whole lines. */
  private kept: Buffer[] = []
  private keptBytes = 0
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor({ lost, write = writeStdout() }: LogOutputOptions) {
    this.lost = lost
    this.writeSome = write
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.keptBytes + bytes.length > KEPT_MAX_BYTES) return void this.lost.value++
    this.kept.push(bytes)
    this.keptBytes += bytes.length
    this.flush()
  }

  private flush(): void {
    while (this.kept.length > 0) {
      const first = this.kept[0]!
      try {
        this.took(first, this.writeSome(first))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return this.again()
        // A line that was begun stays cut: the one that is written next begins a line of its own.
        this.lost.value++
        this.took(first, first.length)
      }
    }
  }

  private took(first: Buffer, count: number): void {
    this.keptBytes -= count
    if (count === first.length) this.kept.shift()
    else this.kept[0] = first.subarray(count)
  }

  private again(): void {
    this.timer ??= setTimeout(() => {
      this.timer = null
      this.flush()
    }, AGAIN_MS).unref()
  }
}

const STDOUT = 1

function writeStdout(): (bytes: Uint8Array) => number {
  // A pipe whose reader does not read would stop the process at a write that waits: a socket's descriptor does not.
  const stdout = fstatSync(STDOUT)
  if (stdout.isFIFO() || stdout.isSocket()) new Socket({ fd: STDOUT, readable: false, writable: true }).unref()
  return (bytes) => writeSync(STDOUT, bytes)
}
