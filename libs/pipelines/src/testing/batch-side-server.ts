// A feature server whose view has one generation and no speed state, at a time that stands.

import type { BatchViewStore } from '@tidemark/ports/batch-view-store'
import type { SpeedViewStore } from '@tidemark/ports/speed-view-store'
import { encodeBucketRecord } from '../log/bucket-record.ts'
import { viewId } from '../names.ts'
import { emptyPointer, replacePointer } from '../pointer.ts'
import { createFeatureServer, type FeatureServer } from '../serve/answer-features.ts'
import type { FeatureCatalog } from '../serve/feature-catalog.ts'
import { createPlainRegisters } from './plain-stores.ts'

export interface BatchSide {
  readonly catalog: FeatureCatalog
  readonly nowMs: number
  readonly cut: number
  /** What the generation has of whatever entity is read. */
  readonly blob: () => Uint8Array | null
}

export async function openBatchSideServer({ catalog, nowMs, cut, blob }: BatchSide): Promise<FeatureServer> {
  const registers = createPlainRegisters()
  const view = viewId(catalog.plans[0]!.view)
  await replacePointer(registers, null, { ...emptyPointer(view), n: 1, floor: 1, next: 2, published: [{ n: 1, base: 0, cut, publishedAtMs: nowMs }] })
  const batchViews: Pick<BatchViewStore, 'readNewest'> = {
    readNewest: async (_, generation, entities) => entities.map(() => {
      const stored = blob()
      return stored && { generation, blob: stored }
    }),
  }
  const speedViews: Pick<SpeedViewStore, 'heartbeats' | 'read'> = {
    heartbeats: async () => new Map(),
    read: async (questions) => questions.map(({ entities }) => ({ record: encodeBucketRecord({ startsAfterEpoch: cut, replaying: [] }), fences: [], entities: entities.map(() => [null, null, null]) })),
  }
  return createFeatureServer({
    catalog: () => catalog, registers, batchViews: batchViews as BatchViewStore, speedViews: speedViews as SpeedViewStore,
    clock: { nowMs: () => nowMs, steadyMs: () => nowMs, wait: () => new Promise(() => undefined) },
  })
}
