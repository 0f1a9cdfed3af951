// Law 7: what a store finds damaged makes the values of that entity, or of that bucket's entities, UNAVAILABLE, and touches no other of the request.

import { describe, expect, it } from '@jest/globals'
import { encodeBatchBlob } from '@tidemark/aggregation/batch-blob'
import { panesOfEvents } from '@tidemark/aggregation/testing/event-panes'
import { count } from '@tidemark/feature-schema/aggregations'
import { collectDefinitions } from '@tidemark/feature-schema/collect-definitions'
import { eventSource, featureView, string, timestamp } from '@tidemark/feature-schema/dsl'
import { TidemarkError, type ErrorCode } from '@tidemark/feature-schema/errors'
import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { viewId } from '../names.ts'
import { emptyPointer, replacePointer } from '../pointer.ts'
import { createPlainRegisters } from '../testing/plain-stores.ts'
import { createFeatureServer } from './answer-features.ts'
import { catalogOf } from './feature-catalog.ts'
import type { FeatureAnswer } from './feature-answer.ts'

const NOW_MS = 1_000_000_000
const CUT = 5
const ENTITY_COUNT = 200
const clicks = eventSource('clicks', { fields: { at: timestamp(), user: string() }, eventTime: 'at' })
const totals = featureView('totals', { source: clicks, entity: { user: 'user' }, buckets: 8, features: { clicks: count().over('1h') } })
const catalog = catalogOf(collectDefinitions([clicks, totals]))
const plan = catalog.plans[0]!
const event = { fields: [NOW_MS - 2, 'x'], eventTimeMs: NOW_MS - 2, appendTimeMs: NOW_MS - 1, partition: 0, offset: 0, epoch: CUT }
const blob = encodeBatchBlob(plan, { logTimeMs: NOW_MS - 1, throughEpoch: CUT, panes: panesOfEvents(plan, [event], () => NOW_MS - 1) })

interface Damage {
  /** By what the key of an entity contains. */
  readonly entity?: string
  readonly bucket?: number
  readonly record?: number
  readonly code?: ErrorCode
}

async function ask({ entity, bucket, record, code = 'STORE_DAMAGED' }: Damage): Promise<{ answer: FeatureAnswer; bucketOf: ReadonlyMap<string, number> }> {
  const refuseIf = (isDamaged: boolean): void => {
    if (isDamaged) throw new TidemarkError([{ code, message: 'The checksum of a value is not what was written.', where: 'a key', action: 'Look.' }])
  }
  const bucketOf = new Map<string, number>()
  const registers = createPlainRegisters()
  await replacePointer(registers, null, { ...emptyPointer(viewId(plan.view)), n: 1, floor: 1, next: 2, published: [{ n: 1, base: 0, cut: CUT, publishedAtMs: NOW_MS }] })
  const batchViews: Pick<BatchViewStore, 'readNewest'> = {
    readNewest: async (_, generation, entities) => entities.map((key) => {
      refuseIf(entity !== undefined && Buffer.from(key).includes(entity))
      return { generation, blob }
    }),
  }
  const speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'> = {
    heartbeats: async () => new Map(),
    read: async (questions) => questions.map((question) => {
      for (const key of question.entities) bucketOf.set(/\d+$/.exec(Buffer.from(key).toString())![0], question.bucket)
      refuseIf(question.bucket === bucket)
      const bytes = encodeBucketRecord({ startsAfterEpoch: CUT, replaying: [] })
      if (question.bucket === record) bytes[bytes.length - 1]! ^= 1
      return { record: bytes, fences: [], entities: question.entities.map(() => [null, null, null]) }
    }),
  }
  const server = createFeatureServer({
    catalog: () => catalog, registers, batchViews: batchViews as BatchViewStore, speedViews: speedViews as SpeedViewStore, clock: { nowMs: () => NOW_MS, steadyMs: () => NOW_MS, wait: () => new Promise(() => undefined) },
  })
  const entities = Array.from({ length: ENTITY_COUNT }, (_, i) => ({ user: `u${i}` }))
  const answer = await server.answer({ asked: { features: [{ view: 'totals', feature: 'clicks_1h' }] }, entities, policy: 'degrade', deadlineMs: 1_000, explain: false })
  return { answer, bucketOf }
}

/** Numbers of the entities whose value is not there, with why. */
const missing = ({ entities }: FeatureAnswer): (readonly [string, string | undefined])[] =>
  entities.flatMap(({ values: [value] }, i) => (value!.status === 'PRESENT' && value!.value === 1 ? [] : [[String(i), value!.reason] as const]))
const codesOf = ({ degraded }: FeatureAnswer): string[] => degraded.map(({ code }) => code).filter((code) => code !== 'SPEED_SILENT')

describe('damage that a store finds', () => {
  it('in the batch row of an entity is of that entity', async () => {
    const { answer } = await ask({ entity: 'u150' })
    expect(missing(answer)).toEqual([['150', 'state_damaged']])
    expect(codesOf(answer)).toEqual(['STATE_DAMAGED'])
  })

  it.each(['bucket', 'record'] as const)('in a %s is of the entities of that bucket', async (what) => {
    const { answer, bucketOf } = await ask({ [what]: 3 })
    const inBucket = Array.from({ length: ENTITY_COUNT }, (_, i) => String(i)).filter((i) => bucketOf.get(i) === 3)
    expect(inBucket.length).toBeGreaterThan(0)
    expect(inBucket.length).toBeLessThan(ENTITY_COUNT / 2)
    expect(missing(answer)).toEqual(inBucket.map((i) => [i, 'state_damaged']))
    expect(codesOf(answer)).toEqual(['STATE_DAMAGED'])
  })

  it('is not what a store that cannot be reached has', async () => {
    const { answer } = await ask({ entity: 'u150', code: 'STORE_UNAVAILABLE' })
    // It is asked for some entities at a time: those that are asked for with the one are not read either.
    const reasons = new Map(missing(answer))
    expect([reasons.get('150'), new Set(reasons.values()).size]).toEqual(['batch_unavailable', 1])
    expect(codesOf(answer)).toEqual(['BATCH_UNAVAILABLE'])
  })
})
