// A batch run: events grouped by the engine, packed into a blob for each entity. On a base only the new epochs are read, and the
// entities that they touch get the base's panes and the new ones merged, at their new log time: the same as from all events.
import { encodeBatchBlob } from '@tidemark/aggregation/batch-blob'
import type { ViewPlan } from '@tidemark/aggregation/view-plan'
import type { Value } from '@tidemark/feature-schema/value'
import type { BatchEngine, EventInput, InputReport } from '@tidemark/ports/batch-engine'
import type { BaseBlobs, BlobSink, EntityBlob } from './blob-sink.ts'
import { loadPanes, type EntityPanes } from './pane-loader.ts'
import { paneQuery } from './pane-query.ts'

export interface BatchRun {
  readonly engine: BatchEngine
  readonly plan: ViewPlan
  readonly input: EventInput
  readonly sink: BlobSink
  /** The cut: the last epoch that the blobs contain afterwards. */
  readonly throughEpoch: number
  /** Without one the run is full. */
  readonly base?: BaseBlobs
  /** The input has exactly the epochs after the base's cut up to `throughEpoch`, told apart by who made it: the engine leaves none out. */
  readonly isInputExact?: boolean
  /** Only events known before this time. */
  readonly untilMs?: number
  /** Only this entity, by its join-key values. */
  readonly entity?: readonly Value[]
  /** Called after each batch of entities. */
  readonly onProgress?: (progress: BatchProgress) => void
  /** Ends the engine's work, or the run at the next batch of entities, with the signal's reason; what was written stays. */
  readonly signal?: AbortSignal
}

export interface BatchProgress {
  readonly writtenCount: number
  /** Entities that the run writes. */
  readonly entityCount: number
}

export interface BatchRunResult {
  readonly report: InputReport
  readonly entityCount: number
  readonly eventCount: number
  readonly paneCount: number
  readonly writtenBytes: number
}

/** Entities that are packed, and whose base is read, at a time. */
const ENTITIES_PER_BATCH = 500

/** Runs a batch to its end. */
export async function runBatch(run: BatchRun): Promise<BatchRunResult> {
  const { engine, plan, input, base, throughEpoch, untilMs = null, entity, isInputExact = false, signal, sink } = run
  signal?.throwIfAborted()
  const epochs = isInputExact ? { afterEpoch: null, throughEpoch: null } : { afterEpoch: base?.cut ?? null, throughEpoch }
  const { query, asked } = paneQuery(plan, input, { ...epochs, untilMs, ...(entity && { entity }) })
  await using result = await engine.groupPanes(query, signal)
  const { report, entityCount } = result
  const written = { entityCount: 0, eventCount: 0, paneCount: 0, writtenBytes: 0 }
  for await (const entities of inBatches(loadPanes(plan, result, asked), ENTITIES_PER_BATCH)) {
    signal?.throwIfAborted()
    const blobs = await packBlobs(run, entities)
    await sink.write(blobs)
    written.entityCount += blobs.length
    for (const { blob } of blobs) written.writtenBytes += blob.byteLength
    for (const { eventCount, panes } of entities) {
      written.eventCount += eventCount
      written.paneCount += panes.length
    }
    run.onProgress?.({ writtenCount: written.entityCount, entityCount })
  }
  return { report, ...written }
}

async function packBlobs({ plan, base, throughEpoch }: BatchRun, entities: readonly EntityPanes[]): Promise<EntityBlob[]> {
  const baseBlobs = await base?.read(entities.map(({ entity }) => entity))
  return entities.map(({ entity, logTimeMs, panes }, i) => (
    { entity, blob: encodeBatchBlob(plan, { logTimeMs, throughEpoch, panes, base: baseBlobs?.[i] ?? null }) }
  ))
}

async function* inBatches<T>(items: AsyncIterable<T>, countMax: number): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < countMax) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
