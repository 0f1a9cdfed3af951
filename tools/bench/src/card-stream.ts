// What the core's benchmarks feed in: payments by card, one a minute and card, in the order of their times.

import { approxUniqueCount, count, max, mean, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { double, eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'

export const MINUTE_MS = 60_000
/** Each card pays at as many merchants, of MERCHANT_COUNT. */
const MERCHANTS_PER_CARD = 200
const MERCHANT_COUNT = 20_000

export const payments = eventSource('payments', {
  fields: { card: string(), at: timestamp(), amount: double(), merchant: string() },
  eventTime: 'at',
})

const windows = ['1h', '24h', '7d'] as const

export const cardSpending = featureView('card_spending', {
  source: payments,
  entity: { card: 'card' },
  features: {
    payments: count().over(...windows),
    spent: sum('amount').over(...windows),
    largest: max('amount').over(...windows),
    average: mean('amount').over(...windows),
    merchants: approxUniqueCount('merchant').over(...windows),
  },
})

export function planOf(view: Parameters<typeof collectDefinitions>[0] extends Iterable<infer V> ? V : never): ViewPlan {
  const { views, sources } = collectDefinitions([view])
  return planView(views[0]!, sources[0]!)
}

/** Numbers in [0, 1) from a seed: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A payment's amount, in cents, and merchant. */
export function drawPayment(random: () => number, card: number): { amount: number; merchant: string } {
  const merchant = (card * 7919 + Math.floor(random() * MERCHANTS_PER_CARD) * 97) % MERCHANT_COUNT
  return { amount: Math.round(random() ** 3 * 50_000) / 100, merchant: `merchant-${merchant}` }
}

/** Numbers 0 to `length` - 1 in random order. */
export function shuffled(length: number, random: () => number): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
