// Law 7: where a declared default stands in for a value, which says so and keeps its status; and where it would be a guess.

import { expect, it } from '@jest/globals'
import { encodeBatchBlob } from '@tidemark/aggregation/batch-blob'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count, max, sum } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, int64, string, timestamp } from '@tidemark/feature-schema/dsl'
import { openBatchSideServer } from '../testing/batch-side-server.ts'
import { catalogOf } from './feature-catalog.ts'
import type { FeatureAnswer } from './feature-answer.ts'
import type { Policy } from './feature-request.ts'

const NOW_MS = 1_000_000_000
const payments = eventSource('payments', { fields: { at: timestamp(), card: string(), amount: int64().nullable() }, eventTime: 'at' })
const spending = featureView('spending', {
  source: payments, entity: { card: 'card' }, maxAge: '10m',
  features: { payments: count().default(-1).over('1h'), top: max('amount').default(-2).over('1h'), total: sum('amount').default(-3).over('1h'), plain: max('amount').over('1h') },
})
const catalog = catalogOf(collectDefinitions([payments, spending]))
const plan = catalog.plans[0]!

/** By card: when it paid, and how much. */
const EVENTS: Readonly<Record<string, readonly (readonly [number, bigint | null])[]>> = {
  usual: [[NOW_MS - 60_000, 5n]], empty: [[NOW_MS - 60_000, null]], huge: [[NOW_MS - 60_000, 2n ** 62n], [NOW_MS - 50_000, 2n ** 62n]], old: [[NOW_MS - 1_800_000, 5n]], damaged: [[NOW_MS - 60_000, 5n]],
}

function blobOf(card: string): Uint8Array | null {
  const events = EVENTS[card]?.map(([at, amount], offset) => ({ fields: [at, card, amount], eventTimeMs: at, appendTimeMs: at, partition: 0, offset, epoch: 5 }))
  if (events === undefined) return null
  const logTimeMs = Math.max(...events.map(({ appendTimeMs }) => appendTimeMs))
  const blob = encodeBatchBlob(plan, { logTimeMs, throughEpoch: 5, panes: panesOfEvents(plan, events, () => logTimeMs) })
  if (card === 'damaged') blob[blob.length - 1]! ^= 1
  return blob
}

async function ask(card: string, policy: Policy): Promise<FeatureAnswer> {
  const server = await openBatchSideServer({ catalog, nowMs: NOW_MS, cut: 5, blob: () => blobOf(card) })
  const features = plan.features.map(({ name }) => ({ view: 'spending', feature: name }))
  return server.answer({ asked: { features }, entities: [{ card }], policy, deadlineMs: 1_000, explain: false })
}

const inPlaceOf = (value: number, status: string, reason?: string): object => ({ status, value, isDefault: true, ...(reason !== undefined && { reason }) })

it.each<[string, (object | number)[]]>([
  ['usual', [1, 5, 5, 5]],
  ['empty', [1, inPlaceOf(-2, 'NULL_VALUE'), inPlaceOf(-3, 'NULL_VALUE'), { status: 'NULL_VALUE', value: null }]],
  ['unknown', [inPlaceOf(-1, 'NOT_FOUND'), inPlaceOf(-2, 'NOT_FOUND'), inPlaceOf(-3, 'NOT_FOUND'), { status: 'NOT_FOUND', value: null }]],
  // It is known what they were, and that it is too old.
  ['old', [0, 1, 2, 3].map(() => ({ status: 'OUTSIDE_MAX_AGE', value: null }))],
  ['huge', [2, 2 ** 62, { status: 'UNAVAILABLE', value: null, reason: 'overflow' }, 2 ** 62]],
  ['damaged', [...[-1, -2, -3].map((value) => inPlaceOf(value, 'UNAVAILABLE', 'state_damaged')), { status: 'UNAVAILABLE', value: null, reason: 'state_damaged' }]],
])('gives defaults to who asks for them: %s', async (card, expected) => {
  const { entities: [entity] } = await ask(card, 'defaults')
  const told = entity!.values.map((served) => (served.status === 'PRESENT' ? Number(served.value) : served))
  expect(told).toEqual(expected)
  const { entities: [plain] } = await ask(card, 'degrade')
  expect(plain!.values).toEqual(entity!.values.map(({ isDefault, ...served }) => (isDefault === true ? { ...served, value: null } : served)))
})
