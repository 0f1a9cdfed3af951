// What the suites of faults run: one source of two partitions, a view by its key that records are spread by and one that is not.

import { count, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'

export const PARTITION_COUNT = 2
export const EPOCH_LENGTH_MS = 20_000

const payments = eventSource('payments', {
  fields: { at: timestamp(), id: int64(), card: string(), shop: string(), amount: int64().between(1, 1_000) },
  eventTime: 'at',
  epochLength: '20s',
  skewMax: '2s',
})
const cards = featureView('cards', { source: payments, entity: { card: 'card' }, buckets: 4, features: { payments: count().over('10m', 'lifetime'), spent: sum('amount').over('lifetime') } })
const shops = featureView('shops', { source: payments, entity: { shop: 'shop' }, buckets: 4, features: { payments: count().over('lifetime'), taken: sum('amount').over('10m', 'lifetime') } })

export const definitions = collectDefinitions([payments, cards, shops])
export const source = definitions.sources[0]!
