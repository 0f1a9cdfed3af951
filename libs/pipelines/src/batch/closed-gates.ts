// Gates that close for the same reason again and again: each sealed epoch is a new occasion, though nothing may have come that opens it, and who reads
// of it once has read enough.

import type { DueEvent } from './run-due.ts'

/** Asked of every event in its order: whether a view's gate is closed for the same reason as at its last run. */
export function createClosedGates(): (event: DueEvent) => boolean {
  /** By view, what its gate was last closed for. */
  const closedFor = new Map<string, string>()
  return (event) => {
    const { view, kind } = event
    const cause = kind === 'failed' && event.error.code === 'GATE_CLOSED' ? event.error.problems.map(({ message }) => message).join('\n') : null
    if (cause !== null && closedFor.get(view) === cause) return true
    if (cause !== null) closedFor.set(view, cause)
    else if (kind === 'done' || kind === 'failed') closedFor.delete(view)
    return false
  }
}
