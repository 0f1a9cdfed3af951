// What simulated histories are about: clicks of a few users, in views small enough to be judged often, whose features show a lost event, one that
// counted twice, one on the wrong side of the seam, and the order in which events count.

import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import type { AggregationDefinition, FeatureViewDefinition, SourceDefinition, WindowDefinition } from '@tidemark/feature-schema/definition'

export const USERS = ['ada', 'bob', 'cleo', 'dora', 'emil'] as const
export const BUCKET_COUNT = 2

const hour: WindowDefinition = { name: '1h', lengthMs: 3_600_000, resolutionMs: 60_000 }
const day: WindowDefinition = { name: '1d', lengthMs: 86_400_000, resolutionMs: 900_000 }
const lifetime: WindowDefinition = { name: 'lifetime', lengthMs: null, resolutionMs: null }

export function clicksOf(epochLengthMs: number): SourceDefinition {
  return {
    kind: 'event', name: 'clicks', version: 1, eventTime: 'at', epochLengthMs, skewMaxMs: 30_000, delayMs: 0,
    fields: [
      { name: 'user', type: 'string', nullable: true }, { name: 'at', type: 'timestamp', nullable: false },
      { name: 'amount', type: 'int32', nullable: true }, { name: 'tag', type: 'string', nullable: true },
    ],
  }
}

const AGGREGATIONS: Readonly<Record<string, Pick<FeatureViewDefinition, 'where' | 'derive' | 'aggregations'>>> = {
  totals: {
    derive: [],
    aggregations: [over('clicks', 'count', null, [hour, lifetime]), over('amount', 'sum', 'amount', [day, lifetime])],
  },
  newest: {
    derive: [{ name: 'twice', type: 'int32', expression: 'amount * 2' }],
    where: 'twice > 2',
    aggregations: [over('tag', 'last', 'tag', [day, lifetime]), over('twice', 'sum', 'twice', [lifetime])],
  },
  habits: {
    derive: [],
    aggregations: [over('mean', 'mean', 'amount', [hour, lifetime]), { ...over('early', 'firstK', 'amount', [day]), k: 3 }, over('clicks', 'count', null, [lifetime])],
  },
}

export const VIEW_NAMES: readonly string[] = Object.keys(AGGREGATIONS)

export function planOf(name: string, source: SourceDefinition): ViewPlan {
  const view = { name, version: 1, source: source.name, sourceVersion: 1, bucketCount: BUCKET_COUNT, entity: [{ key: 'user', column: 'user' }] }
  return planView({ ...view, ...AGGREGATIONS[name]! }, source)
}

function over(name: string, op: AggregationDefinition['op'], of: string | null, windows: readonly WindowDefinition[]): AggregationDefinition {
  return { name, op, of, windows }
}
