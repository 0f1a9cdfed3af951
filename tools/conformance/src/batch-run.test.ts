// What a batch run promises besides its blobs: progress, an end when told, one entity alone, and batches of entities of any size.
import { describe, expect, it } from '@jest/globals'
import { createMemoryBatchEngine } from '@tidemark/adapter-memory/memory-batch-engine'
import { mergeAtCut } from '@tidemark/aggregation/merge'
import { planView } from '@tidemark/aggregation/view-plan'
import { count, max, quantile } from '@tidemark/feature-schema/aggregations'
import { eventSource, featureView, int32, string, timestamp } from '@tidemark/feature-schema/dsl'
import { encodeEntityKey } from '@tidemark/feature-schema/entity-key'
import { runBatch, type BatchRun } from '@tidemark/pipelines/batch/batch-run'
import { BlobMap, type EntityBlob } from '@tidemark/pipelines/batch/blob-sink'
import type { EventInput } from '@tidemark/ports/batch-engine'

const taps = eventSource('taps', { fields: { at: timestamp(), user: string().nullable(), force: int32().between(0, 100) }, eventTime: 'at' })
const touch = featureView('touch', {
  source: taps,
  entity: { user: 'user' },
  features: { taps: count().over('1h', 'lifetime'), hardest: max('force').where('force > 5').over('1h'), force_p50: quantile('force', 0.5).over('lifetime') },
})
const plan = planView(touch.definition, taps.definition)
const userCount = 1_200
const records = Array.from({ length: 2_500 }, (_, i) => ({ at: i * 1_000, user: i === 7 ? null : `user ${i % userCount}`, force: i === 9 ? 101 : i % 100 }))
const input: EventInput = { kind: 'records', source: taps.definition, records }

function runOf(more: Partial<Omit<BatchRun, 'sink'>> = {}): BatchRun & { sink: BlobMap } {
  const sink = new BlobMap()
  return { engine: createMemoryBatchEngine({ batchRowCount: 97 }), plan, input, throughEpoch: 0, ...more, sink }
}

describe('runBatch', () => {
  it('writes each entity once, and says what it read and wrote', async () => {
    const run = runOf()
    const result = await runBatch(run)
    expect(run.sink.blobs.size).toBe(userCount)
    expect(result).toMatchObject({ entityCount: userCount, eventCount: 2_498, report: { readCount: 2_500, rejectedCount: 1, nullKeyCount: 1 } })
    expect(result.writtenBytes).toBe([...run.sink.blobs.values()].reduce((sum, blob) => sum + blob.byteLength, 0))
    const blob = run.sink.get(encodeEntityKey(['user 1'], ['string']))
    const { values } = mergeAtCut(plan, blob, [], { cut: 0, t: 2_500_000 })
    expect(values.slice(0, 2)).toEqual([{ status: 'PRESENT', value: 3 }, { status: 'PRESENT', value: 3 }])
  })

  it('reports progress up to the last entity', async () => {
    const seen: number[] = []
    await runBatch(runOf({ onProgress: ({ writtenCount, entityCount }) => seen.push(writtenCount / entityCount) }))
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(seen.length).toBeGreaterThan(1)
    expect(seen.at(-1)).toBe(1)
  })

  it('ends when it is told to, with the reason, and lets the engine go', async () => {
    const controller = new AbortController()
    const engine = createMemoryBatchEngine()
    let isReleased = false
    const watched = {
      ...engine,
      async groupPanes(query: Parameters<typeof engine.groupPanes>[0], signal?: AbortSignal) {
        expect(signal).toBe(controller.signal)
        const result = await engine.groupPanes(query)
        return { ...result, [Symbol.asyncDispose]: async () => void (isReleased = true) }
      },
    }
    const run = runOf({ engine: watched, signal: controller.signal, onProgress: () => controller.abort(new Error('enough')) })
    await expect(runBatch(run)).rejects.toThrow('enough')
    expect(isReleased).toBe(true)
    expect(run.sink.blobs.size).toBeLessThan(userCount)
  })

  it('reads one entity alone, and gives it the same blob', async () => {
    const all = runOf()
    await runBatch(all)
    const one = runOf({ entity: ['user 42'] })
    expect(await runBatch(one)).toMatchObject({ entityCount: 1, eventCount: 3 })
    const entity = encodeEntityKey(['user 42'], ['string'])
    expect(one.sink.get(entity)).toEqual(all.sink.get(entity))
  })

  it('passes on what a sink throws', async () => {
    const failing = { write: (_: readonly EntityBlob[]) => Promise.reject(new Error('disk full')) }
    await expect(runBatch({ ...runOf(), sink: failing })).rejects.toThrow('disk full')
  })
})
