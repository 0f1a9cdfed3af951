// Progress on stderr: on a terminal a line that is drawn again and again, once the work takes longer than a second; elsewhere a line of its own now and
// then, once it takes so long that somebody may look whether it still lives. A step of unknown length shows how long it has been at it, one of known
// length a bar.
import cliProgress from 'cli-progress'
import { formatNumber, type Output, type TextStream } from './output.ts'

export interface Progress extends Disposable {
  /** Begins a step of unknown length. */
  step(name: string): void
  /** How far the step is. */
  advance(doneCount: number, totalCount: number): void
  /** How far the step is, from 0 to 1, where that grows evenly enough to say from it how long the rest will take; and in words. */
  reach(doneShare: number, text: () => string): void
}

/** Where lines are drawn again, and where each stays. */
const SHOWN_AFTER_MS = { onTerminal: 1_000, elsewhere: 30_000 }
const SHOWN_AGAIN_ELSEWHERE_MS = 30_000
const BAR_WIDTH = 30
/** Before, what is left would be a guess. */
const ESTIMATED_AFTER_MS = 5_000
const ESTIMATED_FROM_SHARE = 0.05

interface State {
  readonly name: string
  readonly sinceMs: number
  /** null: not known. */
  readonly doneShare: number | null
  readonly isSteady: boolean
  readonly text: () => string
}

/** Progress of one command; dispose it before anything else is written. */
export function createProgress(output: Output, stream: TextStream & NodeJS.WritableStream, shownAfterMs = SHOWN_AFTER_MS): Progress {
  if (output.isJson) return { step() {}, advance() {}, reach() {}, [Symbol.dispose]() {} }
  const isTerminal = stream.isTTY === true
  const startedMs = Date.now()
  let state = stateOf('working')
  const bar = new cliProgress.SingleBar({
    stream,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
    noTTYOutput: true,
    notTTYSchedule: SHOWN_AGAIN_ELSEWHERE_MS,
    format: () => `${lineOf(state, isTerminal)}, ${((Date.now() - startedMs) / 1000).toFixed(0)} s`,
  })
  const timer = setTimeout(() => bar.start(1, 0), isTerminal ? shownAfterMs.onTerminal : shownAfterMs.elsewhere)
  return {
    step(name) {
      state = stateOf(name)
    },
    advance(doneCount, totalCount) {
      const text = (): string => `${formatNumber(doneCount)} of ${formatNumber(totalCount)}`
      state = { ...state, text, doneShare: totalCount === 0 ? null : doneCount / totalCount, isSteady: false }
    },
    reach(doneShare, text) {
      state = { ...state, text, doneShare, isSteady: true }
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      bar.stop()
    },
  }
}

function stateOf(name: string): State {
  return { name, sinceMs: Date.now(), doneShare: null, isSteady: false, text: () => '' }
}

function lineOf({ name, sinceMs, doneShare, isSteady, text }: State, isTerminal: boolean): string {
  if (doneShare === null) return `${name} …`
  const filled = Math.floor(BAR_WIDTH * doneShare)
  const bar = isTerminal ? `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ` : ''
  return `${name} ${bar}${text()}${isSteady ? `, ${(100 * doneShare).toFixed(0)}%${toGo(doneShare, Date.now() - sinceMs)}` : ''}`
}

/** As long as the pace stays what it was; a rough figure, since it does not quite. */
function toGo(doneShare: number, elapsedMs: number): string {
  if (doneShare < ESTIMATED_FROM_SHARE || elapsedMs < ESTIMATED_AFTER_MS) return ''
  const seconds = (elapsedMs / 1_000) * (1 / doneShare - 1)
  return `, about ${seconds < 90 ? `${5 * Math.ceil(seconds / 5)} s` : `${Math.round(seconds / 60)} min`} to go`
}
