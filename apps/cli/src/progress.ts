// Progress on stderr: only on a terminal, and only once the work takes longer than a second. A step of unknown length shows how
// long it has been at it, one of known length a bar.
import cliProgress from 'cli-progress'
import { formatNumber, type Output, type TextStream } from './output.ts'

export interface Progress extends Disposable {
  /** Begins a step of unknown length. */
  step(name: string): void
  /** How far the step is. */
  advance(doneCount: number, totalCount: number): void
}

const SHOWN_AFTER_MS = 1_000
const BAR_WIDTH = 30

/** Progress of one command; dispose it before anything else is written. */
export function createProgress(output: Output, stream: TextStream & NodeJS.WritableStream, shownAfterMs = SHOWN_AFTER_MS): Progress {
  if (output.isJson || stream.isTTY !== true) return { step() {}, advance() {}, [Symbol.dispose]() {} }
  let state = { name: 'working', doneCount: 0, totalCount: 0 }
  const startedMs = Date.now()
  const bar = new cliProgress.SingleBar({
    stream,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
    format: () => `${state.name} ${barText(state)} ${((Date.now() - startedMs) / 1000).toFixed(0)} s`,
  })
  const timer = setTimeout(() => bar.start(1, 0), shownAfterMs)
  return {
    step(name) {
      state = { name, doneCount: 0, totalCount: 0 }
    },
    advance(doneCount, totalCount) {
      state = { ...state, doneCount, totalCount }
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      bar.stop()
    },
  }
}

function barText({ doneCount, totalCount }: { readonly doneCount: number; readonly totalCount: number }): string {
  if (totalCount === 0) return '…'
  const filled = Math.floor((BAR_WIDTH * doneCount) / totalCount)
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${formatNumber(doneCount)} of ${formatNumber(totalCount)}`
}
