// What the suites of services apply: one source, a view by the key that its records are spread by and one that is not. Epochs are short,
// so that generations are soon there.

import { count, max, sum } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'

export const payments = eventSource('payments', {
  fields: { at: timestamp(), id: int64(), card: string(), shop: string(), amount: int64().between(1, 1_000) },
  eventTime: 'at',
  epochLength: '2s',
  skewMax: '1s',
})
export const cards = featureView('cards', { source: payments, entity: { card: 'card' }, buckets: 4, features: { payments: count().over('1m', 'lifetime'), spent: sum('amount').over('1h', 'lifetime') } })
/** The same features of another state. */
export const nextCards = featureView('cards', { version: 2, source: payments, entity: { card: 'card' }, buckets: 8, features: { payments: count().over('1m', 'lifetime'), spent: sum('amount').over('1h', 'lifetime') } })
export const shops = featureView('shops', { source: payments, entity: { shop: 'shop' }, buckets: 4, features: { payments: count().over('lifetime'), dearest: max('amount').over('1h') } })
