// What the suite of upgrades applies: partials of every format, by the key that records are spread by and by one that they are not. Epochs are as short as
// generations can follow.

import { approxUniqueCount, count, first, histogram, lastK, max, mean, min, quantile, ratio, stddev, sum, timeSinceLast, topK, uniqueCount } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import type { Definitions } from '@tidemark/feature-schema/definition'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'

const payments = eventSource('payments', {
  fields: { at: timestamp(), id: int64(), card: string(), shop: string(), amount: int64().between(1, 1_000) },
  eventTime: 'at',
  epochLength: '1s',
  skewMax: '500ms',
})
const cards = featureView('cards', {
  source: payments, entity: { card: 'card' }, buckets: 4,
  features: {
    payments: count().over('1m', 'lifetime'),
    spent: sum('amount').over('1h', 'lifetime'),
    mean: mean('amount').over('1m'),
    spread: stddev('amount').over('1h'),
    first: first('amount').over('lifetime'),
    newest: lastK('id', 3).over('1h'),
    since: timeSinceLast().over('1h'),
    dear: ratio('amount > 500 ? amount : 0', 'amount').over('1h'),
  },
})
const shops = featureView('shops', {
  source: payments, entity: { shop: 'shop' }, buckets: 4,
  features: {
    payments: count().over('lifetime'),
    cheapest: min('amount').over('1m'),
    dearest: max('amount').over('1h'),
    largest: topK('amount', 5).over('1h'),
    cards: uniqueCount('card').over('lifetime'),
    amounts: approxUniqueCount('amount').over('lifetime'),
    median: quantile('amount', 0.5).over('1h'),
    by_card: sum('amount').groupBy('card').over('1h'),
    each_card: histogram('card').over('lifetime'),
    exactly: count().over({ window: '10s', resolution: 'exact' }),
  },
})

export const EVERY_FORMAT: Definitions = collectDefinitions([payments, cards, shops])
