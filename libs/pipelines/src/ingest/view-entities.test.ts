import { describe, expect, it } from '@jest/globals'
import { planView, type ViewPlan } from '@tidemark/aggregation/view-plan'
import { count } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { encodeEntityKey } from '@tidemark/feature-schema/entity-key'
import type { Row } from '@tidemark/feature-schema/value'
import { ViewEntities } from './view-entities.ts'

const trips = eventSource('trips', { fields: { at: timestamp(), from: string().nullable(), to: string(), seat: int64() }, eventTime: 'at' })
const routes = featureView('routes', { source: trips, entity: { from: 'from', to: 'to', seat: 'seat' }, features: { trips: count().over('1h') } })
const plan: ViewPlan = planView(routes.definition, trips.definition)

function rowOf(from: string | null, to: string, seat: number | bigint): Row {
  return [0, from, to, seat]
}

describe('the entities of a view with several keys', () => {
  it('are told apart by each key, not by their texts one after another', () => {
    const entities = new ViewEntities(plan, 1_000_000)
    const rows = [['a', 'bc', 1], ['ab', 'c', 1], ['', 'abc', 1], ['a', 'b', 1], ['a', 'bc', 11], ['a', 'bc1', 1], ['1:a', 'bc', 1], ['a', '1:bc', 1]] as const
    const found = rows.map(([from, to, seat]) => entities.find(rowOf(from, to, seat))!)
    expect(found.map(({ entity }) => entity)).toEqual(rows.map(([from, to, seat]) => encodeEntityKey([from, to, seat], ['string', 'string', 'int64'])))
    expect(new Set(found).size).toBe(rows.length)
  })

  it('are the same where the same keys come again, a number small or large', () => {
    const entities = new ViewEntities(plan, 1_000_000)
    expect(entities.find(rowOf('a', 'b', 1n))).toBe(entities.find(rowOf('a', 'b', 1)))
  })

  it('are nobody where a key is NULL', () => {
    expect(new ViewEntities(plan, 1_000_000).find(rowOf(null, 'b', 1))).toBeNull()
  })
})

describe('what is kept of entities', () => {
  it('is what was asked for of late: half of the limit is young, and what it grew past is forgotten the next time', () => {
    const entities = new ViewEntities(plan, 2_000)
    const [first, second] = [entities.find(rowOf('a', 'b', 1)), entities.find(rowOf('a', 'b', 2))]
    for (let seat = 3; seat < 5; seat++) entities.find(rowOf('a', 'b', seat))
    entities.trim()
    // It is young again, and the other one is not.
    expect(entities.find(rowOf('a', 'b', 1))).toBe(first)
    for (let seat = 5; seat < 8; seat++) entities.find(rowOf('a', 'b', seat))
    entities.trim()
    expect(entities.find(rowOf('a', 'b', 1))).toBe(first)
    expect(entities.find(rowOf('a', 'b', 2))).not.toBe(second)
  })
})
