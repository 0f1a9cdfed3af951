// Card payments: what a fraud model wants to know about a card and about a merchant at the moment of a payment.
import { approxUniqueCount, count, last, max, mean, quantile, sum, timeSinceLast, topK } from '@tidemark/feature-schema/aggregations'
import { all, double, eventSource, featureService, featureView, int32, string, timestamp } from '@tidemark/feature-schema/dsl'

/** One event for each payment. A record that breaks a type or a bound is rejected, and reported. */
export const payments = eventSource('payments', {
  fields: {
    paid_at: timestamp(),
    card: string().tags('pii'),
    merchant: string(),
    country: string(),
    amount: double().between(0.01, 10_000).describe('Euros'),
    entry: string().nullable().describe('chip, contactless or online'),
  },
  eventTime: 'paid_at',
  epochLength: '1d',
})

export const cardSpending = featureView('card_spending', {
  source: payments,
  entity: { card: 'card' },
  derive: { is_online: int32(`entry = 'online' ? 1 : 0`) },
  features: {
    payments: count().over('1h', '24h', '7d').default(0),
    amount: sum('amount').over('1h', '24h', '7d').default(0),
    amount_max: max('amount').over('7d', 'lifetime'),
    amount_mean: mean('amount').over('7d'),
    online_share: mean('is_online').over('7d'),
    merchants: approxUniqueCount('merchant').over('7d'),
    last_country: last('country').over('7d'),
    since_last_ms: timeSinceLast().over('7d'),
  },
  owner: 'fraud',
  description: 'How a card is used',
})

export const merchantActivity = featureView('merchant_activity', {
  source: payments,
  entity: { merchant: 'merchant' },
  features: {
    payments: count().over('24h', '7d'),
    payments_by_entry: count().groupBy('entry').over('7d'),
    amount_p95: quantile('amount', 0.95).over('7d'),
    largest: topK('amount', 3).over('24h'),
  },
  owner: 'fraud',
  description: 'What a merchant usually sees',
})

/** What the model reads, in its order. */
export const fraudModel = featureService('fraud_model', {
  features: [all(cardSpending), all(merchantActivity)],
})
