// Histories of events for the laws of generations: small ones of a plain view, and those of generated definitions.

import { entitiesOf, generateCase } from '@tidemark/aggregation/testing/generate-case'
import type { OracleEvent } from '@tidemark/aggregation/testing/oracle'
import type { Random } from '@tidemark/aggregation/testing/random'
import { count, last, sum } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int32, string, timestamp } from '@tidemark/feature-schema/dsl'
import type { WorldHistory } from './generation-world.ts'

const EPOCH_LENGTH_MS = 1_000

const taps = eventSource('taps', { fields: { at: timestamp(), user: string(), force: int32() }, eventTime: 'at', epochLength: '1s' })
const touch = featureView('touch', {
  source: taps, entity: { user: 'user' },
  features: { taps: count().over('lifetime'), force: sum('force').over('1h', 'lifetime'), newest: last('force').over('lifetime') },
})

const USERS = ['ann', 'bob', 'cyd', 'dan', 'eve', 'fay']

/** So many epochs of a plain view, each with a few events. */
export function plainHistory(random: Random, epochCount: number): WorldHistory {
  const events: OracleEvent[] = []
  for (let epoch = 0; epoch < epochCount; epoch++) {
    for (let left = random.between(1, 5); left > 0; left--) {
      const appendTimeMs = epoch * EPOCH_LENGTH_MS + random.below(EPOCH_LENGTH_MS)
      const eventTimeMs = Math.max(0, appendTimeMs - random.below(3 * EPOCH_LENGTH_MS))
      events.push({ fields: [eventTimeMs, random.pick(USERS), random.between(1, 100)], eventTimeMs, appendTimeMs, partition: 0, offset: events.length, epoch })
    }
  }
  return { view: touch.definition, source: taps.definition, events, entities: USERS.map((user) => [user]) }
}

/** So many epochs of the plain view in each of which four of six users have an event, others in each. */
export function rotatingHistory(epochCount: number): WorldHistory {
  const events = Array.from({ length: epochCount * 4 }, (_, i): OracleEvent => {
    const epoch = Math.floor(i / 4)
    const atMs = epoch * EPOCH_LENGTH_MS + i
    return { fields: [atMs, USERS[(epoch + (i % 4)) % USERS.length]!, 1 + i], eventTimeMs: atMs, appendTimeMs: atMs, partition: 0, offset: i, epoch }
  })
  return { view: touch.definition, source: taps.definition, events, entities: USERS.map((user) => [user]) }
}

/** A generated definition and its events. */
export function generatedHistory(random: Random): WorldHistory {
  const { view, source, events } = generateCase(random)
  return { view, source, events, entities: entitiesOf(view) }
}
