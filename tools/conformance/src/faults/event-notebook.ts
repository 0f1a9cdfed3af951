// Sends events and keeps a notebook of them: what was sent, and what was acknowledged and when. It is the oracle of the suites of faults.

export interface SentEvent {
  readonly id: number
  readonly atMs: number
  readonly card: string
  readonly shop: string
  readonly amount: number
  /** It does not fit the source. */
  readonly isMalformed: boolean
  /** By the clock, once the answer was there; null: nobody knows what became of it. */
  acknowledgedAtMs: number | null
}

export const BUSY_CARDS = 12
const SHOPS = 5
/** Each of the other cards has its time, and then no event any more. */
const EVENTS_PER_COLD_CARD = 60
const EVENTS_PER_REQUEST = 8
const MALFORMED_SHARE = 0.03

export class EventNotebook {
  readonly events: SentEvent[] = []
  private readonly chance: () => number
  private readonly nowMs: () => number

  constructor(chance: () => number, nowMs: () => number) {
    this.chance = chance
    this.nowMs = nowMs
  }

  /** Sends some events; false: no answer came. */
  async send(url: string): Promise<boolean> {
    const batch = Array.from({ length: 1 + this.below(EVENTS_PER_REQUEST) }, () => this.newEvent())
    const response = await fetch(`${url}/v1/events/payments`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: batch.map(textOf).join('\n') }).catch(() => null)
    const text = (await response?.text().catch(() => null)) ?? null
    if (response?.status !== 200 || text === null) return false
    for (const event of batch) event.acknowledgedAtMs = this.nowMs()
    return true
  }

  cards(): string[] {
    return [...new Set(this.events.map(({ card }) => card))]
  }

  shops(): string[] {
    return [...new Set(this.events.map(({ shop }) => shop))]
  }

  below(bound: number): number {
    return Math.floor(this.chance() * bound)
  }

  private newEvent(): SentEvent {
    const id = this.events.length
    const event: SentEvent = {
      id, atMs: this.nowMs(), card: this.chance() < 0.8 ? `card-${this.below(BUSY_CARDS)}` : `cold-${Math.floor(id / EVENTS_PER_COLD_CARD)}`, shop: `shop-${this.below(SHOPS)}`, amount: 1 + this.below(1_000),
      isMalformed: this.chance() < MALFORMED_SHARE, acknowledgedAtMs: null,
    }
    this.events.push(event)
    return event
  }
}

/** A malformed one has an amount out of its bounds: its id is still there to be found by. */
function textOf({ id, atMs, card, shop, amount, isMalformed }: SentEvent): string {
  return JSON.stringify({ at: atMs, id, card, shop, amount: isMalformed ? -amount : amount })
}

export function idOf(value: Uint8Array | null): number {
  return (JSON.parse(Buffer.from(value!).toString()) as { id: number }).id
}
