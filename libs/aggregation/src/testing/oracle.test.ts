// The oracle against answers worked out by hand.

import { describe, expect, it } from '@jest/globals'
import type { AggregationDefinition, FeatureViewDefinition, SourceDefinition } from '@tidemark/feature-schema/definition'
import type { Row } from '@tidemark/feature-schema/value'
import { agrees } from './agreement.ts'
import { acrossTheSeam, oracleValues, type OracleEvent, type OracleFeature } from './oracle.ts'

const source: SourceDefinition = {
  kind: 'event', name: 'events', version: 1, eventTime: 'at', epochLengthMs: 10, skewMaxMs: 0, delayMs: 0,
  fields: [
    { name: 'user', type: 'string', nullable: true }, { name: 'at', type: 'timestamp', nullable: false },
    { name: 'n', type: 'int64', nullable: true }, { name: 'x', type: 'double', nullable: true }, { name: 's', type: 'string', nullable: true },
  ],
}
const W10 = { name: 'w', lengthMs: 10, resolutionMs: 5 }

function viewOf(aggregation: Partial<AggregationDefinition>, more: Partial<FeatureViewDefinition> = {}): FeatureViewDefinition {
  const whole = { name: 'f', op: 'count', of: null, windows: [W10], ...aggregation } as const
  const entity = [{ key: 'user', column: 'user' }]
  return { name: 'v', version: 1, source: 'events', sourceVersion: 1, bucketCount: 1, entity, derive: [], aggregations: [whole], ...more }
}

let offset = 0
function event(eventTimeMs: number, n: number | bigint | null = null, x: number | null = null, s: string | null = null, appendTimeMs = eventTimeMs): OracleEvent {
  const fields: Row = ['ann', eventTimeMs, n, x, s]
  return { fields, eventTimeMs, appendTimeMs, partition: 0, offset: offset++, epoch: Math.floor(appendTimeMs / 10) }
}

function ask(view: FeatureViewDefinition, events: readonly OracleEvent[], atMs: number, has: (event: OracleEvent) => boolean = () => true): OracleFeature {
  return oracleValues(view, source, events, { entity: ['ann'], atMs, has })[0]!
}

