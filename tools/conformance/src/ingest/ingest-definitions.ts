// What the ingest suites run on: clicks of users, of which two are in each of two buckets.

import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import { bucketOf, encodeEntityKey, entityHash } from '@tidemark/feature-schema/entity-key'

export const EPOCH_MS = 10_000

export const CLICKS: SourceDefinition = {
  kind: 'event', name: 'clicks', version: 1, eventTime: 'at', epochLengthMs: EPOCH_MS, skewMaxMs: 30_000, delayMs: 0,
  fields: [
    { name: 'user', type: 'string', nullable: true }, { name: 'at', type: 'timestamp', nullable: false }, { name: 'amount', type: 'int32', nullable: true },
  ],
}

const windows = [{ name: '1h', lengthMs: 3_600_000, resolutionMs: 60_000 }, { name: 'lifetime', lengthMs: null, resolutionMs: null }]

const TOTALS: FeatureViewDefinition = {
  name: 'totals', version: 1, source: 'clicks', sourceVersion: 1, bucketCount: 2, derive: [], entity: [{ key: 'user', column: 'user' }],
  aggregations: [{ name: 'clicks', op: 'count', of: null, windows }, { name: 'amount', op: 'sum', of: 'amount', windows }],
}

const LARGE: FeatureViewDefinition = {
  ...TOTALS, name: 'large', bucketCount: 4, where: 'twice > 10', derive: [{ name: 'twice', type: 'int32', expression: 'amount * 2' }],
  aggregations: [{ name: 'newest', op: 'lastK', k: 2, of: 'twice', windows }, { name: 'most', op: 'max', of: 'amount', windows }],
}

export const totals: ViewPlan = planView(TOTALS, CLICKS)
export const large: ViewPlan = planView(LARGE, CLICKS)

function usersIn(bucket: number): string[] {
  const users = Array.from({ length: 50 }, (_, i) => `user${i}`)
  return users.filter((user) => bucketOf(entityHash(encodeEntityKey([user], ['string'])), TOTALS.bucketCount) === bucket).slice(0, 2)
}

/** Users of bucket 0, and of bucket 1. */
export const [HERE, THERE] = [usersIn(0), usersIn(1)] as [[string, string], [string, string]]
export const USERS: readonly (readonly string[])[] = [...HERE, ...THERE].map((user) => [user])
