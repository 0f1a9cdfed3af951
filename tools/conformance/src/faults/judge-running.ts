// Asks a running system for something and holds the answer against the notebook: it has everything that was acknowledged longer ago than it says it lags, and
// nothing that was not sent.

import type { Clock } from '@tidemark/ports/clock'
import { BUSY_CARDS, type EventNotebook } from './event-notebook.ts'

interface Answer {
  readonly entities: readonly { readonly values: readonly number[]; readonly statuses: readonly string[] }[]
  readonly views: readonly { readonly lagMs: number | null }[]
  readonly degraded: readonly { readonly code: string; readonly message: string }[]
}

/** What an answer may lack at a bad moment; of everything else there is no reason. */
const PASSING: ReadonlySet<string> = new Set(['SPEED_SILENT', 'SPEED_LAGGING', 'DEADLINE'])

/** What is wrong with an answer; null: there was none. */
export async function judgeRunning(url: string, notebook: EventNotebook, clock: Clock): Promise<string[] | null> {
  const card = `card-${notebook.below(BUSY_CARDS)}`
  const countedOf = (isCounted: (acknowledgedAtMs: number | null) => boolean): number =>
    notebook.events.filter((event) => event.card === card && !event.isMalformed && isCounted(event.acknowledgedAtMs)).length
  const askedAtMs = clock.nowMs()
  const response = await fetch(`${url}/v1/features`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ features: ['cards:payments_lifetime'], entities: [{ card }], deadlineMs: 10_000 }),
  }).catch(() => null)
  const text = (await response?.text().catch(() => null)) ?? null
  if (response === null || text === null) return null
  if (response.status !== 200) return [text]
  const { entities: [entity], views: [view], degraded } = JSON.parse(text) as Answer
  const wrong = degraded.filter(({ code }) => !PASSING.has(code)).map(({ code, message }) => `${code}: ${message}`)
  if (entity!.statuses[0] === 'UNAVAILABLE') return wrong
  const [value] = entity!.values
  const lagMs = view!.lagMs
  const least = lagMs === null ? 0 : countedOf((atMs) => atMs !== null && atMs < askedAtMs - lagMs)
  const most = countedOf(() => true)
  return value! >= least && value! <= most ? wrong : [...wrong, `${card} has ${value} of ${least} to ${most}: ${text}`]
}