describe('the oracle', () => {
  it('law 4: covers [tail, t), the tail rounded down to the resolution, before 1970 too', () => {
    const events = [5, 9, 10, 19].map((timeMs) => event(timeMs))
    expect(ask(viewOf({}), events, 20).value).toBe(2)
    expect(ask(viewOf({}), events, 19).value).toBe(3)
    expect(ask(viewOf({}), [-6, -5, -4].map((timeMs) => event(timeMs)), 6).value).toBe(2)
    expect(ask(viewOf({}), events, 35).status).toBe('NOT_FOUND')
    expect(ask(viewOf({}, { maxAgeMs: 3 }), events, 23).status).toBe('OUTSIDE_MAX_AGE')
  })

  it('law 4: takes an event time ahead of its append time as the append time', () => {
    expect(ask(viewOf({ op: 'timeSinceLast' }), [event(500, 1, null, null, 12)], 20).value).toBe(8)
  })

  it('law 3: counts what batch has by epoch and speed by offset, once', () => {
    offset = 0
    const events = [1, 11, 12, 21].map((timeMs) => event(timeMs))
    const has = acrossTheSeam(1, new Map([[0, 1]]))
    expect(ask(viewOf({ windows: [{ name: 'lifetime', lengthMs: null, resolutionMs: null }] }), events, 30, has).value).toBe(3)
  })

  it('law 1: sums integers exactly and judges them at the end', () => {
    const big = 2n ** 63n - 1n
    expect(ask(viewOf({ op: 'sum', of: 'n' }), [event(1, big), event(2, 1), event(3, -1)], 5).value).toBe(big)
    expect(ask(viewOf({ op: 'sum', of: 'n' }), [event(1, big), event(2, 1)], 5).status).toBe('UNAVAILABLE')
    expect(ask(viewOf({ op: 'sum', of: 'n' }), [event(1)], 5).status).toBe('NULL_VALUE')
    expect(ask(viewOf({ op: 'mean', of: 'n' }), [event(1, 1), event(2, 2)], 5).value).toBe(1.5)
  })

  it('law 1: sums doubles and squares them exactly, with the slack that the law gives', () => {
    const sum = ask(viewOf({ op: 'sum', of: 'x' }), [event(1, null, 1e16), event(2, null, 1), event(3, null, -1e16)], 5)
    expect(sum.value).toBe(1)
    expect(agrees(sum, { status: 'PRESENT', value: 0 })).toBe(true)
    expect(agrees(sum, { status: 'PRESENT', value: 1e8 })).toBe(false)
    expect(ask(viewOf({ op: 'variance', of: 'n' }), [2, 4, 4, 4, 5, 5, 7, 9].map((n) => event(1, n)), 5).value).toBe(4)
    expect(ask(viewOf({ op: 'stddev', of: 'n' }), [2, 4, 4, 4, 5, 5, 7, 9].map((n) => event(1, n)), 5).value).toBe(2)
    expect(ask(viewOf({ op: 'ratio', of: 'n', per: 'x' }), [event(1, 3, 2), event(2, 3, 2)], 5).value).toBe(1.5)
    expect(ask(viewOf({ op: 'ratio', of: 'n', per: 'x' }), [event(1, 3, 0)], 5).status).toBe('NULL_VALUE')
  })

  it('law 2: orders by (event time, partition, offset)', () => {
    offset = 0
    const events = [event(3, 1), event(2, 2), event(3, 3)]
    const answer = (aggregation: Partial<AggregationDefinition>): unknown => ask(viewOf({ of: 'n', ...aggregation }), events.toReversed(), 5).value
    expect(answer({ op: 'first' })).toBe(2)
    expect(answer({ op: 'last' })).toBe(3)
    expect(answer({ op: 'firstK', k: 2 })).toEqual([2, 1])
    expect(answer({ op: 'lastK', k: 2 })).toEqual([3, 1])
    expect(answer({ op: 'topK', k: 2 })).toEqual([3, 2])
    expect(answer({ op: 'bottomK', k: 5 })).toEqual([1, 2, 3])
  })

  it('law 9: counts values and groups up to the declared number', () => {
    const events = ['b', 'a', 'b', '__proto__', null].map((text) => event(1, 1, null, text))
    expect(ask(viewOf({ op: 'uniqueCount', of: 's', valuesMax: 3 }), events, 5).value).toBe(3)
    expect(ask(viewOf({ op: 'uniqueCount', of: 's', valuesMax: 2 }), events, 5).status).toBe('UNAVAILABLE')
    expect(Object.entries(ask(viewOf({ op: 'histogram', of: 's' }), events, 5).value ?? {})).toEqual([['__proto__', 1], ['a', 1], ['b', 2]])
    const groups = Object.entries(ask(viewOf({ groupBy: 's' }), events, 5).groups ?? {})
    expect(groups.map(([group, { value }]) => [group, value])).toEqual([['__proto__', 1], ['a', 1], ['b', 2]])
    expect(ask(viewOf({ groupBy: 's', groupsMax: 2 }), events, 5).status).toBe('UNAVAILABLE')
  })

  it('law 1: reads a quantile as its bin, within the error', () => {
    const events = [1, 2, 3, 1000].map((x) => event(1, null, x))
    const { value } = ask(viewOf({ op: 'quantile', of: 'x', quantile: 0.5, error: 0.01 }), events, 5)
    expect(Math.abs((value as number) - 2)).toBeLessThanOrEqual(0.02)
    expect(ask(viewOf({ op: 'quantile', of: 'x', quantile: 1, error: 0.01 }), [...events, event(1, null, 1e19)], 5).status).toBe('UNAVAILABLE')
  })
})
