// The status of a training row, at the edges of what a merge would say.
import { describe, expect, it } from '@jest/globals'
import { planView } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { planAsOf } from './as-of-plan.ts'
import { finaliseRow } from './finalise-row.ts'

const MAX_AGE_MS = 600_000
const NEWEST_MS = 1_000_000

const taps = eventSource('taps', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const touch = featureView('touch', { source: taps, entity: { user: 'user' }, maxAge: '10m', features: { taps: count().over('1h') } })
const plan = planView(touch.definition, taps.definition)
const asOf = planAsOf(plan, plan.features, {
  input: { kind: 'records', source: taps.definition, records: [] },
  rows: { format: 'records', timeColumn: 't', records: [] },
  rowKeys: {},
  knownAt: 'append',
})

/** The partials of a row that sees one event, at `NEWEST_MS`; then how many events it sees. */
const oneEvent = asOf.asked.map(({ slots }) => [...slots.map(({ kind }) => (kind === 'newest' ? NEWEST_MS : 1)), 1])

describe('finaliseRow', () => {
  it('law 4: gives values up to the max age, and none after it', () => {
    const given = [0, 1, 2].map((laterMs) => finaliseRow(asOf, oneEvent, NEWEST_MS + MAX_AGE_MS - 1 + laterMs)[0])
    expect(given).toEqual([{ status: 'PRESENT', value: 1 }, { status: 'PRESENT', value: 1 }, { status: 'OUTSIDE_MAX_AGE', value: null }])
  })

  it('finds nobody without an event in the longest window', () => {
    expect(finaliseRow(asOf, asOf.asked.map(() => []), NEWEST_MS)).toEqual([{ status: 'NOT_FOUND', value: null }])
  })
})
